import { once } from 'node:events';
import { expect, test } from 'vitest';
import { echo } from './destinations.ts';
import { type Access, RawClient, start, user, waitFor } from './raw-client.ts';
import { frameTexts, psh, syn } from './raw-envelope.ts';
import { type Running, running } from './setup.ts';

const until = async (condition: () => boolean): Promise<void> => {
  await waitFor(() => (condition() ? true : undefined));
};

interface Echoing extends AsyncDisposable {
  simulator: Running;
  access: Access;
  client: RawClient;
}

/** A session with an open stream 3 to an echo server. */
async function echoing(): Promise<Echoing> {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await echo());
  const simulator = stack.use(await running());
  const access = await start(simulator, { port: server.port });
  const client = await RawClient.ready(access);
  client.data(syn(3));
  await until(() => server.sockets.length === 1);
  return { simulator, access, client, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const said = (client: RawClient): string => frameTexts(client.output).join('').replaceAll('PSH 3 ', '');

test('closeChannel closes with the code and reason asked for', async () => {
  await using session = await echoing();
  session.simulator.faults.closeChannel(session.access.SessionId, 1001, 'Going away');
  expect(await session.client.waitClosed()).toEqual({ code: 1001, reason: 'Going away' });
});

test('cutChannel breaks the connection without a word', async () => {
  await using session = await echoing();
  session.simulator.faults.cutChannel(session.access.SessionId);
  expect((await session.client.waitClosed()).code).toBe(1006);
});

test('pings are answered, until the channel falls silent; a new connection is not silent', async () => {
  await using session = await echoing();
  const { simulator, access, client } = session;
  client.socket.ping('keepalive');
  await until(() => client.pongs.length === 1);
  expect(client.pongs).toEqual(['keepalive']);
  simulator.faults.silenceChannel(access.SessionId);
  const before = client.received.length;
  client.socket.ping('anybody?');
  client.data(psh(3, 'lost'));
  const resumed = (await simulator.handleApi(
    'ResumeSession',
    { SessionId: access.SessionId },
    user,
  )) as Access;
  const again = await RawClient.open(resumed);
  await again.message('start_publication');
  again.input(1, psh(3, 'lost'), client.next - 1);
  await until(() => said(again) === 'lost');
  expect(client.pongs).toEqual(['keepalive']);
  expect(client.received).toHaveLength(before);
  again.socket.ping();
  await once(again.socket, 'pong');
});

test('dropNext loses messages to the agent, which waits for them', async () => {
  await using session = await echoing();
  session.simulator.faults.dropNext(session.access.SessionId, 'to-agent', { payloadType: 1, count: 2 });
  const { client } = session;
  client.input(1, psh(3, 'a'), 2);
  client.input(1, psh(3, 'b'), 3);
  client.input(1, psh(3, 'c'), 4);
  await until(() => client.acknowledged.includes(4));
  expect(client.acknowledged).toEqual([0, 1, 4]);
  client.input(1, psh(3, 'a'), 2);
  client.input(1, psh(3, 'b'), 3);
  await until(() => said(client) === 'abc');
  expect(session.simulator.violations()).toEqual([]);
});

test('dropNext loses messages to the client, and the agent sends the oldest again', async () => {
  await using session = await echoing();
  session.simulator.faults.dropNext(session.access.SessionId, 'to-client', {
    messageType: 'output_stream_data',
  });
  session.client.data(psh(3, 'hello'));
  await until(() => said(session.client) === 'hello');
  expect(session.simulator.violations()).toEqual([]);
});

test('a lost acknowledgement makes the agent repeat', async () => {
  await using session = await echoing();
  session.simulator.faults.dropNext(session.access.SessionId, 'to-agent', { messageType: 'acknowledge' });
  session.client.data(psh(3, 'hello'));
  await until(() => session.client.repeats.length > 0);
  expect(said(session.client)).toBe('hello');
});

test('duplicateNext delivers twice, to the agent as well', async () => {
  await using session = await echoing();
  session.simulator.faults.duplicateNext(session.access.SessionId, 'to-agent', { payloadType: 1 });
  session.client.data(psh(3, 'hello'));
  await until(() => session.client.acknowledged.length === 4);
  expect(session.client.acknowledged).toEqual([0, 1, 2, 2]);
  await until(() => said(session.client) === 'hello');
});

test('delayNext lets later messages overtake', async () => {
  await using session = await echoing();
  session.simulator.faults.delayNext(session.access.SessionId, 'to-agent', 50, { payloadType: 1 });
  session.client.data(psh(3, 'a'));
  session.client.data(psh(3, 'b'));
  await until(() => said(session.client) === 'ab');
  expect(session.client.acknowledged).toEqual([0, 1, 3, 2]);
  expect(session.simulator.violations()).toEqual([]);
});

test('killAgent leaves a session in which nothing answers: the client is told to pause', async () => {
  await using session = await echoing();
  session.simulator.faults.killAgent(session.access.SessionId);
  await session.client.message('pause_publication');
  const before = session.client.received.length;
  session.client.data(psh(3, 'anybody?'));
  session.client.socket.ping();
  await once(session.client.socket, 'pong');
  expect(session.client.received).toHaveLength(before);
  expect(session.simulator.statistics().openSessions).toBe(1);
  await session.simulator.handleApi('TerminateSession', { SessionId: session.access.SessionId }, user);
  await session.client.message('channel_closed');
  expect(session.simulator.statistics().openSessions).toBe(0);
});

test('an agent that lost its connection goes on where it was once it is back, and nothing is lost', async () => {
  await using session = await echoing();
  const { client, simulator, access } = session;
  client.data(psh(3, 'before '));
  await until(() => said(client) === 'before ');
  simulator.faults.disconnectAgent(access.SessionId);
  await client.message('pause_publication');
  const starts = client.received.filter(({ type }) => type === 'start_publication').length;
  client.data(psh(3, 'after'));
  simulator.faults.reconnectAgent(access.SessionId);
  await client.message('start_publication', starts);
  await until(() => said(client) === 'before after');
  expect(simulator.violations()).toEqual([]);
});

test('an agent that is gone does not come back', async () => {
  await using session = await echoing();
  const { client, simulator, access } = session;
  simulator.faults.killAgent(access.SessionId);
  const starts = client.received.filter(({ type }) => type === 'start_publication').length;
  simulator.faults.reconnectAgent(access.SessionId);
  client.socket.ping();
  await once(client.socket, 'pong');
  expect(client.received.filter(({ type }) => type === 'start_publication')).toHaveLength(starts);
});

test('pause holds the agent until data, an acknowledgement or resume', async () => {
  await using session = await echoing();
  const { client, simulator, access } = session;
  client.data(psh(3, 'a'));
  await until(() => said(client) === 'a');
  client.acknowledges = false;
  simulator.faults.dropNext(access.SessionId, 'to-client', { payloadType: 1 });
  client.data(psh(3, 'b'));
  await until(() => client.acknowledged.length === 4);
  simulator.faults.pause(access.SessionId, 'agent');
  simulator.faults.resume(access.SessionId, 'agent');
  await until(() => said(client) === 'ab');
  simulator.faults.pause(access.SessionId, 'client');
  await client.message('pause_publication');
  simulator.faults.resume(access.SessionId, 'client');
});

test('endSession gives the client the text as the last words, and drops the destination', async () => {
  await using session = await echoing();
  const { client, simulator, access } = session;
  simulator.faults.endSession(access.SessionId, 'Session was idle for too long.');
  const notice = await client.message('channel_closed');
  expect(JSON.parse(notice.payload.toString())).toMatchObject({
    SessionId: access.SessionId,
    Output: 'Session was idle for too long.',
  });
  expect(simulator.statistics()).toMatchObject({ openSessions: 0, sessionsTerminated: 1 });
});

test('speakAfterHandshake puts data right behind HandshakeComplete', async () => {
  await using server = await echo();
  await using simulator = await running();
  const access = await start(simulator, { port: server.port });
  simulator.faults.speakAfterHandshake(access.SessionId);
  const client = await RawClient.ready(access);
  const data = await client.stream(1);
  const complete = await client.stream(7);
  expect([data.sequence - complete.sequence, data.payload.toString('hex')]).toEqual([1, '0103000000000000']);
});

test('reorderNext lets the next message overtake', async () => {
  await using session = await echoing();
  const { client, simulator, access } = session;
  simulator.faults.reorderNext(access.SessionId, 'to-agent', { payloadType: 1 });
  const before = client.acknowledged.length;
  client.data(psh(3, 'a'));
  client.data(psh(3, 'b'));
  await until(() => said(client) === 'ab');
  const [last = 0, first = 0] = client.acknowledged.slice(before);
  expect(last - first).toBe(1);
  expect(simulator.statistics().messagesReordered).toBe(1);
});

test('holdDials hangs the next connections, as a firewall does, until they are let go', async () => {
  await using session = await echoing();
  const { client, simulator, access } = session;
  const hold = simulator.faults.holdDials(access.SessionId);
  client.data(syn(5), psh(5, 'held'));
  client.data(psh(3, 'not held'));
  await until(() => frameTexts(client.output).includes('PSH 3 not held'));
  expect(frameTexts(client.output)).not.toContain('PSH 5 held');
  hold.release();
  await until(() => frameTexts(client.output).includes('PSH 5 held'));
  simulator.assertNoViolations();
});
