import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, it, vi } from 'vitest';
import { ask, failureOf } from './reading.ts';
import { type SimulatedNode, startNode, target } from './simulated-node.ts';

// A session that is over is not a tunnel that is over.

const spare = 'i-0f9e8d7c6b5a43210';

it.each<[string, (node: SimulatedNode, sessionId: string) => void]>([
  ['was terminated', ({ simulator }, sessionId) => simulator.faults.endSession(sessionId)],
  [
    'was idle or open for too long',
    ({ simulator }, sessionId) =>
      simulator.faults.endSession(sessionId, 'Session timed out due to inactivity.'),
  ],
  ['lost its agent', ({ simulator }, sessionId) => simulator.faults.replaceAgent(sessionId)],
])('a session that %s is replaced behind the same listener and the same connect', async (_, end) => {
  await using node = await startNode();
  const tunnel = await node.open();
  const stream = tunnel.connect();
  expect(await ask(stream, 'one')).toBe('one');
  const first = tunnel.sessionId;
  const failed = failureOf(stream);
  end(node, first);
  expect(await failed).toMatchObject({ code: 'SSM_STREAM_RESET', cause: { code: 'SSM_CHANNEL_CLOSED' } });
  const next = tunnel.connect();
  expect(await ask(next, 'two')).toBe('two');
  expect(tunnel.sessionId).not.toBe(first);
  expect(tunnel.stats()).toMatchObject({ state: 'open', replacements: 1, streams: { opened: 2, reset: 1 } });
  next.destroy();
});

it('a session that may not be resumed is replaced at once', async () => {
  await using node = await startNode();
  const tunnel = await node.open();
  const stream = tunnel.connect();
  const failed = failureOf(stream);
  stream.write('x');
  node.simulator.faults.failNext('ResumeSession', { code: 'AccessDeniedException', status: 400 });
  node.simulator.faults.closeChannel(tunnel.sessionId);
  expect(await failed).toMatchObject({ code: 'SSM_STREAM_RESET', cause: { code: 'SSM_ACCESS_DENIED' } });
  const next = tunnel.connect();
  expect(await ask(next, 'two')).toBe('two');
  next.destroy();
});

it('another node takes over when the first is gone', async () => {
  await using node = await startNode();
  node.simulator.registerInstance({ instanceId: spare });
  const tunnel = await node.open({ target: [target, spare] });
  expect(node.simulator.sessions().map((session) => session.target)).toEqual([target]);
  node.simulator.faults.loseInstance(target);
  await vi.waitFor(() => expect(tunnel.stats()).toMatchObject({ state: 'open', replacements: 1 }), 20_000);
  const stream = tunnel.connect();
  expect(await ask(stream, 'still here')).toBe('still here');
  const open = node.simulator.sessions().filter(({ state }) => state !== 'Terminated');
  expect(open.map((session) => session.target)).toEqual([spare]);
  stream.destroy();
});

it('a node found by its tags is looked up again for each session', async () => {
  await using node = await startNode();
  node.simulator.registerInstance({ instanceId: target, tags: { role: 'jump' } });
  const tunnel = await node.open({ target: { tags: { role: 'jump' } } });
  node.simulator.faults.loseInstance(target);
  node.simulator.registerInstance({ instanceId: spare, tags: { role: 'jump' } });
  await vi.waitFor(() => expect(tunnel.stats()).toMatchObject({ state: 'open', replacements: 1 }), 20_000);
  const stream = tunnel.connect();
  expect(await ask(stream, 'found')).toBe('found');
  stream.destroy();
});

it('streams wait while there is no node, and work when it is back', async () => {
  await using node = await startNode();
  const tunnel = await node.open();
  node.simulator.faults.loseInstance(target);
  await vi.waitFor(
    () => expect(tunnel.state).toMatchObject({ name: 'replacing', since: expect.any(Number) }),
    20_000,
  );
  const stream = tunnel.connect();
  const answer = ask(stream, 'patience');
  await vi.waitFor(
    () => expect(tunnel.state).toMatchObject({ cause: { code: 'SSM_TARGET_NOT_CONNECTED' } }),
    20_000,
  );
  node.simulator.faults.restoreInstance(target);
  expect(await answer).toBe('patience');
  stream.destroy();
});

it('a tunnel that cannot get back says so, closes its listener and tells the streams that waited', async () => {
  await using node = await startNode();
  const tunnel = await node.open({ reconnectTimeoutMs: 300 });
  const listener = await tunnel.listen();
  node.simulator.faults.loseInstance(target);
  await vi.waitFor(() => expect(tunnel.state.name).toBe('replacing'), 20_000);
  const failed = failureOf(tunnel.connect());
  const { reason } = await tunnel.closed;
  expect(reason).toMatchObject({
    code: 'SSM_RECONNECT_TIMEOUT',
    cause: { code: 'SSM_TARGET_NOT_CONNECTED' },
  });
  expect(await failed).toMatchObject({ code: 'SSM_TUNNEL_CLOSED', cause: reason });
  expect(tunnel.state).toEqual({ name: 'closed', reason });
  const { connect } = await import('node:net');
  expect(await failureOf(connect(listener.address as { port: number }))).toMatchObject({
    code: 'ECONNREFUSED',
  });
});

it('permissions that were taken away end the tunnel at once', async () => {
  await using node = await startNode();
  const tunnel = await node.open();
  node.simulator.faults.failNext('StartSession', { code: 'AccessDeniedException', status: 400 }, 9);
  node.simulator.faults.endSession(tunnel.sessionId);
  const { reason } = await tunnel.closed;
  expect(reason).toMatchObject({ code: 'SSM_ACCESS_DENIED' });
});

it('a tunnel without a held session rests when nobody uses it, and wakes for the next connection', async () => {
  await using node = await startNode();
  const tunnel = await node.open({ sessions: { min: 0, idleMs: 50 } });
  await vi.waitFor(() => expect(tunnel.state).toEqual({ name: 'idle' }), 20_000);
  await vi.waitFor(() => expect(node.simulator.statistics().openSessions).toBe(0), 20_000);
  const stream = tunnel.connect();
  expect(await ask(stream, 'awake')).toBe('awake');
  stream.destroy();
});

it('its states and sessions can be watched, and tell nothing that is secret', async () => {
  const events: unknown[] = [];
  const names = ['postern:ssm-tunnel:state', 'postern:ssm-tunnel:session'];
  const onEvent = (message: unknown): void => void events.push(message);
  for (const name of names) subscribe(name, onEvent);
  await using node = await startNode();
  const tunnel = await node.open();
  const first = tunnel.sessionId;
  node.simulator.faults.closeChannel(first);
  await vi.waitFor(() => expect(tunnel.stats()).toMatchObject({ resumes: 1, state: 'open' }), 20_000);
  // We know of the new channel before the service has read our first message on it.
  await vi.waitFor(() => expect(node.simulator.statistics().channelsOpened).toBe(2), 20_000);
  node.simulator.faults.endSession(first);
  await vi.waitFor(() => expect(tunnel.stats()).toMatchObject({ replacements: 1, state: 'open' }), 20_000);
  await tunnel.close();
  for (const name of names) unsubscribe(name, onEvent);
  expect(events.map((event) => Object.values(event as object)[1])).toEqual([
    'started',
    'open',
    'lost',
    'resuming',
    'resumed',
    'open',
    'over',
    'replacing',
    'started',
    'open',
    'closing',
    'over',
    'closed',
  ]);
  expect(JSON.stringify(events)).not.toMatch(/top-secret|role=publish|token/i);
});

it('an earlier goodbye of the service does not use up the patience for a node that restarts', async () => {
  await using node = await startNode();
  const tunnel = await node.open({ reconnectTimeoutMs: 1_500 });
  node.simulator.faults.closeChannel(tunnel.sessionId);
  await vi.waitFor(() => expect(tunnel.stats()).toMatchObject({ resumes: 1, state: 'open' }), 20_000);
  const resumedAt = Date.now();
  // Longer than the whole budget, as an hour is longer than ten minutes.
  await vi.waitFor(() => expect(Date.now() - resumedAt).toBeGreaterThan(1_600), 20_000);
  node.simulator.faults.failNext('StartSession', { code: 'TargetNotConnected', status: 400 });
  node.simulator.faults.endSession(tunnel.sessionId);
  await vi.waitFor(() => expect(tunnel.stats()).toMatchObject({ replacements: 1, state: 'open' }), 20_000);
});

it('a tunnel that has rested for long has all its patience when it wakes', async () => {
  await using node = await startNode();
  const tunnel = await node.open({ sessions: { min: 0, idleMs: 10 }, reconnectTimeoutMs: 1_000 });
  await vi.waitFor(() => expect(tunnel.state).toEqual({ name: 'idle' }), 20_000);
  node.simulator.faults.endSession(tunnel.sessionId);
  const restedAt = Date.now();
  await vi.waitFor(() => expect(Date.now() - restedAt).toBeGreaterThan(1_100), 20_000);
  node.simulator.faults.failNext('StartSession', { code: 'TargetNotConnected', status: 400 });
  const stream = tunnel.connect();
  expect(await ask(stream, 'awake')).toBe('awake');
  stream.destroy();
});

it('a pool whose node restarts comes back, however many sessions went down with it', async () => {
  await using node = await startNode();
  const tunnel = await node.open({ sessions: { min: 12, max: 12 } });
  node.simulator.faults.loseInstance(target);
  await vi.waitFor(() => expect(tunnel.state.name).toBe('replacing'), 20_000);
  node.simulator.faults.restoreInstance(target);
  await vi.waitFor(
    () => expect(tunnel.stats().sessions.filter(({ state }) => state === 'open')).toHaveLength(12),
    20_000,
  );
});
