import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { encodeSmuxFrame, SmuxCommand } from '@postern/ssm-protocol';
import { expect, it, vi } from 'vitest';
import { openTunnel } from '../src/index.ts';
import { read } from './reading.ts';
import { politeAgent, startScriptedGateway } from './scripted-gateway.ts';
import { startNode, target } from './simulated-node.ts';

it('data right behind the handshake does not hang the session, as it does the official client', async () => {
  await using node = await startNode();
  const onSession = (event: unknown): void => {
    const { sessionId, status } = event as { sessionId: string; status: string };
    if (status === 'Connecting') node.simulator.faults.speakAfterHandshake(sessionId);
  };
  subscribe('postern:ssm-simulator:session', onSession);
  const tunnel = await node.open();
  unsubscribe('postern:ssm-simulator:session', onSession);
  const stream = tunnel.connect();
  stream.write('hello');
  expect((await read(stream, 5)).toString()).toBe('hello');
  expect(tunnel.stats().messagesReceived).toBeGreaterThan(3);
  stream.destroy();
});

it('an agent that loses its connection and comes back costs time but not a byte, in either direction', async () => {
  await using node = await startNode();
  const tunnel = await node.open();
  const { faults } = node.simulator;
  const stream = tunnel.connect();
  const data = randomBytes(60_000);
  stream.write(data.subarray(0, 1_000));
  expect((await read(stream, 1_000)).equals(data.subarray(0, 1_000))).toBe(true);
  faults.disconnectAgent(tunnel.sessionId);
  stream.write(data.subarray(1_000));
  // What the server says meanwhile goes nowhere, and the agent does not notice.
  node.connections[0]?.write('lost at first ');
  await vi.waitFor(() => expect(node.simulator.statistics().bytesDown).toBe(1_014), 20_000);
  faults.reconnectAgent(tunnel.sessionId);
  const rest = await read(stream, 14 + data.length - 1_000);
  expect(rest.toString('latin1')).toBe(`lost at first ${data.subarray(1_000).toString('latin1')}`);
  stream.destroy();
}, 60_000);

it('a pause holds what is written, and its end lets it go', async () => {
  await using node = await startNode();
  const tunnel = await node.open();
  const stream = tunnel.connect();
  stream.write('a');
  await read(stream, 1);
  await vi.waitFor(() => expect(tunnel.stats().unackedMessages).toBe(0), 20_000);
  // A machine that stutters has the agent repeat itself.
  const received = (): number => tunnel.stats().messagesReceived - tunnel.stats().duplicates;
  const before = received();
  node.simulator.faults.pause(tunnel.sessionId, 'client');
  await vi.waitFor(() => expect(received()).toBe(before + 1), 20_000);
  const { messagesSent } = tunnel.stats();
  stream.write('b');
  await new Promise((resolve) => setImmediate(resolve));
  expect(tunnel.stats().messagesSent).toBe(messagesSent);
  node.simulator.faults.resume(tunnel.sessionId, 'client');
  expect((await read(stream, 1)).toString()).toBe('b');
  expect(tunnel.stats().messagesSent).toBe(messagesSent + 1);
  stream.destroy();
});

it('a session that the service ends says why, and is not ended a second time', async () => {
  await using node = await startNode();
  const tunnel = await node.open();
  const stream = tunnel.connect();
  const failed = once(stream, 'error');
  stream.write('x');
  await read(stream, 1);
  node.simulator.faults.endSession(tunnel.sessionId, 'Session was idle for too long.');
  expect(await failed).toEqual([
    expect.objectContaining({
      code: 'SSM_STREAM_RESET',
      message: expect.stringContaining('Session was idle for too long.'),
    }),
  ]);
  expect(node.simulator.statistics().terminateSessionCalls).toBe(0);
});

it.each([
  ['one huge message', 8 * 1024 * 1024],
  ['messages of one byte', 1],
  ['messages that cut every header', 5],
])('frames are put together from %s', async (_, messageBytes) => {
  await using gateway = await startScriptedGateway(politeAgent);
  await using tunnel = await openTunnel({
    target,
    remotePort: 5432,
    region: 'eu-west-2',
    endpoint: gateway.endpoint,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
  });
  const stream = tunnel.connect();
  stream.write('x');
  await vi.waitFor(() => expect(gateway.agent.smux.length).toBe(17), 20_000);
  const frames: Buffer[] = [];
  const expected: Buffer[] = [];
  const frameBytes = messageBytes > 1_000 ? 65_535 : 7;
  for (let at = 0; at < 100; at++) {
    const data = Buffer.alloc(frameBytes, at);
    expected.push(data);
    frames.push(encodeSmuxFrame({ command: SmuxCommand.psh, streamId: 3, data }));
  }
  frames.push(encodeSmuxFrame({ command: SmuxCommand.fin, streamId: 3, data: Buffer.alloc(0) }));
  const bytes = Buffer.concat(frames);
  const [socket] = gateway.sockets;
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += messageBytes)
    messages.push(gateway.agent.data(bytes.subarray(at, at + messageBytes)));
  // Neighbours change places, so every second message comes early.
  for (let at = 0; at < messages.length; at += 2)
    for (const message of messages.slice(at, at + 2).reverse()) socket?.send(message);
  const got = Buffer.concat(await stream.toArray());
  expect(got.equals(Buffer.concat(expected))).toBe(true);
});

it('a service that is slow to take acknowledgements slows the download down, and does not cost the line', async () => {
  await using gateway = await startScriptedGateway(politeAgent);
  await using tunnel = await openTunnel({
    target,
    remoteHost: 'db.internal',
    remotePort: 5432,
    region: 'eu-west-2',
    endpoint: gateway.endpoint,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'top-secret' },
  });
  const stream = tunnel.connect();
  let received = 0;
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await vi.waitFor(() => expect(gateway.agent.smux.length).toBe(8), 20_000);
  const socket = [...gateway.sockets][0]!;
  // It reads nothing for a while, and sends what takes some 20 MB of acknowledgements.
  socket.pause();
  const message = encodeSmuxFrame({ command: SmuxCommand.psh, streamId: 3, data: Buffer.from('x') });
  const count = 60_000;
  for (let at = 0; at < count; at++) socket.send(gateway.agent.data(message));
  await vi.waitFor(() => expect(received).toBeGreaterThan(10_000), 20_000);
  await vi.waitFor(() => {
    const before = received;
    return new Promise((resolve, reject) => {
      setTimeout(() => (received === before ? resolve(undefined) : reject(new Error('still reading'))), 100);
    });
  }, 20_000);
  expect(received).toBeLessThan(count);
  socket.resume();
  await vi.waitFor(() => expect(received).toBe(count), 30_000);
  expect(tunnel.stats()).toMatchObject({ state: 'open', resumes: 0 });
  stream.destroy();
}, 90_000);
