import { describe, expect, test } from 'vitest';
import { destination, echo } from './destinations.ts';
import { type Access, openText, RawClient, start, user, waitFor } from './raw-client.ts';
import { frameTexts, psh, rawAcknowledge, syn } from './raw-envelope.ts';
import { type Running, running } from './setup.ts';

const until = async (condition: () => boolean): Promise<void> => {
  await waitFor(() => (condition() ? true : undefined));
};

const resume = async (simulator: Running, { SessionId }: Access): Promise<Access> =>
  (await simulator.handleApi('ResumeSession', { SessionId }, user)) as Access;

describe('what a client sends', () => {
  test('twice is acknowledged twice and delivered once', async () => {
    await using server = await echo();
    await using simulator = await running();
    const client = await RawClient.ready(await start(simulator, { port: server.port }));
    const first = Buffer.concat([syn(3), psh(3, 'once')]);
    client.input(1, first, 1);
    client.input(1, first, 1);
    client.input(1, psh(3, ' only'), 2);
    await until(() => client.acknowledged.length === 4);
    expect(client.acknowledged).toEqual([0, 1, 1, 2]);
    await until(() => frameTexts(client.output).join('').includes('only'));
    expect(frameTexts(client.output).join('').replaceAll('PSH 3 ', '')).toBe('once only');
    expect(simulator.violations()).toEqual([]);
  });

  test('twice is acknowledged once by an agent from before June 2023', async () => {
    await using server = await echo();
    await using simulator = await running({ agent: { version: '3.2.985.0' } });
    const client = await RawClient.ready(await start(simulator, { port: server.port }));
    client.input(1, syn(3), 1);
    client.input(1, syn(3), 1);
    client.input(1, psh(3, 'x'), 2);
    await client.stream(1);
    expect(client.acknowledged).toEqual([0, 1, 2]);
  });

  test('out of order is put in order, and each is acknowledged as it comes', async () => {
    await using server = await echo();
    await using simulator = await running();
    const client = await RawClient.ready(await start(simulator, { port: server.port }));
    client.input(1, psh(3, 'c'), 4);
    client.input(1, psh(3, 'b'), 3);
    client.input(1, psh(3, 'a'), 2);
    await until(() => client.acknowledged.length === 4);
    expect(client.output).toHaveLength(0);
    client.input(1, syn(3), 1);
    await until(() => client.acknowledged.length === 5);
    expect(client.acknowledged).toEqual([0, 4, 3, 2, 1]);
    await until(() => frameTexts(client.output).join('').replaceAll('PSH 3 ', '') === 'abc');
  });

  test('while the agent still looks up the host stays unacknowledged, until it is sent again', async () => {
    await using server = await echo();
    await using simulator = await running();
    // No name in the table: the system's resolver takes longer than the client needs for its first data.
    const client = await RawClient.ready(await start(simulator, { host: 'localhost', port: server.port }));
    const first = Buffer.concat([syn(3), psh(3, 'early')]);
    await waitFor(() => {
      client.input(1, first, 1);
      return client.acknowledged.includes(1) ? true : undefined;
    });
    await until(() => frameTexts(client.output).includes('PSH 3 early'));
    expect(simulator.violations()).toEqual([]);
  });
});

describe('what a client does not acknowledge', () => {
  test('is sent again, the oldest only, byte for byte', async () => {
    await using server = await destination((socket) => {
      socket.write('first');
      socket.on('data', () => socket.write('second'));
    });
    await using simulator = await running();
    const client = await RawClient.ready(await start(simulator, { port: server.port }));
    client.acknowledges = false;
    client.data(syn(3));
    const first = await client.stream(1);
    client.data(psh(3, 'more'));
    const copies = (sequence: number): Buffer[] =>
      [...client.received, ...client.repeats]
        .filter((message) => message.sequence === sequence && message.payloadType === 1)
        .map(({ bytes }) => bytes);
    await until(() => copies(first.sequence).length >= 4 && copies(first.sequence + 1).length > 0);
    expect(copies(first.sequence).every((bytes) => bytes.equals(first.bytes))).toBe(true);
    expect(copies(first.sequence + 1)).toHaveLength(1);
    client.send(rawAcknowledge(first));
    await until(() => copies(first.sequence + 1).length >= 2);
  });
});

describe('an agent as it could be, with frontOnlyResend switched off', () => {
  test('repeats all that is late at once, and does not run ahead of its client for ever', async () => {
    await using server = await destination((socket) => {
      const more = (): void => {
        while (socket.write(Buffer.alloc(65_536)));
      };
      socket.on('drain', more);
      more();
    });
    await using simulator = await running({ agent: { frontOnlyResend: false, payloadBytes: 16_384 } });
    const client = await RawClient.ready(await start(simulator, { port: server.port }));
    client.acknowledges = false;
    client.data(syn(3));
    // 4 MiB in payloads of 16 KiB.
    await until(() => new Set(client.repeats.map(({ sequence }) => sequence)).size > 200);
    expect(client.output.length).toBeLessThan(4 * 1024 * 1024 + 16_384);
    expect(Math.max(...client.received.map(({ payload }) => payload.length))).toBe(16_384);
    expect(simulator.statistics().agentRetransmissions).toBeGreaterThan(200);
    client.acknowledges = true;
    await until(() => client.output.length > 8 * 1024 * 1024);
  });
});

describe('after the socket is lost', () => {
  test('a new token continues the session: numbers, streams and connections survive', async () => {
    await using server = await echo();
    await using simulator = await running();
    const access = await start(simulator, { port: server.port });
    const client = await RawClient.ready(access);
    client.data(syn(3), psh(3, 'before'));
    await until(() => frameTexts(client.output).includes('PSH 3 before'));
    simulator.faults.closeChannel(access.SessionId);
    expect(await client.waitClosed()).toEqual({ code: 1000, reason: 'Bye' });

    const again = await RawClient.open(await resume(simulator, access));
    await again.message('start_publication');
    again.next = client.next;
    again.data(psh(3, 'after'));
    await until(() => frameTexts(again.output).includes('PSH 3 after'));
    expect(again.received.filter(({ payloadType }) => payloadType === 5)).toHaveLength(0);
    expect((await again.stream(1)).sequence).toBe(3);
    expect(server.sockets).toHaveLength(1);
    expect(simulator.statistics()).toMatchObject({ resumeSessionCalls: 1, channelsOpened: 2, muxStreams: 1 });
    expect(simulator.violations()).toEqual([]);
  });

  test('what was not acknowledged comes again, oldest first', async () => {
    await using server = await destination((socket) => {
      socket.on('data', () => {
        for (let count = 0; count < 4; count++) socket.write(Buffer.alloc(1016, 'abcd'[count]));
      });
    });
    await using simulator = await running();
    const access = await start(simulator, { port: server.port });
    const client = await RawClient.ready(access);
    client.acknowledges = false;
    client.data(syn(3), psh(3, 'go'));
    await until(() => client.output.length >= 4 * 1016);
    client.socket.terminate();
    const again = await RawClient.open(await resume(simulator, access));
    await until(() => again.output.length === client.output.length);
    const sequences = again.received
      .filter(({ payloadType }) => payloadType === 1)
      .map(({ sequence }) => sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    expect(again.output.equals(client.output)).toBe(true);
  });

  test('a destination that keeps talking is not forgotten while the client is away', async () => {
    await using server = await destination(() => {});
    await using simulator = await running();
    const access = await start(simulator, { port: server.port });
    const client = await RawClient.ready(access);
    client.data(syn(3));
    await until(() => server.sockets.length === 1);
    client.socket.terminate();
    await client.waitClosed();
    server.sockets[0]?.write('said meanwhile');
    const again = await RawClient.open(await resume(simulator, access));
    await until(() => frameTexts(again.output).includes('PSH 3 said meanwhile'));
  });

  test('the newest connection wins, and what the old one still says is not heard', async () => {
    await using server = await echo();
    await using simulator = await running();
    const access = await start(simulator, { port: server.port });
    const client = await RawClient.ready(access);
    const again = await RawClient.open(await resume(simulator, access));
    await again.message('start_publication');
    expect(await client.waitClosed()).toEqual({ code: 1000, reason: 'Replaced by a newer connection' });
    again.next = client.next;
    again.data(syn(3), psh(3, 'hello'));
    await until(() => frameTexts(again.output).includes('PSH 3 hello'));
  });

  test('there is no way back once the session is over', async () => {
    await using simulator = await running();
    const access = await start(simulator, { port: 5432 });
    const client = await RawClient.ready(access);
    client.socket.terminate();
    await client.waitClosed();
    await simulator.handleApi('TerminateSession', { SessionId: access.SessionId }, user);
    expect(await resume(simulator, access)).toEqual({ SessionId: access.SessionId });
    const again = await RawClient.open(access, openText(access.TokenValue));
    expect((await again.waitClosed()).code).toBe(1008);
  });

  test('a client that vanishes with a full socket leaves an agent that still works', async () => {
    await using server = await destination((socket) => {
      socket.on('data', () => socket.write(Buffer.alloc(8 * 1024 * 1024)));
    });
    await using simulator = await running();
    const access = await start(simulator, { port: server.port });
    const client = await RawClient.ready(access);
    client.data(syn(3), psh(3, 'go'));
    client.socket.pause();
    let before = -1;
    await waitFor(() => {
      const { bytesDown } = simulator.statistics();
      const settled = bytesDown > 0 && bytesDown === before;
      before = bytesDown;
      return settled ? true : undefined;
    });
    simulator.faults.closeChannel(access.SessionId);
    client.socket.terminate();
    const again = await RawClient.open(await resume(simulator, access));
    await again.stream(1, 5);
    again.next = client.next;
    again.terminate();
    await again.message('channel_closed');
    expect(simulator.violations()).toEqual([]);
  });
});
