import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { median } from './median.ts';

const run = (...args: string[]): Promise<{ stdout: string }> =>
  promisify(execFile)(process.execPath, [
    '--conditions=@postern/source',
    fileURLToPath(new URL('main.ts', import.meta.url)),
    ...args,
  ]);

test('the median of an even number of values lies between the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

test('an unknown command says which there are, with exit code 2', async () => {
  await expect(run('nothing')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Commands: artefact'),
  });
  await expect(run()).rejects.toMatchObject({ code: 2 });
});
