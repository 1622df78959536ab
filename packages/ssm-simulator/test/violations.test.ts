import { expect, test, vi } from 'vitest';
import { echo } from './destinations.ts';
import { type Access, handshakeResponse, openText, RawClient, start, user, waitFor } from './raw-client.ts';
import { fin, psh, rawAcknowledge, rawEnvelope, syn } from './raw-envelope.ts';
import { type Running, running } from './setup.ts';
import { inVirtualTime } from './virtual-time.ts';

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
  const access = await start(simulator, { port: 5432 });
  const client = await RawClient.open(access);
  client.acknowledges = false;
  const { id } = await client.stream(5);
  const good = {
    AcknowledgedMessageType: 'output_stream_data',
    AcknowledgedMessageId: id,
    AcknowledgedMessageSequenceNumber: 0,
    IsSequentialMessage: true,
  };
  const acknowledge = (body: object, flags = 3): void =>
    client.send(
      rawEnvelope({ type: 'acknowledge', flags, payload: Buffer.from(JSON.stringify(body, null, 1)) }),
    );
  acknowledge({ ...good, AcknowledgedMessageId: '00112233-4455-4677-8899-aabbccddeeff' });
  acknowledge(good, 0);
  acknowledge({ ...good, AcknowledgedMessageType: 'start_publication' });
  acknowledge({ ...good, AcknowledgedMessageSequenceNumber: 77 });
  acknowledge({ ...good, IsSequentialMessage: false });
  acknowledge({});
  expect(await recorded(simulator, 6)).toEqual(Array(6).fill('malformed-acknowledge'));
  expect(simulator.violations().map(({ detail }) => detail)).toEqual([
    'AcknowledgedMessageId is not the MessageId of 0',
    'flags 0, sequence number 0, payload type 0; must be 3, 0, 0',
    'AcknowledgedMessageType is start_publication',
    '77 was never sent',
    'IsSequentialMessage of 0 is not true',
    expect.stringContaining('AcknowledgedMessageSequenceNumber'),
  ]);
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

test('a MessageId with its halves in the wrong order is found out', async () => {
  await using simulator = await running();
  const { client } = await session(simulator);
  // As text on the wire: the version then stands where the variant should be.
  client.send(
    rawEnvelope({
      type: 'input_stream_data',
      sequence: 1,
      payloadType: 1,
      payload: syn(3),
      id: '8796a5b4-c3d2-e1f0-0f1e-2d3c4b5a4978',
    }),
  );
  expect(await recorded(simulator)).toEqual(['malformed-envelope']);
});

test('a message that comes again with other bytes is recorded', async () => {
  await using simulator = await running();
  const { client } = await session(simulator);
  client.input(1, syn(3), 1);
  client.input(1, syn(3), 1);
  client.input(1, syn(5), 1);
  expect(await recorded(simulator)).toEqual(['changed-retransmission']);
});

test('a client that goes on sending in a pause is recorded, one that waits or asks is not', () =>
  inVirtualTime(async () => {
    await using server = await echo();
    await using simulator = await running();
    const { access, client } = await session(simulator, server.port);
    client.data(syn(3));
    await waitFor(() => (client.acknowledged.includes(1) ? true : undefined));
    // The agent is away, so no acknowledgement ends the pause.
    simulator.faults.disconnectAgent(access.SessionId);
    await client.message('pause_publication');
    const heard = async (): Promise<void> => {
      const pongs = client.pongs.length;
      client.socket.ping();
      await waitFor(() => (client.pongs.length > pongs ? true : undefined));
    };
    await heard();
    for (let count = 0; count < 5; count++) {
      client.data(psh(3, 'anybody?'));
      await heard();
      vi.advanceTimersByTime(1_000);
    }
    expect(simulator.violations()).toEqual([]);
    for (let count = 0; count < 20; count++) client.data(psh(3, 'hello?'));
    expect(new Set(await recorded(simulator))).toEqual(new Set(['data-while-paused']));
  }));

test.each(['1.2.0.0', '1.2.331', 'mytool/1.0'])(
  'ClientVersion %s makes agents keep smux alive, or is not to be compared',
  async (version) => {
    await using simulator = await running();
    await RawClient.ready(await start(simulator, { port: 5432 }), version);
    expect(await recorded(simulator)).toEqual(['client-version']);
  },
);

test('another ClientId after a resume is recorded', async () => {
  await using simulator = await running();
  const { access } = await session(simulator);
  const resumed = (await simulator.handleApi(
    'ResumeSession',
    { SessionId: access.SessionId },
    user,
  )) as Access;
  const other = openText(resumed.TokenValue).replace(/"ClientId":"........-/, '"ClientId":"00000000-');
  await RawClient.open(resumed, other);
  expect(await recorded(simulator)).toEqual(['malformed-open']);
});

test('frames that an agent reads over are recorded when they tell of a mistake', async () => {
  await using server = await echo();
  await using simulator = await running();
  const { client } = await session(simulator, server.port);
  client.data(syn(3), Buffer.from('0104080003000000', 'hex'), Buffer.alloc(8));
  client.data(psh(7, 'nobody'));
  client.data(fin(9));
  client.data(fin(3), psh(3, 'too late'));
  expect(await recorded(simulator, 4)).toEqual(Array(4).fill('smux-misuse'));
  expect(simulator.violations().map(({ detail }) => detail)).toEqual([
    'a window update for stream 3: that is smux version 2',
    'data for stream 7, which was never opened',
    'FIN for stream 9, which was never opened',
    'data for stream 3 after its FIN',
  ]);
});

test('data that crosses the end of its stream is no mistake', async () => {
  await using simulator = await running();
  const { client } = await session(simulator, 1);
  client.data(syn(3));
  await client.stream(1);
  client.data(psh(3, 'on its way'), fin(3));
  await waitFor(() => (client.acknowledged.includes(2) ? true : undefined));
  simulator.assertNoViolations();
});

test('assertNoViolations names them all', async () => {
  await using simulator = await running();
  const { client } = await session(simulator);
  expect(simulator.assertNoViolations()).toBeUndefined();
  client.socket.send('text');
  client.input(1, syn(3), 3);
  await recorded(simulator, 2);
  expect(() => simulator.assertNoViolations()).toThrow(
    expect.objectContaining({
      code: 'SSM_SIMULATOR_VIOLATIONS',
      message: expect.stringMatching(
        /2 times:\n- not-binary: .*\n- sequence-gap: 3 follows 0, 2 are missing/,
      ),
      violations: simulator.violations(),
    }),
  );
});
