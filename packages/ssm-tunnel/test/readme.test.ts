import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startSsmSimulator } from '@postern/ssm-simulator';
import { expect, it, vi } from 'vitest';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const [quickstart = '', leftovers = ''] = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(
  ([, code]) => code,
);

it('the examples of the README run as they are written, but for port and path', async () => {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = /remoteHost: '([^']+)'/.exec(quickstart)?.[1] ?? '';
  await using simulator = await startSsmSimulator({ hosts: { [host]: '127.0.0.1' } });
  simulator.registerInstance({ instanceId: 'i-0a1b2c3d4e5f60718', tags: { Role: 'jump-host' } });
  const folder = mkdtempSync(join(tmpdir(), 'ssm-tunnel-readme-'));
  try {
    symlinkSync(
      fileURLToPath(new URL('../../../node_modules', import.meta.url)),
      join(folder, 'node_modules'),
    );
    const code = quickstart
      .replace('5432', String((server.address() as AddressInfo).port))
      .replace('/run/user/1000/db.sock', join(folder, 'db.sock'))
      .replace(
        '// …',
        `stream.write('hello');
        stream.once('data', (data) => console.log(String(data), address.host, socket.address.path, tunnel.state));
        await new Promise((resolve) => stream.once('data', resolve));`,
      );
    writeFileSync(join(folder, 'quickstart.mjs'), code);
    writeFileSync(
      join(folder, 'leftovers.mjs'),
      `const region = 'eu-west-2';\n${leftovers}\nconsole.log(JSON.stringify(ended));`,
    );
    const run = async (script: string): Promise<string> => {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--conditions=@postern/source', join(folder, script)],
        {
          timeout: 30_000,
          env: {
            PATH: process.env['PATH'] ?? '',
            AWS_ENDPOINT_URL_SSM: simulator.endpoint,
            AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
            AWS_SECRET_ACCESS_KEY: 'top-secret',
          },
        },
      );
      return stdout.trim();
    };
    expect(await run('quickstart.mjs')).toBe(`hello 127.0.0.1 ${join(folder, 'db.sock')} { name: 'open' }`);
    expect(await run('leftovers.mjs')).toBe('[]');
    await vi.waitFor(() => expect(simulator.statistics().openSessions).toBe(0), 20_000);
    expect(simulator.statistics().sessionsStarted).toBe(1);
    simulator.assertNoViolations();
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
