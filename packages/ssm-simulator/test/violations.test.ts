import { expect, test } from 'vitest';
import { echo } from './destinations.ts';
import { type Access, handshakeResponse, RawClient, start, user, waitFor } from './raw-client.ts';
import { fin, psh, rawAcknowledge, rawEnvelope, syn } from './raw-envelope.ts';
import { type Running, running } from './setup.ts';

const recorded = async (simulator: Running, count = 1): Promise<string[]> => {
  await waitFor(() => (simulator.violations().length >= count ? true : undefined));
  return simulator.violations().map(({ kind }) => kind);
};

const session = async (simulator: Running, port = 5432): Promise<{ access: Access; client: RawClient }> => {
  const access = await start(simulator, { port });
  return { access, client: await RawClient.ready(access) };
};

test('a message that is no envelope goes nowhere', async () => {
  await using simulator = await running();
  const { access, client } = await session(simulator);
  client.send(Buffer.alloc(119));
  client.send(rawEnvelope({ type: 'input_stream_data', sequence: 1, headerLength: 112 }));
  client.send(rawEnvelope({ type: 'output_stream_data', sequence: 1 }));
  client.send(rawEnvelope({ type: 'channel_closed' }));
  expect(await recorded(simulator, 4)).toEqual(Array(4).fill('malformed-envelope'));
  expect(simulator.violations()[0]).toEqual({
    kind: 'malformed-envelope',
    sessionId: access.SessionId,
    detail: expect.stringContaining('119 bytes'),
  });
  expect(client.acknowledged).toEqual([0]);
});

test('a wrong digest is recorded and the message delivered: agents do not check it', async () => {
  await using simulator = await running();
  const { client } = await session(simulator);
  client.send(
    rawEnvelope({
      type: 'input_stream_data',
      sequence: 1,
      payloadType: 1,
      payload: syn(3),
      digest: Buffer.alloc(32),
    }),
  );
  expect(await recorded(simulator)).toEqual(['wrong-digest']);
  await waitFor(() => (client.acknowledged.includes(1) ? true : undefined));
});

test('flags that a real client does not set are recorded', async () => {
  await using simulator = await running();
  const { client } = await session(simulator);
  client.send(
    rawEnvelope({ type: 'input_stream_data', sequence: 1, flags: 1, payloadType: 1, payload: syn(3) }),
  );
  expect(await recorded(simulator)).toEqual(['malformed-envelope']);
});

test('a number left out is recorded, and the stream waits for it', async () => {
  await using simulator = await running();
  const { client } = await session(simulator);
  client.input(1, syn(3), 2);
  expect(await recorded(simulator)).toEqual(['sequence-gap']);
  expect(simulator.violations()[0]?.detail).toBe('2 follows 0, 1 are missing');
});

test('after a reconnect newer messages may come first, but not from beyond any window', async () => {
  await using simulator = await running();
  const { access, client } = await session(simulator);
  client.socket.terminate();
  const resumed = (await simulator.handleApi(
    'ResumeSession',
    { SessionId: access.SessionId },
    user,
  )) as Access;
  const again = await RawClient.open(resumed);
  again.input(1, syn(3), 9_000);
  again.input(1, syn(5), 1);
  await waitFor(() => (again.acknowledged.length === 2 ? true : undefined));
  expect(simulator.violations()).toEqual([]);
  again.input(1, syn(7), 30_000);
  expect(await recorded(simulator)).toEqual(['sequence-gap']);
});

test('a second HandshakeResponse is recorded, and the agent reads nothing any more', async () => {
  await using simulator = await running();
  const { client } = await session(simulator);
  client.input(6, handshakeResponse());
  client.data(syn(3));
  expect(await recorded(simulator)).toEqual(['second-handshake-response']);
  client.socket.ping();
  await waitFor(() => (client.pongs.length === 1 ? true : undefined));
  expect(client.acknowledged).toEqual([0]);
  expect(simulator.statistics().muxStreams).toBe(0);
});

test('the same HandshakeResponse sent again is only a duplicate', async () => {
  await using simulator = await running();
  const { client } = await session(simulator);
  client.input(6, handshakeResponse(), 0);
  await waitFor(() => (client.acknowledged.length === 2 ? true : undefined));
  expect(simulator.violations()).toEqual([]);
});

test('a client that does not acknowledge duplicates is recorded', async () => {
  await using server = await echo();
  await using simulator = await running();
  const { access, client } = await session(simulator, server.port);
  client.acknowledges = false;
  simulator.faults.duplicateNext(access.SessionId, 'to-client', { payloadType: 1 });
  client.data(syn(3), psh(3, 'one'));
  client.send(rawAcknowledge(await client.stream(1)));
  client.data(psh(3, 'two'));
  client.send(rawAcknowledge(await client.stream(1, 1)));
  expect(new Set(await recorded(simulator))).toEqual(new Set(['missing-re-ack']));
  expect(simulator.violations().map(({ detail }) => detail)).toContain(
    'output_stream_data 2 came again and was not acknowledged again',
  );
});

test('a client that acknowledges duplicates is not', async () => {
  await using server = await echo();
  await using simulator = await running();
  const { access, client } = await session(simulator, server.port);
  simulator.faults.duplicateNext(access.SessionId, 'to-client', { payloadType: 1, count: 3 });
  client.data(syn(3), psh(3, 'one'));
  await client.stream(1);
  client.data(psh(3, 'two'));
  await client.stream(1, 1);
  client.data(fin(3));
  await client.stream(1, 2);
  await waitFor(() =>
    new Set(client.repeats.filter(({ payloadType }) => payloadType === 1).map(({ sequence }) => sequence))
      .size === 3
      ? true
      : undefined,
  );
  expect(simulator.violations()).toEqual([]);
});

test('acknowledgements have their own form', async () => {
  await using simulator = await running();
  const { client } = await session(simulator);
  const body = (type: string, sequence: number): Buffer =>
    Buffer.from(
      JSON.stringify({ AcknowledgedMessageType: type, AcknowledgedMessageSequenceNumber: sequence }),
    );
  client.send(rawEnvelope({ type: 'acknowledge', flags: 0, payload: body('output_stream_data', 0) }));
  client.send(rawEnvelope({ type: 'acknowledge', flags: 3, payload: body('input_stream_data', 0) }));
  client.send(rawEnvelope({ type: 'acknowledge', flags: 3, payload: body('output_stream_data', 77) }));
  client.send(rawEnvelope({ type: 'acknowledge', flags: 3, payload: Buffer.from('{}') }));
  expect(await recorded(simulator, 4)).toEqual(Array(4).fill('malformed-acknowledge'));
});

test('a stream id is used once', async () => {
  await using server = await echo();
  await using simulator = await running();
  const { client } = await session(simulator, server.port);
  client.data(syn(3), fin(3));
  await client.stream(1);
  client.data(syn(3));
  expect(await recorded(simulator)).toEqual(['stream-id-reused']);
});

test('bytes that are not smux end the session', async () => {
  await using simulator = await running();
  const { client } = await session(simulator);
  client.data(Buffer.from('GET / HTTP/1.1\r\n'));
  expect(await recorded(simulator)).toEqual(['broken-smux']);
  expect(JSON.parse((await client.message('channel_closed')).payload.toString()).Output).toBe(
    'invalid protocol',
  );
});

test('text after the first message is recorded and not taken', async () => {
  await using simulator = await running();
  const { client } = await session(simulator);
  client.socket.send('hello');
  expect(await recorded(simulator)).toEqual(['not-binary']);
});

test('a Flag that is none is recorded', async () => {
  await using simulator = await running();
  const { client } = await session(simulator);
  client.input(10, Buffer.from([2]));
  expect(await recorded(simulator)).toEqual(['malformed-envelope']);
});
