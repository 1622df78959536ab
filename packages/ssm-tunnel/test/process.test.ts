import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startSsmSimulator } from '@postern/ssm-simulator';
import { expect, it } from 'vitest';

it('does not keep a process alive that has nothing left to do, and holds it while a stream is open', async () => {
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
  const script = fileURLToPath(new URL('./fixtures/idle-tunnel.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@postern/source', script, JSON.stringify(options)],
    { timeout: 20_000 },
  );
  expect(stdout).toBe('hello');
  server.close();
});
