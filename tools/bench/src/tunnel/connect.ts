import type { Duplex } from 'node:stream';
import type { Tunnel } from '@postern/ssm-tunnel';
import { arrivalOfByte } from './peer/requests.ts';
import { startPeer } from './peer/start-peer.ts';
import type { BenchResult } from './report/report.ts';
import { summarise } from './report/samples.ts';
import { figure, spread } from './report/table.ts';
import { amount, type Settings } from './settings.ts';

const DELAYS_MS = [0, 10, 40] as const;
const CONNECTIONS = 20;

interface Departure {
  /** From `connect()` or the write to the arrival at the destination, without the one-way delay. */
  readonly lateMs: number;
  /** Messages of ours until the destination's answer was here. */
  readonly messagesSent: number;
  /** Messages of the agent that had come when our byte had left. */
  readonly messagesReceivedBefore: number;
}

/**
 * How soon the first byte of a new connection leaves: at once, in the message that opens the stream, or only after the
 * other side has said something. A byte on a connection that exists is the yardstick.
 */
export async function connect(settings: Settings): Promise<BenchResult> {
  const rows: string[][] = [];
  const data: Record<string, unknown> = {};
  for (const delayMs of DELAYS_MS) {
    await using peer = await startPeer({ agent: { pacing: false }, service: { oneWayDelayMs: delayMs } });
    await using tunnel = await peer.open();
    const existing = open(tunnel);
    await departure(tunnel, existing, true, delayMs);
    const fresh: Departure[] = [];
    const again: Departure[] = [];
    for (let round = -1; round < amount(CONNECTIONS, settings); round++) {
      // They stay open, since the end of one would be a message in the middle of the next.
      const stream = open(tunnel);
      const first = await departure(tunnel, stream, true, delayMs);
      const next = await departure(tunnel, existing, false, delayMs);
      if (round < 0) continue;
      fresh.push(first);
      again.push(next);
    }
    const late = summarise(fresh.map(({ lateMs }) => lateMs));
    const yardstick = summarise(again.map(({ lateMs }) => lateMs));
    const sent = Math.max(...fresh.map(({ messagesSent }) => messagesSent));
    const receivedBefore = Math.max(...fresh.map(({ messagesReceivedBefore }) => messagesReceivedBefore));
    rows.push([
      `${delayMs} ms one way`,
      spread(late),
      spread(yardstick),
      figure(late.median - yardstick.median),
      String(sent),
      String(receivedBefore),
    ]);
    data[`${delayMs}`] = { fresh, again, late, yardstick };
  }
  return {
    title: 'New connection in an open tunnel: ms until its first byte arrives, less the one-way delay',
    head: ['', 'new connection', 'existing one', 'difference', 'messages sent', 'received before'],
    rows,
    notes: [
      'Sent: messages of ours from connect() to the destination’s answer, at most: 1 says that the first byte went out in the very message that opens the stream.',
      'Received before: messages of the agent that came between connect() and the departure of that byte, at most: 0 says that nothing was waited for, at any delay.',
      'The difference is the agent’s connection to the destination.',
    ],
    data: { settings, delays: data },
  };
}

function open(tunnel: Tunnel): Duplex {
  return tunnel.connect().on('error', () => {});
}

async function departure(
  tunnel: Tunnel,
  stream: Duplex,
  first: boolean,
  delayMs: number,
): Promise<Departure> {
  const before = tunnel.stats();
  const start = process.hrtime.bigint();
  const arrival = arrivalOfByte(stream, { first });
  // First without giving way to the network: what leaves now has waited for nothing.
  for (let turn = 0; tunnel.stats().messagesSent === before.messagesSent; turn++) {
    await new Promise<void>((resolve) => (turn < 10 ? process.nextTick(resolve) : setImmediate(resolve)));
  }
  const messagesReceivedBefore = tunnel.stats().messagesReceived - before.messagesReceived;
  const arrivedAt = await arrival;
  await quiet(tunnel);
  return {
    lateMs: Number(arrivedAt - start) / 1e6 - delayMs,
    messagesSent: tunnel.stats().messagesSent - before.messagesSent,
    messagesReceivedBefore,
  };
}

/** Until nothing is on its way: everything sent was acknowledged. */
async function quiet(tunnel: Tunnel): Promise<void> {
  let counts = '';
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { unackedMessages, messagesReceived } = tunnel.stats();
    const now = `${unackedMessages} ${messagesReceived}`;
    if (unackedMessages === 0 && now === counts) return;
    counts = now;
  }
}
