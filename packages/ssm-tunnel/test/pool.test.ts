import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { ask, failureOf, read } from './reading.ts';
import { startNode } from './simulated-node.ts';

// More than one session in a tunnel.

it('streams are spread over the sessions of a tunnel', async () => {
  await using node = await startNode();
  const tunnel = await node.open({ sessions: { min: 3, max: 3 } });
  const streams = Array.from({ length: 6 }, () => tunnel.connect());
  expect(await Promise.all(streams.map((stream, at) => ask(stream, `${at}`)))).toEqual([...'012345']);
  expect(tunnel.stats().sessions.map((session) => session.streams)).toEqual([2, 2, 2]);
  expect(node.simulator.statistics().sessionsStarted).toBe(3);
  for (const stream of streams) stream.destroy();
});

it('the end of one session resets its own streams only, and the others do not wait for its replacement', async () => {
  await using node = await startNode();
  const tunnel = await node.open({ sessions: { min: 2, max: 2 } });
  const streams = [tunnel.connect(), tunnel.connect()];
  await Promise.all(streams.map((stream) => ask(stream, 'x')));
  const failed = Promise.race(streams.map(async (stream, at) => [at, await failureOf(stream)] as const));
  node.simulator.faults.endSession(tunnel.stats().sessions[0]!.sessionId);
  const [at, error] = await failed;
  expect(error).toMatchObject({ code: 'SSM_STREAM_RESET' });
  const survivor = streams[1 - at] as Duplex;
  survivor.on('error', () => {});
  expect(await ask(survivor, 'still here')).toBe('still here');
  await vi.waitFor(
    () => expect(tunnel.stats().sessions.map(({ state }) => state)).toEqual(['open', 'open']),
    20_000,
  );
  survivor.destroy();
});

it('a busy session gets company, and the company leaves when nobody needs it', async () => {
  await using node = await startNode();
  const tunnel = await node.open({ sessions: { max: 2, idleMs: 100 } });
  const bulk = tunnel.connect();
  bulk.resume();
  const chunk = randomBytes(64 * 1024);
  const pour = (): void => {
    while (!bulk.destroyed && bulk.write(chunk));
  };
  bulk.on('drain', pour);
  pour();
  await vi.waitFor(() => expect(tunnel.stats().sessions).toHaveLength(2), 20_000);
  const query = tunnel.connect();
  expect(await ask(query, 'quick')).toBe('quick');
  expect(tunnel.stats().sessions.map(({ streams }) => streams)).toEqual([1, 1]);
  query.destroy();
  bulk.destroy();
  await vi.waitFor(() => expect(tunnel.stats().sessions).toHaveLength(1), 20_000);
  await vi.waitFor(() => expect(node.simulator.statistics().openSessions).toBe(1), 20_000);
}, 60_000);

it('a dedicated stream has a session of its own, which ends with it', async () => {
  await using node = await startNode();
  const tunnel = await node.open();
  const stream = tunnel.connect({ dedicated: true });
  expect(await ask(stream, 'alone')).toBe('alone');
  expect(tunnel.stats().sessions.map(({ streams }) => streams)).toEqual([0, 1]);
  stream.destroy();
  await vi.waitFor(() => expect(node.simulator.statistics().openSessions).toBe(1), 20_000);
  expect(tunnel.stats()).toMatchObject({ state: 'open', replacements: 0 });
});

it('a dedicated stream waits for its session as others do, and fails alone when it may not have one', async () => {
  await using node = await startNode();
  const tunnel = await node.open();
  node.simulator.faults.failNext('StartSession', { code: 'TargetNotConnected', status: 400 });
  const patient = tunnel.connect({ dedicated: true });
  expect(tunnel.stats().waitingStreams).toBe(1);
  expect(await ask(patient, 'patient')).toBe('patient');
  patient.destroy();
  node.simulator.faults.failNext('StartSession', { code: 'AccessDeniedException', status: 400 });
  expect(await failureOf(tunnel.connect({ dedicated: true }))).toMatchObject({ code: 'SSM_ACCESS_DENIED' });
  const stream = tunnel.connect();
  expect(await ask(stream, 'fine')).toBe('fine');
  stream.destroy();
});

it('a dedicated stream that still waits is closed with its tunnel, without an error', async () => {
  await using node = await startNode();
  const tunnel = await node.open();
  node.simulator.faults.failNext('StartSession', { code: 'TargetNotConnected', status: 400 }, 99);
  const stream = tunnel.connect({ dedicated: true });
  await tunnel.close();
  expect([stream.destroyed, stream.errored]).toEqual([true, null]);
});

it('a dedicated stream whose tunnel ends just as its session is ready is closed, too', async () => {
  await using node = await startNode();
  const tunnel = await node.open();
  const name = 'postern:ssm-tunnel:session';
  const onSession = (): void => void tunnel.close();
  subscribe(name, onSession);
  const stream = tunnel.connect({ dedicated: true });
  await once(stream, 'close');
  unsubscribe(name, onSession);
  await tunnel.closed;
  expect(stream.errored).toBeNull();
});

it('uploads may use larger messages', async () => {
  await using node = await startNode();
  const tunnel = await node.open({ uploadPayloadBytes: 16 * 1024 });
  const data = randomBytes(1_000_000);
  const stream = tunnel.connect();
  const back = read(stream, data.length);
  stream.write(data);
  expect((await back).equals(data)).toBe(true);
  expect(tunnel.stats().messagesSent).toBeLessThan(200);
  stream.destroy();
});

it('a destination that does not read takes one session with it, and new connections go to others', async () => {
  let stuck = true;
  await using node = await startNode({
    serve: (socket) => {
      if (stuck) socket.pause();
      else socket.pipe(socket);
      stuck = false;
    },
  });
  const tunnel = await node.open({ sessions: { max: 2 } });
  const bulk = tunnel.connect().on('error', () => {});
  const chunk = Buffer.alloc(64 * 1024);
  const pour = (): void => {
    while (bulk.write(chunk));
  };
  bulk.on('drain', pour);
  pour();
  await vi.waitFor(() => expect(tunnel.stats().sessions).toHaveLength(2), 30_000);
  // The first session is known to stand still after two seconds, and may look better until then by its streams.
  let [bytesSent, since] = [-1, 0];
  await vi.waitFor(() => {
    const [first] = tunnel.stats().sessions;
    if (first?.bytesSent !== bytesSent) [bytesSent, since] = [first?.bytesSent ?? 0, performance.now()];
    expect(performance.now() - since).toBeGreaterThan(2_500);
  }, 30_000);
  const streams = Array.from({ length: 5 }, () => tunnel.connect());
  expect(await Promise.all(streams.map((stream, at) => ask(stream, `${at}`)))).toEqual([...'01234']);
  for (const stream of streams) stream.destroy();
  tunnel.abort();
}, 60_000);
