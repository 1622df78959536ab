import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import {
  type Access,
  handshakeResponse,
  jumpHost,
  openText,
  RawClient,
  start,
  user,
  waitFor,
} from './raw-client.ts';
import { psh, syn } from './raw-envelope.ts';
import { type Running, running } from './setup.ts';

const statusOf = async (simulator: Running, sessionId: string): Promise<string | undefined> => {
  for (const State of ['Active', 'History']) {
    const answer = (await simulator.handleApi('DescribeSessions', { State }, user)) as {
      Sessions: Array<{ SessionId: string; Status: string }>;
    };
    const found = answer.Sessions.find(({ SessionId }) => SessionId === sessionId);
    if (found !== undefined) return found.Status;
  }
  return undefined;
};

test('a channel is established in the order and with the bytes of a real agent', async () => {
  await using simulator = await running();
  const access = await start(simulator, { host: '127.0.0.1', port: 5432 });
  const client = await RawClient.open(access);
  const request = await client.stream(5);
  expect(client.received.map(({ type }) => type)).toEqual(['start_publication', 'output_stream_data']);
  expect(request).toMatchObject({ sequence: 0, flags: 1, payloadType: 5 });
  expect(request.payload.toString()).toBe(
    '{"AgentVersion":"3.3.987.0","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":' +
      '{"SessionType":"Port","Properties":{"host":"127.0.0.1","localPortNumber":"0","portNumber":"5432",' +
      '"type":"LocalPortForwarding"}}}]}',
  );
  client.input(6, handshakeResponse());
  const complete = await client.stream(7);
  expect(
    client.received.map(({ type, sequence, flags, payloadType }) => [type, sequence, flags, payloadType]),
  ).toEqual([
    ['start_publication', 0, 0, 0],
    ['output_stream_data', 0, 1, 5],
    ['acknowledge', 0, 3, 0],
    ['output_stream_data', 1, 0, 7],
  ]);
  expect(complete.payload.toString()).toMatch(/^\{"HandshakeTimeToComplete":\d+,"CustomerMessage":""\}$/);
  expect(client.acknowledged).toEqual([0]);
  for (const { bytes, payload, digest, id, createdMs } of client.received) {
    expect(bytes.readUInt32BE(0)).toBe(116);
    expect(bytes.readUInt32BE(36)).toBe(1);
    expect(bytes.readUInt32BE(116)).toBe(payload.length);
    expect(digest).toBe(createHash('sha256').update(payload).digest('hex'));
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(createdMs).toBeGreaterThan(1_700_000_000_000);
  }
  expect(new Set(client.received.map(({ id }) => id)).size).toBe(client.received.length);
  expect(simulator.violations()).toEqual([]);
});

test('the acknowledgement names the message it is for, key for key', async () => {
  await using simulator = await running();
  const client = await RawClient.ready(await start(simulator, { port: 5432 }));
  const { payload } = await client.message('acknowledge');
  expect(payload.toString()).toMatch(
    /^\{"AcknowledgedMessageType":"input_stream_data","AcknowledgedMessageId":"[0-9a-f-]{36}","AcknowledgedMessageSequenceNumber":0,"IsSequentialMessage":true\}$/,
  );
  expect(payload).toHaveLength(175);
});

test('a session goes from Connecting over Connected and Disconnected to Terminated', async () => {
  await using simulator = await running();
  const access = await start(simulator, { port: 5432 });
  const { SessionId } = access;
  expect(await statusOf(simulator, SessionId)).toBe('Connecting');
  const client = await RawClient.ready(access);
  expect(await statusOf(simulator, SessionId)).toBe('Connected');
  client.socket.terminate();
  await waitFor(async () => ((await statusOf(simulator, SessionId)) === 'Disconnected' ? true : undefined));
  const resumed = (await simulator.handleApi('ResumeSession', { SessionId }, user)) as Access;
  const again = await RawClient.open(resumed);
  await again.message('start_publication');
  expect(await statusOf(simulator, SessionId)).toBe('Connected');
  again.terminate();
  again.next = 0;
  await simulator.handleApi('TerminateSession', { SessionId }, user);
  expect(await statusOf(simulator, SessionId)).toBe('Terminated');
});

test('an instance may have an agent of another version', async () => {
  await using simulator = await running();
  simulator.registerInstance({ instanceId: jumpHost, agentVersion: '3.1.1511.0' });
  const client = await RawClient.open(await start(simulator, { port: 5432 }));
  expect((await client.stream(5)).payload.toString()).toMatch(/^\{"AgentVersion":"3\.1\.1511\.0",/);
});

test('what the administrator wants to say comes with HandshakeComplete', async () => {
  await using simulator = await running({ agent: { customerMessage: 'Be careful.' } });
  const client = await RawClient.ready(await start(simulator, { port: 5432 }));
  expect(JSON.parse((await client.stream(7)).payload.toString()).CustomerMessage).toBe('Be careful.');
});

describe('the first message decides', () => {
  const refused = { code: 1008, reason: 'Token is not valid' };

  test('an old client that sends three keys only is let in', async () => {
    await using simulator = await running();
    const access = await start(simulator, { port: 5432 });
    const client = await RawClient.open(
      access,
      JSON.stringify({
        MessageSchemaVersion: '1.0',
        RequestId: 'r'.repeat(16),
        TokenValue: access.TokenValue,
      }),
    );
    await client.stream(5);
  });

  test('an unknown token closes the socket', async () => {
    await using simulator = await running();
    const access = await start(simulator, { port: 5432 });
    const client = await RawClient.open(access, openText('not-the-token'));
    expect(await client.waitClosed()).toEqual(refused);
    expect(client.received).toEqual([]);
    expect(simulator.violations()).toEqual([]);
  });

  test('a token opens one channel, and a new token makes the old one void', async () => {
    await using simulator = await running();
    const access = await start(simulator, { port: 5432 });
    const first = await RawClient.ready(access);
    expect(await (await RawClient.open(access)).waitClosed()).toEqual(refused);
    expect(first.closed).toBeUndefined();
    const other = await start(simulator, { port: 5432 });
    const resumed = (await simulator.handleApi(
      'ResumeSession',
      { SessionId: other.SessionId },
      user,
    )) as Access;
    expect(await (await RawClient.open(other)).waitClosed()).toEqual(refused);
    await (await RawClient.open(resumed)).stream(5);
  });

  test('a token of another session, or of one that is over, does not open this one', async () => {
    await using simulator = await running();
    const one = await start(simulator, { port: 5432 });
    const other = await start(simulator, { port: 5432 });
    expect(await (await RawClient.open(one, openText(other.TokenValue))).waitClosed()).toEqual(refused);
    await simulator.handleApi('TerminateSession', { SessionId: other.SessionId }, user);
    expect(await (await RawClient.open(other)).waitClosed()).toEqual(refused);
  });

  test.each<[string, string | Buffer]>([
    ['binary', Buffer.from('{}')],
    ['no JSON', 'open sesame'],
    ['no token', '{"MessageSchemaVersion":"1.0","RequestId":"0123456789abcdef"}'],
  ])('%s in place of OpenDataChannel is recorded and refused', async (_, first) => {
    await using simulator = await running();
    const client = await RawClient.open(await start(simulator, { port: 5432 }), first);
    expect(await client.waitClosed()).toEqual(refused);
    expect(simulator.violations()).toMatchObject([{ kind: 'malformed-open' }]);
  });

  test('another path is no data channel', async () => {
    await using simulator = await running();
    const socket = new WebSocket(`${simulator.endpoint.replace('http', 'ws')}/v1/control-channel/x`);
    const [error] = await once(socket, 'error');
    expect(String(error)).toContain('404');
  });
});

describe('a handshake that fails ends the session with the reason', () => {
  const outputOf = async (client: RawClient): Promise<string> =>
    JSON.parse((await client.message('channel_closed')).payload.toString()).Output;

  test('no response in time', async () => {
    await using simulator = await running({ agent: { handshakeTimeoutMs: 50 } });
    const client = await RawClient.open(await start(simulator, { port: 5432 }));
    expect(await outputOf(client)).toBe(
      'Encountered error while initiating handshake. Handshake timed out. Please ensure that you have the latest version of the session manager plugin.',
    );
  });

  test('a client that cannot do what was asked', async () => {
    await using simulator = await running();
    const client = await RawClient.open(await start(simulator, { port: 5432 }));
    await client.stream(5);
    client.input(6, handshakeResponse('1.2.677.0', 3, 'no ports here'));
    expect(await outputOf(client)).toBe(
      'Encountered error while initiating handshake. SessionType failed on client with status 3 error: no ports here',
    );
  });

  test('an agent that asks for encryption, which no client of port sessions has to know', async () => {
    await using simulator = await running({
      agent: { kmsKeyId: 'arn:aws:kms:eu-west-2:123456789012:key/k' },
    });
    const client = await RawClient.open(await start(simulator, { port: 5432 }));
    const request = await client.stream(5);
    expect(JSON.parse(request.payload.toString()).RequestedClientActions[1]).toMatchObject({
      ActionType: 'KMSEncryption',
      ActionParameters: { KMSKeyId: 'arn:aws:kms:eu-west-2:123456789012:key/k' },
    });
    client.input(
      6,
      Buffer.from(
        '{"ClientVersion":"1.2.677.0","ProcessedClientActions":[{"ActionType":"SessionType","ActionStatus":1,' +
          '"ActionResult":null,"Error":""},{"ActionType":"KMSEncryption","ActionStatus":3,"ActionResult":null,' +
          '"Error":"not for ports"}],"Errors":null}',
      ),
    );
    const closed = await client.message('channel_closed');
    expect(JSON.parse(closed.payload.toString()).Output).toContain(
      'KMSEncryption failed on client with status 3 error: not for ports',
    );
  });

  test('a response that is no JSON', async () => {
    await using simulator = await running();
    const client = await RawClient.open(await start(simulator, { port: 5432 }));
    await client.stream(5);
    client.input(6, Buffer.from('{'));
    expect(await outputOf(client)).toMatch(
      /^Encountered error while initiating handshake\. Unmarshalling of /,
    );
    expect(simulator.violations()).toMatchObject([{ kind: 'malformed-envelope' }]);
  });
});

test('data before HandshakeComplete is acknowledged, thrown away and recorded', async () => {
  await using simulator = await running();
  const client = await RawClient.open(await start(simulator, { port: 5432 }));
  await client.stream(5);
  client.data(syn(3), psh(3, 'lost'));
  client.input(6, handshakeResponse());
  await client.stream(7);
  expect(client.acknowledged).toEqual([0, 1]);
  expect(simulator.violations()).toMatchObject([{ kind: 'early-data' }]);
  expect(simulator.statistics()).toMatchObject({ muxStreams: 0, bytesUp: 0 });
});

test('the agent does not wait for the client: what it said meanwhile is kept', async () => {
  await using simulator = await running();
  const access = await start(simulator, { port: 5432 });
  await waitFor(() => (simulator.statistics().sessionsStarted === 1 ? true : undefined));
  const client = await RawClient.ready(access);
  expect(client.received.map(({ payloadType }) => payloadType)).toEqual([0, 5, 0, 7]);
});
