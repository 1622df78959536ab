import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { closedPort, destination, echo } from './destinations.ts';
import { RawClient, start, waitFor } from './raw-client.ts';
import { fin, frameTexts, psh, type RawMessage, syn } from './raw-envelope.ts';
import { running } from './setup.ts';

const until = async (condition: () => boolean): Promise<void> => {
  await waitFor(() => (condition() ? true : undefined));
};

const frames = (client: RawClient): string[] => frameTexts(client.output);

test('two connections share one session, and each gets its own answers', async () => {
  await using server = await echo();
  await using simulator = await running();
  const client = await RawClient.ready(await start(simulator, { host: '127.0.0.1', port: server.port }));
  client.data(syn(3));
  client.data(syn(5));
  client.data(psh(3, 'one'));
  await until(() => frames(client).length === 1);
  client.data(psh(5, 'two'));
  await until(() => frames(client).length === 2);
  client.data(fin(3));
  await until(() => frames(client).length === 3);
  client.data(fin(5));
  await until(() => frames(client).length === 4);
  expect(frames(client)).toEqual(['PSH 3 one', 'PSH 5 two', 'FIN 3', 'FIN 5']);
  expect(client.acknowledged).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(simulator.statistics()).toMatchObject({
    muxStreams: 2,
    dialled: [
      { host: '127.0.0.1', port: server.port },
      { host: '127.0.0.1', port: server.port },
    ],
    bytesUp: 6,
    bytesDown: 6,
  });
  expect(simulator.violations()).toEqual([]);
});

test('a refused destination costs its stream only: flag first, then FIN', async () => {
  const port = await closedPort();
  await using simulator = await running();
  const client = await RawClient.ready(await start(simulator, { host: '127.0.0.1', port }));
  client.data(syn(3));
  const flag = await client.stream(10);
  await until(() => frames(client).length === 1);
  const end = await client.stream(1);
  expect(flag.payload.toString('hex')).toBe('00000003');
  expect(end.payload.toString('hex')).toBe('0101000003000000');
  expect(end.sequence).toBe(flag.sequence + 1);
  client.data(psh(3, 'x'), fin(3));
  client.data(syn(5));
  await client.stream(10, 1);
  await until(() => frames(client).length === 2);
  expect(frames(client)).toEqual(['FIN 3', 'FIN 5']);
  expect(simulator.violations()).toEqual([]);
});

test('frames may be cut anywhere, and several share a message', async () => {
  await using server = await echo();
  await using simulator = await running();
  const client = await RawClient.ready(await start(simulator, { port: server.port }));
  const bytes = Buffer.concat([syn(3), psh(3, 'abc'), syn(5), psh(5, 'defg'), psh(3, '!')]);
  for (const byte of bytes) client.data(Buffer.from([byte]));
  const ofStream = (id: number): string =>
    frames(client)
      .filter((frame) => frame.startsWith(`PSH ${id} `))
      .map((frame) => frame.slice(6))
      .join('');
  await until(() => ofStream(3).length + ofStream(5).length === 8);
  expect([ofStream(3), ofStream(5)]).toEqual(['abc!', 'defg']);
  expect(simulator.violations()).toEqual([]);
});

test.each([1, 2, 4_000_000_000])('stream id %i is as good as any other unused one', async (id) => {
  await using server = await echo();
  await using simulator = await running();
  const client = await RawClient.ready(await start(simulator, { port: server.port }));
  client.data(syn(id), psh(id, 'hello'));
  await until(() => frames(client).length === 1);
  expect(frames(client)).toEqual([`PSH ${id} hello`]);
});

test('frames for streams that nobody opened, NOPs and a second SYN change nothing', async () => {
  await using server = await echo();
  await using simulator = await running();
  const client = await RawClient.ready(await start(simulator, { port: server.port }));
  client.data(
    psh(7, 'nobody'),
    fin(9),
    Buffer.from('0103000000000000', 'hex'),
    syn(3),
    syn(3),
    psh(3, 'hello'),
  );
  await until(() => frames(client).length === 1);
  expect(simulator.statistics().muxStreams).toBe(1);
});

describe('there is no half-close', () => {
  test('the FIN of a client closes the whole connection after its data; a late answer is lost', async () => {
    const received: string[] = [];
    await using server = await destination((socket) => {
      socket.on('data', (chunk) => received.push(chunk.toString()));
      socket.on('end', () => setTimeout(() => socket.end('late answer'), 20));
    });
    await using simulator = await running();
    const client = await RawClient.ready(await start(simulator, { port: server.port }));
    client.data(syn(3), psh(3, 'question'), fin(3));
    await until(() => frames(client).length === 1);
    await until(() => server.sockets[0]?.destroyed === true);
    expect(received.join('')).toBe('question');
    expect(frames(client)).toEqual(['FIN 3']);
  });

  test('the end of a destination closes the whole connection; what the client says later is dropped', async () => {
    const received: string[] = [];
    await using server = await destination((socket) => {
      socket.on('data', (chunk) => received.push(chunk.toString()));
      socket.end('bye');
    });
    await using simulator = await running();
    const client = await RawClient.ready(await start(simulator, { port: server.port }));
    client.data(syn(3));
    await until(() => frames(client).length === 2);
    expect(frames(client)).toEqual(['PSH 3 bye', 'FIN 3']);
    client.data(psh(3, 'late'));
    await until(() => client.acknowledged.length === 3);
    expect(received).toEqual([]);
    expect(simulator.violations()).toEqual([]);
  });

  test('a destination that resets its connection is a FIN', async () => {
    await using server = await destination((socket) => socket.once('data', () => socket.resetAndDestroy()));
    await using simulator = await running();
    const client = await RawClient.ready(await start(simulator, { port: server.port }));
    client.data(syn(3), psh(3, 'x'));
    await until(() => frames(client).length === 1);
    expect(frames(client)).toEqual(['FIN 3']);
  });
});

test('bulk data arrives whole, in payloads of 1,024 bytes at most and frames of 32,768', async () => {
  const bulk = randomBytes(1_000_003);
  await using server = await destination((socket) => socket.end(bulk));
  await using simulator = await running();
  const client = await RawClient.ready(await start(simulator, { port: server.port }));
  client.data(syn(3));
  await until(() => client.output.subarray(-8).equals(fin(3)));
  const payloads = client.received.filter((message: RawMessage) => message.payloadType === 1);
  expect(Math.max(...payloads.map(({ payload }) => payload.length))).toBe(1024);
  const parts: Buffer[] = [];
  for (let at = 0, all = client.output; at < all.length - 8; ) {
    const length = all.readUInt16LE(at + 2);
    expect(length).toBeLessThanOrEqual(32_768);
    parts.push(all.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  expect(Buffer.concat(parts).equals(bulk)).toBe(true);
  expect(simulator.violations()).toEqual([]);
});

test('one destination that does not read blocks the whole session, acknowledgements and all', async () => {
  await using server = await destination((socket) => socket.pause());
  await using simulator = await running();
  const client = await RawClient.ready(await start(simulator, { port: server.port }));
  client.data(syn(3));
  const chunk = psh(3, Buffer.alloc(32_000));
  const sent = 600;
  for (let count = 0; count < sent; count++) client.data(chunk);
  client.data(syn(5));
  await until(() => client.acknowledged.length > 100);
  // 4 MiB of the mux and what the two kernels' buffers take; the rest stays unacknowledged.
  let before = -1;
  await waitFor(() => {
    const settled = before === client.acknowledged.length;
    before = client.acknowledged.length;
    return settled && server.sockets.length === 1 ? true : undefined;
  });
  expect(client.acknowledged.length).toBeLessThan(sent);
  expect(simulator.statistics().muxStreams).toBe(1);
  server.sockets[0]?.resume();
  await until(() => client.acknowledged.length === sent + 3);
  await until(() => simulator.statistics().muxStreams === 2);
});

test('a client that does not read slows the destination down instead of filling the memory', async () => {
  let written = 0;
  await using server = await destination((socket) => {
    const more = (): void => {
      while (written < 64 * 1024 * 1024) {
        written += 65_536;
        if (!socket.write(Buffer.alloc(65_536))) break;
      }
    };
    socket.on('drain', more);
    more();
  });
  await using simulator = await running();
  const client = await RawClient.ready(await start(simulator, { port: server.port }));
  client.socket.pause();
  client.data(syn(3));
  let before = -1;
  await waitFor(() => {
    const { bytesDown } = simulator.statistics();
    const settled = bytesDown > 0 && bytesDown === before;
    before = bytesDown;
    return settled ? true : undefined;
  });
  expect(simulator.statistics().bytesDown).toBeLessThan(32 * 1024 * 1024);
});

test('TerminateSession: the flag is acknowledged, connections end, and channel_closed is the last word', async () => {
  await using server = await echo();
  await using simulator = await running();
  const access = await start(simulator, { port: server.port });
  const client = await RawClient.ready(access);
  client.data(syn(3), psh(3, 'hello'));
  await until(() => frames(client).length === 1);
  client.terminate();
  const closed = await client.message('channel_closed');
  expect(client.acknowledged).toEqual([0, 1, 2]);
  expect(client.received.at(-1)).toBe(closed);
  expect(JSON.parse(closed.payload.toString())).toEqual({
    MessageId: closed.id,
    CreatedDate: new Date(closed.createdMs).toISOString(),
    DestinationId: access.SessionId,
    SessionId: access.SessionId,
    MessageType: 'channel_closed',
    SchemaVersion: 1,
    Output: '',
  });
  await until(() => server.sockets[0]?.destroyed === true);
  expect(simulator.statistics()).toMatchObject({ openSessions: 0, sessionsTerminated: 1 });
  client.socket.close();
  await once(client.socket, 'close');
  expect(simulator.violations()).toEqual([]);
});

test('a session that ends waits for the acknowledgements of its last messages', async () => {
  await using server = await echo();
  await using simulator = await running();
  const client = await RawClient.ready(await start(simulator, { port: server.port }));
  client.acknowledges = false;
  client.data(syn(3), psh(3, 'hello'));
  await until(() => frames(client).length === 1);
  client.terminate();
  // The last output is sent again while the agent waits; only then comes the end.
  const closed = await client.message('channel_closed');
  expect(client.repeats.some(({ payloadType }) => payloadType === 1)).toBe(true);
  expect(client.received.at(-1)).toBe(closed);
});
