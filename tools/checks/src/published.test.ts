import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { expect, test } from 'vitest';
import { projects, readJson, root } from './workspace.ts';

test('what is published can be imported: every export has its file and its types', async () => {
  const problems: string[] = [];
  const published = projects().filter(
    ({ folder, manifest }) => folder.startsWith('packages/') && manifest.private !== true,
  );
  for (const { folder } of published) {
    const { messages } = await publint({ pkgDir: join(root, folder), strict: true, pack: false });
    const manifest = readJson<Record<string, unknown>>(`${folder}/package.json`);
    problems.push(...messages.map((message) => `${folder}: ${formatMessage(message, manifest)}`));
  }
  expect(problems).toEqual([]);
});
