import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { root } from './workspace.ts';

test('no file, export or dependency stands unused', { timeout: 120_000 }, () => {
  const { stdout, stderr, status } = spawnSync('knip', ['--no-progress', '--reporter', 'compact'], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  expect({ status, report: stdout + stderr }).toEqual({ status: 0, report: expect.any(String) });
});
