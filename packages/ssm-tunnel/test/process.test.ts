import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startSsmSimulator } from '@postern/ssm-simulator';
import { expect, it } from 'vitest';

/** Runs a script with a tunnel to an echo, and returns what it prints. */
async function run(name: string): Promise<string> {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await using simulator = await startSsmSimulator();
  simulator.registerInstance({ instanceId: 'i-0a1b2c3d4e5f60718' });
  const options = {
    target: 'i-0a1b2c3d4e5f60718',
    remotePort: (server.address() as AddressInfo).port,
    region: 'eu-west-2',
    endpoint: simulator.endpoint,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'top-secret' },
  };
  const script = fileURLToPath(new URL(`./fixtures/${name}.ts`, import.meta.url));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@postern/source', script, JSON.stringify(options)],
    { timeout: 20_000 },
  );
  server.close();
  expect(simulator.violations()).toEqual([]);
  return stdout;
}

it('does not keep a process alive that has nothing left to do, and holds it while a stream is open', async () => {
  expect(await run('idle-tunnel')).toBe('hello');
});

it('holds the process while a stream waits for a session', async () => {
  expect(await run('waiting-stream')).toBe('hello');
});

it('an exception in one reader’s handler is its own, and costs the others nothing', async () => {
  expect(JSON.parse(await run('throwing-handler'))).toEqual({ caught: ['mine'], received: 30_000 });
});
