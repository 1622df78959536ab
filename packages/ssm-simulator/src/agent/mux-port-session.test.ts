import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { encodeSmuxFrame, SmuxCommand } from '@postern/ssm-protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MuxPortSession } from './mux-port-session.ts';
import type { PortSessionHost } from './port-session.ts';

interface Dial {
  succeed(): Promise<void>;
  fail(): void;
}

let dials: Dial[];
let sent: string[];
let host: PortSessionHost;
let sockets: Socket[];

beforeEach(() => {
  dials = [];
  sent = [];
  sockets = [];
  host = {
    dial: () =>
      new Promise((resolve, reject) => {
        dials.push({
          succeed: async () => {
            const server = createServer().listen(0, '127.0.0.1');
            await once(server, 'listening');
            const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
            const [other] = (await once(server, 'connection')) as [Socket];
            sockets.push(socket, other);
            server.close();
            resolve(socket);
          },
          fail: () => reject(new Error('refused')),
        });
      }),
    sendData: (payload) => void sent.push(payload.toString('hex')),
    sendFlag: (flag) => void sent.push(`flag ${flag}`),
    canSend: () => true,
    end: (output) => void sent.push(`end ${output}`),
    streamOpened: () => {},
    streamReused: () => {},
    misused: () => {},
    brokenSmux: () => {},
    transferred: () => {},
    pacing: false,
    payloadBytes: 1024,
    serialDial: true,
  };
});

afterEach(() => {
  vi.useRealTimers();
  for (const socket of sockets) socket.destroy();
});

const syn = (streamId: number): Buffer =>
  encodeSmuxFrame({ command: SmuxCommand.syn, streamId, data: new Uint8Array(0) });

test('a dial that hangs holds up every later connection of the session', async () => {
  const session = new MuxPortSession(host, { keepAlive: false });
  await session.input(Buffer.concat([syn(3), syn(5), syn(7)]));
  expect(dials).toHaveLength(1);
  await dials[0]?.succeed();
  await vi.waitFor(() => expect(dials).toHaveLength(2), 20_000);
  dials[1]?.fail();
  await vi.waitFor(() => expect(dials).toHaveLength(3), 20_000);
  expect(sent).toEqual(['flag 3', '0101000005000000']);
  session.stop();
});

test('without serial dialling no connection waits for another', async () => {
  const session = new MuxPortSession({ ...host, serialDial: false }, { keepAlive: false });
  await session.input(Buffer.concat([syn(3), syn(5), syn(7)]));
  expect(dials).toHaveLength(3);
  dials[2]?.fail();
  await vi.waitFor(() => expect(sent).toEqual(['flag 3', '0101000007000000']), 20_000);
  session.stop();
});

test('behind a dial that hangs 1,024 connections wait, then the whole session does', async () => {
  const opened: string[] = [];
  const session = new MuxPortSession(
    { ...host, streamOpened: () => void opened.push('') },
    { keepAlive: false },
  );
  const syns = Array.from({ length: 2_000 }, (_, index) => syn(3 + 2 * index));
  expect(session.input(Buffer.concat(syns))).toBe(true);
  expect(opened).toHaveLength(1_025);
  // What is not read fills the pipe, and a full pipe acknowledges nothing.
  const filler = encodeSmuxFrame({ command: SmuxCommand.psh, streamId: 3, data: new Uint8Array(65_535) });
  const results = Array.from({ length: 4 }, () => session.input(filler));
  expect(results.map((result) => result === true)).toEqual([true, true, true, false]);
  for (let count = 0; count < 1_000; count++) {
    dials[count]?.fail();
    await new Promise(setImmediate);
    expect(dials).toHaveLength(count + 2);
  }
  await expect(results[3]).resolves.toBe(true);
  expect(opened).toHaveLength(2_000);
  session.stop();
});

test('a session that stops while it dials neither reports nor keeps that connection', async () => {
  const session = new MuxPortSession(host, { keepAlive: false });
  await session.input(Buffer.concat([syn(3), syn(5)]));
  session.stop();
  await dials[0]?.succeed();
  await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true), 20_000);
  expect(dials).toHaveLength(1);
  expect(sent).toEqual([]);
});

test('for an old client: a NOP every ten seconds, and a mux that hears nothing for thirty is dead', async () => {
  vi.useFakeTimers();
  const session = new MuxPortSession(host, { keepAlive: true });
  await session.input(syn(3));
  vi.advanceTimersByTime(30_000);
  expect(sent).toEqual(Array(3).fill('0103000000000000'));
  vi.advanceTimersByTime(30_000);
  const count = sent.length;
  expect(session.input(syn(5))).toBe(true);
  expect(dials).toHaveLength(1);
  vi.advanceTimersByTime(30_000);
  expect(sent).toHaveLength(count);
});

test('for a current client there is no keep-alive: an idle mux lives on', async () => {
  vi.useFakeTimers();
  const session = new MuxPortSession(host, { keepAlive: false });
  vi.advanceTimersByTime(3_600_000);
  await session.input(syn(3));
  expect(dials).toHaveLength(1);
  expect(sent).toEqual([]);
  session.stop();
});
