import type { Duplex } from 'node:stream';
import type { Tunnel, TunnelOptions } from '@postern/ssm-tunnel';
import { download, roundTrip, startEcho, upload } from './peer/requests.ts';
import { startPeer } from './peer/start-peer.ts';
import type { BenchResult } from './report/report.ts';
import { percentile } from './report/samples.ts';
import { figure } from './report/table.ts';
import { amount, type Settings } from './settings.ts';

/** A small query, more or less. */
const MESSAGE: Buffer = Buffer.alloc(64, 0x6d);
/** Moved before the first message is timed: what there is to fill on the way (pipes, windows) is full then. */
const WARM_UP = { up: 2_000_000, down: 300_000 };
/** More than moves while the messages are timed. */
const ENDLESS = 1e12;

interface Scenario {
  readonly name: string;
  readonly messages: number;
  readonly bulk: 'none' | 'up' | 'down';
  readonly options?: Partial<TunnelOptions>;
  /** The bulk stream gets a session of its own. */
  readonly dedicated?: boolean;
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'nothing else', messages: 500, bulk: 'none' },
  { name: 'bulk upload, 1,024', messages: 300, bulk: 'up' },
  { name: 'bulk upload, 16 KiB', messages: 300, bulk: 'up', options: { uploadPayloadBytes: 16 * 1024 } },
  { name: 'bulk download, one session', messages: 25, bulk: 'down' },
  {
    name: 'bulk download, two sessions',
    messages: 300,
    bulk: 'down',
    options: { sessions: { min: 2, max: 2 } },
  },
  { name: 'bulk download, dedicated', messages: 300, bulk: 'down', dedicated: true },
];

/** How long a small message takes there and back on one stream, while another one moves bulk data. */
export async function latency(settings: Settings): Promise<BenchResult> {
  await using peer = await startPeer({});
  const rows: string[][] = [];
  const data: Record<string, unknown> = {};
  const times = new Map<Scenario, number[]>(SCENARIOS.map((scenario) => [scenario, []]));
  for (let round = 0; round < settings.rounds; round++) {
    for (const [scenario, measured] of times) {
      await using tunnel = await peer.open(scenario.options);
      measured.push(...(await measure(tunnel, scenario, amount(scenario.messages, settings))));
    }
  }
  for (const [{ name }, measured] of times) {
    const result = {
      p50: percentile(measured, 0.5),
      p99: percentile(measured, 0.99),
      max: Math.max(...measured),
      messages: measured.length,
    };
    rows.push([name, figure(result.p50), figure(result.p99), figure(result.max), String(result.messages)]);
    data[name] = result;
  }
  return {
    title:
      'Round trip in ms of a 64-byte message beside bulk data on another stream (realistic agent pacing)',
    head: ['', 'p50', 'p99', 'max', 'messages'],
    rows,
    notes: [
      'No delay on the way: what is left is waiting behind the bulk data. In one session an answer waits behind what the agent has in its pipe, which drains at the pace of the agent.',
      `${settings.rounds} repetitions with a new tunnel each.`,
    ],
    data: { settings, ...data },
  };
}

async function measure(
  tunnel: Tunnel,
  { bulk, dedicated }: Scenario,
  messages: number,
): Promise<readonly number[]> {
  const echo = open(tunnel);
  startEcho(echo);
  await roundTrip(echo, MESSAGE);
  const moving = bulk === 'none' ? undefined : open(tunnel, dedicated);
  let moved: Promise<void> | undefined;
  if (moving !== undefined && bulk !== 'none') {
    const move = bulk === 'up' ? upload : download;
    await move(moving, WARM_UP[bulk]);
    moved = move(moving, ENDLESS);
    await roundTrip(echo, MESSAGE);
  }
  const times: number[] = [];
  for (let message = 0; message < messages; message++) {
    const start = performance.now();
    await roundTrip(echo, MESSAGE);
    times.push(performance.now() - start);
  }
  moving?.destroy();
  await moved?.catch(() => {}); // it cannot finish, only stop
  echo.destroy();
  return times;
}

function open(tunnel: Tunnel, dedicated = false): Duplex {
  const stream = dedicated ? tunnel.connect({ dedicated }) : tunnel.connect();
  return stream.on('error', () => {});
}
