import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startSsmSimulator } from '@postern/ssm-simulator';
import { expect, it } from 'vitest';
import { startConnectProxy } from './aws-connect-proxy.ts';
import { startNode, target } from './simulated-node.ts';

async function echoOf(stream: Duplex, message: string): Promise<string> {
  stream.write(message);
  const [answer] = await once(stream, 'data');
  return String(answer);
}

it('carries a whole tunnel through a proxy, and the next upgrade after a cut', async () => {
  await using proxy = await startConnectProxy();
  await using node = await startNode();
  await using tunnel = await node.open({ proxy: proxy.url });
  const stream = tunnel.connect();
  expect(await echoOf(stream, 'hello')).toBe('hello');
  const asked = proxy.asked.length;
  node.simulator.faults.cutChannel(tunnel.sessionId);
  expect(await echoOf(stream, 'again')).toBe('again');
  expect(proxy.asked.length).toBeGreaterThan(asked);
  const authority = node.simulator.endpoint.replace('http://', '');
  expect(new Set(proxy.asked.map((request) => request.authority))).toEqual(new Set([authority]));
});

it.each<[string, (nth: number) => number]>([
  ['all', () => 407],
  ['the data channel', (nth) => (nth === 1 ? 200 : 403)],
])('says that the proxy refused %s, when it did', async (_, status) => {
  await using proxy = await startConnectProxy({ status });
  await using node = await startNode();
  await expect(node.open({ proxy: proxy.url })).rejects.toMatchObject({ code: 'SSM_PROXY_REFUSED' });
});

it('lets a process end whose tunnel through a proxy has nothing to do', async () => {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await using proxy = await startConnectProxy();
  await using simulator = await startSsmSimulator();
  simulator.registerInstance({ instanceId: target });
  const options = {
    target,
    remotePort: (server.address() as AddressInfo).port,
    region: 'eu-west-2',
    endpoint: simulator.endpoint,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'top-secret' },
    proxy: proxy.url,
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
