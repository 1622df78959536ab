import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { median } from './median.ts';

const run = (args: string[], env: NodeJS.ProcessEnv = {}): Promise<{ stdout: string }> =>
  promisify(execFile)(
    process.execPath,
    ['--conditions=@postern/source', fileURLToPath(new URL('main.ts', import.meta.url)), ...args],
    { env: { PATH: process.env['PATH'], ...env } },
  );

test('the median of an even number of values lies between the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

test('an unknown command says which there are, with exit code 2', async () => {
  await expect(run(['nothing'])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Commands: artefact, tunnel, test-databases'),
  });
  await expect(run([])).rejects.toMatchObject({ code: 2 });
});

test('a misspelt bench or option runs nothing and says what there is, with exit code 2', async () => {
  await expect(run(['tunnel', 'throughputs'])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('known: throughput, striping, cpu, connect, latency'),
  });
  await expect(run(['tunnel', '--fast'])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Unknown option '--fast'"),
  });
  await expect(run(['artefact', '--quick'])).rejects.toMatchObject({ code: 2 });
});

test('an endpoint without its variables is refused with all that is missing', async () => {
  const environment = { POSTERN_CONFORMANCE_TARGET: 'i-0a1b2c3d4e5f60718' };
  const { code, stderr } = (await run(['tunnel', '--endpoint'], environment).catch((error) => error)) as {
    code: number;
    stderr: string;
  };
  expect(code).toBe(2);
  expect(stderr).toContain('POSTERN_CONFORMANCE_ENDPOINT must be');
  expect(stderr).toContain('POSTERN_CONFORMANCE_REMOTE must be');
  expect(stderr).not.toContain('POSTERN_CONFORMANCE_TARGET must be');
});
