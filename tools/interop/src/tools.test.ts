import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { missingTools } from './tools.ts';

const tools = [
  { name: 'aws', install: 'get aws' },
  { name: 'psql', install: 'get psql' },
];

test('a missing client is named with the way to get it, a folder or plain file of that name is none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-interop-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [empty, full] = [join(folder, 'empty'), join(folder, 'full')];
  await mkdir(join(empty, 'aws'), { recursive: true });
  await mkdir(full);
  await writeFile(join(full, 'psql'), '', { mode: 0o644 });
  expect(missingTools(tools, [empty, full].join(delimiter))).toEqual(tools);

  await writeFile(join(full, 'aws'), '', { mode: 0o755 });
  expect(missingTools(tools, [empty, full].join(delimiter))).toEqual([tools[1]]);
});

test('an empty PATH misses everything', () => {
  expect(missingTools(tools, '')).toEqual(tools);
});
