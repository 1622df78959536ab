import { expect, test, vi } from 'vitest';
import { destination, echo } from './destinations.ts';
import { type Access, jumpHost, openText, RawClient, start, user, waitFor } from './raw-client.ts';
import { frameTexts, psh, syn } from './raw-envelope.ts';
import { ReliableClient } from './reliable-client.ts';
import { type Running, running } from './setup.ts';
import { inVirtualTime } from './virtual-time.ts';

const until = async (condition: () => boolean): Promise<void> => {
  await waitFor(() => (condition() ? true : undefined));
};

const resume = async (simulator: Running, { SessionId }: Access): Promise<Access> =>
  (await simulator.handleApi('ResumeSession', { SessionId }, user)) as Access;

const lastWords = async (client: RawClient): Promise<string> =>
  JSON.parse((await client.message('channel_closed')).payload.toString()).Output as string;

const said = (client: RawClient): string => frameTexts(client.output).join('').replaceAll('PSH 3 ', '');

const MINUTE = 60_000;
const nop = Buffer.from('0103000000000000', 'hex');

/** A sign of life that is no data of anybody, until it is acknowledged. */
const keepAlive = async (client: RawClient): Promise<void> => {
  client.data(nop);
  await until(() => client.acknowledged.includes(client.next - 1));
};

test('an idle session is ended after 20 minutes; input of the client keeps it, and so does ResumeSession', () =>
  inVirtualTime(async () => {
    await using simulator = await running();
    const access = await start(simulator, { port: 5432 });
    const client = await RawClient.ready(access);
    vi.advanceTimersByTime(19 * MINUTE);
    await keepAlive(client);
    vi.advanceTimersByTime(19 * MINUTE);
    await resume(simulator, access);
    vi.advanceTimersByTime(19 * MINUTE);
    // Pings are no input.
    client.socket.ping();
    await until(() => client.pongs.length === 1);
    expect(simulator.statistics().openSessions).toBe(1);
    vi.advanceTimersByTime(MINUTE);
    expect(await lastWords(client)).toBe('Your session timed out due to inactivity.');
    expect(await resume(simulator, access)).toEqual({ SessionId: access.SessionId });
  }));

test('a session lasts no longer than it may, whatever happens in it', () =>
  inVirtualTime(async () => {
    await using simulator = await running({ service: { maxSessionDurationMs: 30 * MINUTE } });
    const client = await RawClient.ready(await start(simulator, { port: 5432 }));
    vi.advanceTimersByTime(15 * MINUTE);
    await keepAlive(client);
    expect(simulator.statistics().openSessions).toBe(1);
    vi.advanceTimersByTime(15 * MINUTE);
    expect(await lastWords(client)).toBe('Your session reached its maximum duration.');
  }));

test('the hourly close ends both channels with Bye, and the agent comes back by itself', () =>
  inVirtualTime(async () => {
    await using server = await echo();
    await using simulator = await running();
    const access = await start(simulator, { port: server.port });
    const client = await RawClient.ready(access);
    client.data(syn(3), psh(3, 'before '));
    await until(() => said(client) === 'before ');
    for (let minutes = 0; minutes < 60; minutes += 15) {
      await keepAlive(client);
      vi.advanceTimersByTime(15 * MINUTE);
    }
    expect(await client.waitClosed()).toEqual({ code: 1000, reason: 'Bye' });
    const again = await RawClient.open(await resume(simulator, access));
    again.next = client.next;
    again.data(psh(3, 'after'));
    await until(() => said(again) === 'after');
    expect(server.sockets).toHaveLength(1);
    simulator.assertNoViolations();
  }));

test('a service that drops for an absent peer loses no data of who repeats it', async () => {
  await using server = await echo();
  await using simulator = await running({ service: { absentPeer: 'drop' } });
  const access = await start(simulator, { port: server.port });
  const client = new ReliableClient(simulator, access);
  try {
    await client.whenReady();
    client.send(1, syn(3));
    simulator.faults.disconnectAgent(access.SessionId);
    client.send(1, psh(3, 'said to nobody'));
    simulator.faults.reconnectAgent(access.SessionId);
    await until(() => client.output.toString().includes('said to nobody'));
    simulator.faults.cutChannel(access.SessionId);
    server.sockets[0]?.write('answered to nobody');
    await until(() => client.output.toString().includes('answered to nobody'));
    simulator.assertNoViolations();
  } finally {
    client.close();
  }
});

test('a payload over the limit is not delivered, and closes the channel', async () => {
  await using server = await echo();
  await using simulator = await running({ service: { maxPayloadBytes: 1_024 } });
  const access = await start(simulator, { port: server.port });
  const client = await RawClient.ready(access);
  client.data(Buffer.concat([syn(3), psh(3, Buffer.alloc(1_008))]));
  await until(() => client.acknowledged.includes(1));
  client.data(Buffer.alloc(1_025));
  expect((await client.waitClosed()).code).toBe(1009);
  expect(simulator.violations().map(({ kind }) => kind)).toEqual(['payload-too-large']);
  expect(simulator.statistics().bytesUp).toBe(1_008);
});

test('on a path that takes time a question has its answer after the way there and back', async () => {
  const oneWayDelayMs = 30;
  await using server = await echo();
  await using simulator = await running({ service: { oneWayDelayMs } });
  const since = performance.now();
  const access = await start(simulator, { port: server.port });
  // Timers fire up to a millisecond early.
  expect(performance.now() - since).toBeGreaterThan(2 * oneWayDelayMs - 2);
  const client = await RawClient.ready(access);
  const asked = performance.now();
  for (const name of ['a', 'b', 'c'])
    client.data(name === 'a' ? Buffer.concat([syn(3), psh(3, name)]) : psh(3, name));
  await until(() => said(client) === 'abc');
  expect(performance.now() - asked).toBeGreaterThan(2 * oneWayDelayMs - 2);
  const pinged = performance.now();
  client.socket.ping();
  await until(() => client.pongs.length === 1);
  expect(performance.now() - pinged).toBeGreaterThan(2 * oneWayDelayMs - 2);
  client.terminate();
  client.socket.close();
  // What was sent before the socket was closed still arrives.
  await until(() => simulator.statistics().openSessions === 0);
  simulator.assertNoViolations();
});

test('a token that is too old opens nothing; ResumeSession gives a new one, and voids the one before', () =>
  inVirtualTime(async () => {
    await using simulator = await running({ service: { tokenLifetimeMs: MINUTE } });
    const access = await start(simulator, { port: 5432 });
    vi.advanceTimersByTime(MINUTE + 1);
    expect((await (await RawClient.open(access)).waitClosed()).code).toBe(1008);
    const first = await resume(simulator, access);
    const second = await resume(simulator, access);
    expect((await (await RawClient.open(first)).waitClosed()).code).toBe(1008);
    const client = await RawClient.open(second);
    await client.message('start_publication');
  }));

test.each([
  ['no-token', undefined],
  ['does-not-exist', 'DoesNotExistException'],
  ['invalid-state', 'ValidationException'],
] as const)('ResumeSession of a session that is over: %s', async (resumeOfEnded, code) => {
  await using simulator = await running({ service: { resumeOfEnded } });
  const access = await start(simulator, { port: 5432 });
  simulator.faults.endSession(access.SessionId);
  const resumed = resume(simulator, access);
  if (code === undefined) expect(await resumed).toEqual({ SessionId: access.SessionId });
  else await expect(resumed).rejects.toMatchObject({ code });
});

test('an instance that is lost takes its sessions along and refuses new ones, until it is back', async () => {
  await using simulator = await running();
  const other = 'i-00000000000000001';
  simulator.registerInstance({ instanceId: other });
  const access = await start(simulator, { port: 5432 });
  const client = await RawClient.ready(access);
  const elsewhere = (await simulator.handleApi(
    'StartSession',
    { Target: other, DocumentName: 'AWS-StartPortForwardingSession' },
    user,
  )) as Access;
  simulator.faults.loseInstance(jumpHost);
  expect(await lastWords(client)).toBe(`${jumpHost} is not connected.`);
  await expect(start(simulator, { port: 5432 })).rejects.toMatchObject({ code: 'TargetNotConnected' });
  expect(simulator.sessions().map(({ sessionId, state }) => [sessionId, state])).toEqual([
    [access.SessionId, 'Terminated'],
    [elsewhere.SessionId, 'Connecting'],
  ]);
  const answer = (await simulator.handleApi(
    'DescribeInstanceInformation',
    { Filters: [{ Key: 'PingStatus', Values: ['Online'] }] },
    user,
  )) as { InstanceInformationList: Array<{ InstanceId: string }> };
  expect(answer.InstanceInformationList.map(({ InstanceId }) => InstanceId)).toEqual([other]);
  simulator.faults.restoreInstance(jumpHost);
  await RawClient.ready(await start(simulator, { port: 5432 }));
  expect(() => simulator.faults.loseInstance('i-00000000000000002')).toThrow(
    expect.objectContaining({ code: 'SSM_SIMULATOR_INSTANCE_UNKNOWN' }),
  );
});

test('a replaced agent ends the session, and faults of a session that is over do nothing', async () => {
  await using server = await echo();
  await using simulator = await running();
  const access = await start(simulator, { port: server.port });
  const client = await RawClient.ready(access);
  client.data(syn(3));
  await until(() => server.sockets.length === 1);
  simulator.faults.replaceAgent(access.SessionId);
  expect(await lastWords(client)).toBe('The agent was replaced.');
  await until(() => server.sockets[0]?.destroyed === true);
  for (const fault of [
    'cutChannel',
    'killAgent',
    'replaceAgent',
    'reconnectAgent',
    'disconnectAgent',
  ] as const)
    simulator.faults[fault](access.SessionId);
  simulator.faults.dropNext(access.SessionId, 'to-agent');
  simulator.faults.holdDials(access.SessionId).release();
  await RawClient.ready(await start(simulator, { port: server.port }));
});

test('a client is told to pause while an agent cannot go on, and its pings are answered meanwhile', async () => {
  await using server = await destination((socket) => socket.pause());
  await using simulator = await running();
  const client = await RawClient.ready(await start(simulator, { port: server.port }));
  client.data(syn(3));
  const chunk = psh(3, Buffer.alloc(32_000));
  await waitFor(() => {
    client.data(chunk);
    return client.received.some(({ type }) => type === 'pause_publication') ? true : undefined;
  });
  client.socket.ping();
  await until(() => client.pongs.length === 1);
  server.sockets[0]?.resume();
  await until(
    () => client.received.at(-1)?.type === 'start_publication' || client.acknowledged.length >= client.next,
  );
  await until(() => client.acknowledged.length >= client.next);
  simulator.assertNoViolations();
});

test('the simulator says which client has which session', async () => {
  await using simulator = await running();
  const access = (await simulator.handleApi(
    'StartSession',
    { Target: jumpHost, DocumentName: 'AWS-StartPortForwardingSession', Reason: 'why not' },
    user,
  )) as Access;
  expect(simulator.sessions()).toEqual([
    { sessionId: access.SessionId, target: jumpHost, reason: 'why not', state: 'Connecting' },
  ]);
  const client = await RawClient.open(access, openText(access.TokenValue));
  await client.stream(5);
  expect(simulator.sessions()[0]).toMatchObject({ state: 'Connected', clientVersion: '1.2.677.0' });
});
