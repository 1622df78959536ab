import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { cacheDir } from './fixtures/test-front.ts';

test('the quick start of the README runs, and prints what it says', async () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const source = /## Quick start\n\n```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  // Inside the package, so that its names resolve as they do for a user.
  await mkdir(join(root, '.cache'), { recursive: true });
  const folder = await mkdtemp(join(root, '.cache', 'readme-'));
  try {
    const file = join(folder, 'quick-start.mts');
    await writeFile(file, source.replace("'.cache/postern'", JSON.stringify(cacheDir)));
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      '--conditions=@postern/source',
      file,
    ]);
    expect(stdout).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+ eu-west-2\npassword authentication failed for user "pt_ledger_app"\n$/,
    );
    expect(stderr).toBe('');
  } finally {
    await rm(folder, { recursive: true });
  }
});
