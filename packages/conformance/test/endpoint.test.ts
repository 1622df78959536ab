import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const node = (file: string): string[] => ['--conditions=@postern/source', path(file)];

/** Without the caller's own variables. */
const cleanEnvironment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(POSTERN_|AWS_|VITEST|NODE_OPTIONS|HTTPS?_PROXY)/i.test(name),
  ),
);

/** `npm run conformance`, from its first line to its exit code. */
function conformance(
  variables: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve) => {
    const env = { ...cleanEnvironment, ...variables };
    const command = [...node('../src/main.ts'), ...args];
    execFile(process.execPath, command, { env, timeout: 100_000, maxBuffer: 1e8 }, (error, _, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stderr }),
    );
  });
}

describe('npm run conformance', () => {
  it('says which variables it needs, all at once, instead of passing without a test', async () => {
    const { code, stderr } = await conformance({ POSTERN_CONFORMANCE_TARGET: 'i-0a1b2c3d4e5f60718' });
    expect(code).toBe(2);
    expect(stderr).toContain('POSTERN_CONFORMANCE_ENDPOINT is missing');
    expect(stderr).toContain('POSTERN_CONFORMANCE_REMOTE is missing');
    expect(stderr).not.toContain('POSTERN_CONFORMANCE_TARGET is');
  });

  it('runs what an endpoint allows, against a service of which it only knows the address', async () => {
    const service = spawn(process.execPath, node('./fixtures/endpoint.ts'), {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: cleanEnvironment,
    });
    const folder = await mkdtemp(join(tmpdir(), 'postern-'));
    try {
      const lines = createInterface({ input: service.stdout })[Symbol.asyncIterator]();
      const { endpoint, target, remote, region } = JSON.parse((await lines.next()).value ?? '');
      const report = join(folder, 'report.json');
      const { code, stderr } = await conformance(
        {
          POSTERN_CONFORMANCE_ENDPOINT: endpoint,
          POSTERN_CONFORMANCE_TARGET: target,
          POSTERN_CONFORMANCE_REMOTE: remote,
          POSTERN_CONFORMANCE_REGION: region,
          AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
          AWS_SECRET_ACCESS_KEY: 'secret-of-the-example',
        },
        ['--reporter=json', `--outputFile=${report}`],
      );
      const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(
        await readFile(report, 'utf8'),
      );
      expect({ code, numFailedTests, numPendingTests, stderr, testResults }).toMatchObject({
        code: 0,
        numFailedTests: 0,
        numPendingTests: 0,
      });
      expect(numPassedTests).toBeGreaterThan(30);
      service.stdin.end();
      const outcome = JSON.parse((await lines.next()).value ?? '');
      expect(outcome).toEqual({ openSessions: 0, sessionsStarted: expect.any(Number), violations: [] });
    } finally {
      service.kill();
      if (service.exitCode === null) await once(service, 'exit');
      await rm(folder, { recursive: true });
    }
  }, 120_000);
});
