import { spawn } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createSsmSimulator } from '../src/index.ts';
import { closedPort, destination, echo } from './destinations.ts';
import { type Access, handshakeResponse, RawClient, start, waitFor } from './raw-client.ts';
import { frameTexts, psh, syn } from './raw-envelope.ts';
import { type Running, running } from './setup.ts';
import { inVirtualTime } from './virtual-time.ts';

test('close ends every session, connection and timer, once', async () => {
  await using server = await echo();
  // The timers are those of the test; the next test counts the simulator's.
  const resources = (): number =>
    process.getActiveResourcesInfo().filter((resource) => resource !== 'Timeout').length;
  const before = resources();
  const simulator = await running();
  const client = await RawClient.ready(await start(simulator, { port: server.port }));
  client.data(syn(3), psh(3, 'hello'));
  await waitFor(() => (frameTexts(client.output).length === 1 ? true : undefined));
  await start(simulator, { port: 1 });
  simulator.faults.delayNext((await start(simulator, { port: 2 })).SessionId, 'to-client', 3_600_000);
  const closing = simulator.close();
  expect(simulator.close()).toBe(closing);
  await closing;
  await client.waitClosed();
  expect(simulator.statistics().openSessions).toBe(0);
  await waitFor(() => (server.sockets.every((socket) => socket.destroyed) ? true : undefined));
  await waitFor(() => (resources() <= before ? true : undefined));
});

test('close leaves no timer, whatever was going on', () =>
  inVirtualTime(async () => {
    await using server = await echo();
    const simulator = await running({ service: { oneWayDelayMs: 1, maxSessionDurationMs: 60_000 } });
    const access = await waitForStart(simulator, server.port);
    const opening = RawClient.open(access);
    const client = await waitFor(async () => {
      await vi.advanceTimersByTimeAsync(1);
      return await Promise.race([opening, undefined]);
    });
    await client.stream(5);
    client.input(6, handshakeResponse());
    await client.stream(7);
    client.acknowledges = false;
    client.data(syn(3), psh(3, 'hello'));
    await client.stream(1);
    simulator.faults.noise({ reorder: 1 });
    client.data(psh(3, 'held'));
    simulator.faults.delayNext(access.SessionId, 'to-client', 60_000);
    simulator.faults.closeChannel((await waitForStart(simulator, server.port)).SessionId);
    const waiting = new WebSocket(access.StreamUrl);
    waiting.on('error', () => {});
    await simulator.close();
    expect(vi.getTimerCount()).toBe(0);
    client.socket.terminate();
    waiting.terminate();
  }));

async function waitForStart(simulator: Running, port: number): Promise<Access> {
  const starting = start(simulator, { port });
  await vi.advanceTimersByTimeAsync(2);
  return await starting;
}

test('close does not wait for a session whose destination does not read', async () => {
  await using server = await destination((socket) => socket.pause());
  const simulator = await running();
  const client = await RawClient.ready(await start(simulator, { port: server.port }));
  client.data(syn(3));
  const chunk = psh(3, Buffer.alloc(65_000));
  for (let count = 0; count < 600; count++) client.data(chunk);
  await client.message('pause_publication');
  // The service does not read any more either, so what is left stays with the client.
  await waitFor(() => (client.socket.bufferedAmount > 0 ? true : undefined));
  await simulator.close();
  await client.waitClosed();
});

test('a process that closed its simulator ends by itself', async () => {
  const script = fileURLToPath(new URL('fixtures/whole-life.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@postern/source', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 20_000,
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, 'exit');
  expect([code, output]).toEqual([0, 'closed\n']);
});

test('what happens is published, without tokens or payloads', async () => {
  const seen: string[] = [];
  const names = ['api', 'session', 'channel', 'dial', 'violation'].map(
    (name) => `postern:ssm-simulator:${name}`,
  );
  const listener = (event: unknown, name: string | symbol): void => {
    seen.push(`${String(name).split(':')[2]} ${JSON.stringify(event)}`);
  };
  for (const name of names) subscribe(name, listener);
  await using server = await echo();
  const refused = await closedPort();
  const simulator = await running();
  const access = await start(simulator, { host: '127.0.0.1', port: server.port });
  const client = await RawClient.ready(access);
  client.data(syn(3), psh(3, 'a secret'));
  client.socket.send('not binary');
  await waitFor(() => (frameTexts(client.output).length === 1 ? true : undefined));
  const other = await RawClient.ready(await start(simulator, { host: '127.0.0.1', port: refused }));
  other.data(syn(3));
  await other.stream(10);
  await expect(start(simulator, { port: 'x' })).rejects.toThrow();
  await simulator.close();
  for (const name of names) unsubscribe(name, listener);

  const id = access.SessionId;
  expect(seen).toEqual(
    expect.arrayContaining([
      'api {"operation":"StartSession"}',
      'api {"operation":"StartSession","code":"InvalidParameters"}',
      `session {"sessionId":"${id}","status":"Connecting"}`,
      `session {"sessionId":"${id}","status":"Connected"}`,
      `session {"sessionId":"${id}","status":"Terminated"}`,
      `channel {"sessionId":"${id}","state":"opened"}`,
      `dial {"sessionId":"${id}","host":"127.0.0.1","port":${server.port}}`,
      `violation {"kind":"not-binary","sessionId":"${id}","detail":"a text frame after OpenDataChannel"}`,
    ]),
  );
  expect(seen.some((event) => event.startsWith('dial') && event.includes('"error":"ECONNREFUSED"'))).toBe(
    true,
  );
  expect(seen.join()).not.toContain(access.TokenValue);
  expect(seen.join()).not.toContain('a secret');
});

test('options out of their range are refused, all at once', () => {
  expect(() =>
    createSsmSimulator({
      agent: { payloadBytes: 0, handshakeTimeoutMs: 2 ** 31, vpcCidrs: ['10.0.0.0'] },
      service: { idleTimeoutMs: -1, oneWayDelayMs: Number.NaN, ...{ absentPeer: 'keep' as 'queue' } },
    }),
  ).toThrow(
    expect.objectContaining({
      message:
        'agent.handshakeTimeoutMs is not above 0 and at most 2147483647; ' +
        'agent.payloadBytes is no whole number from 1 to 65,536; ' +
        'agent.vpcCidrs: 10.0.0.0 is no network such as 10.0.0.0/16; ' +
        'service.idleTimeoutMs is no number from 0 to 2147483647; ' +
        'service.absentPeer is none of queue, drop; ' +
        'service.oneWayDelayMs is no number from 0 to 2147483647',
    }),
  );
});

test('a misspelt option is refused instead of being the default', () => {
  expect(() =>
    createSsmSimulator({
      ...{ host: {} },
      agent: { pacing: false, ...{ pacng: false } },
      service: { idleTimeoutMs: 1, ...{ idleMs: 1 } },
    }),
  ).toThrow(
    expect.objectContaining({
      code: 'SSM_SIMULATOR_OPTIONS_INVALID',
      message: expect.stringMatching(
        /^host is no option .*; agent\.pacng is no option .*; service\.idleMs is no option /,
      ),
    }),
  );
});
