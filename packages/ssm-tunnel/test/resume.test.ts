import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { expect, it, vi } from 'vitest';
import { ask, failureOf, read } from './reading.ts';
import { startNode } from './simulated-node.ts';

// A WebSocket that is lost is not a session that is lost.

it('the hourly goodbye of the service does not break a connection, and nobody notices', async () => {
  await using node = await startNode();
  const tunnel = await node.open();
  const stream = tunnel.connect();
  expect(await ask(stream, 'before')).toBe('before');
  const { sessionId } = tunnel;
  node.simulator.faults.closeChannel(sessionId);
  expect(await ask(stream, 'after')).toBe('after');
  expect(tunnel.stats()).toMatchObject({ state: 'open', sessionId, resumes: 1, replacements: 0 });
  expect(node.simulator.statistics()).toMatchObject({ startSessionCalls: 1, resumeSessionCalls: 1 });
  stream.destroy();
});

it('bytes in flight survive cuts in the middle of a transfer, each once and in order', async () => {
  // An agent that recovers ten messages in a second, as real ones do, would make this a test of patience.
  await using node = await startNode({ agent: { frontOnlyResend: false } });
  const tunnel = await node.open();
  const data = randomBytes(2_000_000);
  const stream = tunnel.connect();
  const back = read(stream, data.length);
  stream.write(data);
  for (let cut = 1; cut <= 5; cut++) {
    await vi.waitFor(
      () => expect(tunnel.stats().streams.bytesReceived).toBeGreaterThan((cut * data.length) / 8),
      20_000,
    );
    // We know of the new channel before the service has read our first message on it.
    await vi.waitFor(() => expect(node.simulator.statistics().channelsOpened).toBe(cut), 20_000);
    node.simulator.faults.cutChannel(tunnel.sessionId);
    await vi.waitFor(() => expect(tunnel.stats()).toMatchObject({ state: 'open', resumes: cut }), 20_000);
  }
  const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  expect(digest(await back)).toBe(digest(data));
  stream.destroy();
}, 60_000);

it('a silent line is noticed by its missing pong, and replaced', async () => {
  await using node = await startNode();
  const tunnel = await node.open({ pingIntervalMs: 100 });
  const stream = tunnel.connect();
  node.simulator.faults.silenceChannel(tunnel.sessionId);
  expect(await ask(stream, 'anybody?')).toBe('anybody?');
  // A machine that stutters misses other pongs, too.
  expect(tunnel.stats().resumes).toBeGreaterThan(0);
  stream.destroy();
});

it('a cut during the handshake does not spoil the start of a tunnel', async () => {
  await using node = await startNode();
  node.simulator.faults.noise({ drop: 0 });
  const opening = node.open();
  await vi.waitFor(() => expect(node.simulator.statistics().channelsOpened).toBe(1), 20_000);
  const [session] = node.simulator.sessions();
  node.simulator.faults.cutChannel(session!.sessionId);
  const tunnel = await opening;
  const stream = tunnel.connect();
  expect(await ask(stream, 'hello')).toBe('hello');
  stream.destroy();
});

it('what is written while the line is down arrives when it is back', async () => {
  await using node = await startNode();
  const tunnel = await node.open();
  const old = tunnel.connect();
  expect(await ask(old, 'a')).toBe('a');
  // Credentials that have expired come back: a refreshed set is used by the next attempt.
  node.simulator.faults.failNext('ResumeSession', { code: 'ExpiredTokenException', status: 400 }, 2);
  node.simulator.faults.cutChannel(tunnel.sessionId);
  await vi.waitFor(
    () => expect(tunnel.state).toMatchObject({ name: 'resuming', cause: expect.any(Error) }),
    20_000,
  );
  const young = tunnel.connect();
  expect(tunnel.stats().waitingStreams).toBe(1);
  expect(await Promise.all([ask(old, 'old'), ask(young, 'young')])).toEqual(['old', 'young']);
  expect(tunnel.state).toEqual({ name: 'open' });
  old.destroy();
  young.destroy();
});

it('a service that takes the upgrade and hangs up again is not asked in a busy loop', async () => {
  await using node = await startNode();
  const tunnel = await node.open({ reconnectTimeoutMs: 500 });
  const stream = tunnel.connect();
  const failed = failureOf(stream);
  const hangUp = setInterval(() => {
    if (tunnel.state.name === 'open') node.simulator.faults.cutChannel(tunnel.sessionId);
  }, 1);
  const { reason } = await tunnel.closed;
  clearInterval(hangUp);
  expect(reason).toMatchObject({ code: 'SSM_RECONNECT_TIMEOUT' });
  expect(await failed).toMatchObject({ code: 'SSM_STREAM_RESET' });
  expect(node.simulator.statistics().resumeSessionCalls).toBeLessThan(10);
});

it('an end asked for while the line is down still ends the session at AWS', async () => {
  await using node = await startNode();
  const tunnel = await node.open();
  node.simulator.faults.failNext('ResumeSession', { code: 'ExpiredTokenException', status: 400 }, 100);
  node.simulator.faults.cutChannel(tunnel.sessionId);
  await vi.waitFor(() => expect(tunnel.state.name).toBe('resuming'), 20_000);
  await tunnel.close();
  expect(node.simulator.statistics()).toMatchObject({ openSessions: 0, terminateSessionCalls: 1 });
});

it('a listener goes on accepting while the line is down', async () => {
  await using node = await startNode();
  const tunnel = await node.open();
  const { address } = await tunnel.listen();
  const { connect } = await import('node:net');
  node.simulator.faults.failNext('ResumeSession', { code: 'ExpiredTokenException', status: 400 }, 1);
  node.simulator.faults.cutChannel(tunnel.sessionId);
  await vi.waitFor(() => expect(tunnel.state.name).toBe('resuming'), 20_000);
  const socket = connect(address as { port: number });
  await once(socket, 'connect');
  expect(await ask(socket, 'through')).toBe('through');
  socket.destroy();
});

it('a line that is cut again and again is asked for ever more slowly, and not for ever', async () => {
  await using node = await startNode();
  const tunnel = await node.open({ reconnectTimeoutMs: 1_000 });
  const stream = tunnel.connect();
  const failed = failureOf(stream);
  expect(await ask(stream, 'x')).toBe('x');
  // Whatever is said over a link, it does not last.
  const talk = setInterval(() => {
    if (tunnel.state.name !== 'open') return;
    stream.write('y');
    node.simulator.faults.cutChannel(tunnel.sessionId);
  }, 5);
  const { reason } = await tunnel.closed;
  clearInterval(talk);
  expect(reason).toMatchObject({ code: 'SSM_RECONNECT_TIMEOUT' });
  expect(await failed).toMatchObject({ code: 'SSM_STREAM_RESET' });
  expect(node.simulator.statistics().resumeSessionCalls).toBeLessThan(10);
}, 30_000);
