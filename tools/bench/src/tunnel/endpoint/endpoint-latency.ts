import type { Duplex } from 'node:stream';
import type { Tunnel } from '@postern/ssm-tunnel';
import type { BenchResult } from '../report/report.ts';
import { percentile, summarise } from '../report/samples.ts';
import { figure, spread } from '../report/table.ts';
import { amount, type Settings } from '../settings.ts';
import { sendAndReceive } from './echo.ts';
import type { EndpointSite } from './endpoint-site.ts';

const CONNECTIONS = 20;
const MESSAGES = 100;
const MESSAGE_BYTES = 64;
/**
 * Bulk data goes in portions of that size, each back before the next one: an agent takes uploads faster than it sends
 * echoes, and one that holds 4 MiB for a destination stops the whole session.
 */
const PORTION_BYTES = 256 * 1024;

/** The echo of the first bytes of a new connection, against those of a connection that exists. */
export async function endpointConnect(site: EndpointSite, settings: Settings): Promise<BenchResult> {
  await using tunnel = await site.open();
  const existing = connect(tunnel);
  await timed(existing);
  const fresh: number[] = [];
  const again: number[] = [];
  for (let round = -1; round < amount(CONNECTIONS, settings); round++) {
    const stream = connect(tunnel);
    const first = await timed(stream);
    stream.destroy();
    const next = await timed(existing);
    if (round < 0) continue;
    fresh.push(first);
    again.push(next);
  }
  existing.destroy();
  const [one, other] = [summarise(fresh), summarise(again)];
  return {
    title: `First echo in ms of a new connection in an open tunnel at ${site.name}`,
    head: ['new connection', 'existing one', 'difference'],
    rows: [[spread(one), spread(other), figure(one.median - other.median)]],
    notes: [
      'A round trip spent before the first byte leaves would make the difference as large as the second column. What remains is the agent’s own connection to the echo service.',
    ],
    data: { settings, fresh, again },
  };
}

/** The echo of a small message beside bulk data that goes to the echo service and back on another stream. */
export async function endpointLatency(site: EndpointSite, settings: Settings): Promise<BenchResult> {
  const rows: string[][] = [];
  const data: Record<string, unknown> = {};
  for (const [name, bulk] of [
    ['nothing else', undefined],
    ['bulk echo in the same session', {}],
    ['bulk echo in a session of its own', { dedicated: true }],
  ] as const) {
    await using tunnel = await site.open();
    const small = connect(tunnel);
    await timed(small);
    const busy = bulk === undefined ? undefined : connect(tunnel, bulk);
    let over = false;
    const move = async (stream: Duplex): Promise<void> => {
      while (!over) await sendAndReceive(stream, PORTION_BYTES).received;
    };
    const moved = busy === undefined ? undefined : move(busy);
    await timed(small);
    const times: number[] = [];
    for (let message = 0; message < amount(MESSAGES, settings); message++) times.push(await timed(small));
    over = true;
    await moved;
    busy?.destroy();
    small.destroy();
    const result = { p50: percentile(times, 0.5), p99: percentile(times, 0.99), max: Math.max(...times) };
    rows.push([name, ...Object.values(result).map(figure)]);
    data[name] = { ...result, times };
  }
  return {
    title: `Echo in ms of a ${MESSAGE_BYTES}-byte message beside bulk data at ${site.name}`,
    head: ['', 'p50', 'p99', 'max'],
    rows,
    notes: [`${amount(MESSAGES, settings)} messages each, one after the other.`],
    data: { settings, scenarios: data },
  };
}

function connect(tunnel: Tunnel, options: { dedicated?: boolean } = {}): Duplex {
  return tunnel.connect(options).on('error', () => {});
}

async function timed(stream: Duplex): Promise<number> {
  const start = performance.now();
  await sendAndReceive(stream, MESSAGE_BYTES).received;
  return performance.now() - start;
}
