import type { Duplex } from 'node:stream';
import type { Tunnel } from '@postern/ssm-tunnel';
import type { BenchResult } from '../report/report.ts';
import { percentile, summarise } from '../report/samples.ts';
import { figure, spread } from '../report/table.ts';
import { amount, type Settings } from '../settings.ts';
import { sendAndReceive } from './echo.ts';
import type { EndpointSite } from './endpoint-site.ts';

const CONNECTIONS = 20;
const MESSAGES = 40;
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
  const measured = [
    { name: 'nothing else', bulk: undefined, times: [] as number[] },
    { name: 'bulk echo in the same session', bulk: {}, times: [] as number[] },
    { name: 'bulk echo in a session of its own', bulk: { dedicated: true }, times: [] as number[] },
  ];
  for (let round = 0; round < settings.rounds; round++) {
    for (const { bulk, times } of measured) {
      await using tunnel = await site.open();
      times.push(...(await besideBulk(tunnel, bulk, amount(MESSAGES, settings))));
    }
  }
  const data = measured.map(({ name, times }) => ({
    name,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    max: Math.max(...times),
    messages: times.length,
  }));
  return {
    title: `Echo in ms of a ${MESSAGE_BYTES}-byte message beside bulk data at ${site.name}`,
    head: ['', 'p50', 'p99', 'max', 'messages'],
    rows: data.map(({ name, p50, p99, max, messages }) => [
      name,
      ...[p50, p99, max].map(figure),
      String(messages),
    ]),
    notes: [`${settings.rounds} repetitions with a new tunnel each.`],
    data: { settings, scenarios: data },
  };
}

async function besideBulk(
  tunnel: Tunnel,
  bulk: { dedicated?: boolean } | undefined,
  messages: number,
): Promise<number[]> {
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
  for (let message = 0; message < messages; message++) times.push(await timed(small));
  over = true;
  await moved;
  busy?.destroy();
  small.destroy();
  return times;
}

function connect(tunnel: Tunnel, options: { dedicated?: boolean } = {}): Duplex {
  return tunnel.connect(options).on('error', () => {});
}

async function timed(stream: Duplex): Promise<number> {
  const start = performance.now();
  await sendAndReceive(stream, MESSAGE_BYTES).received;
  return performance.now() - start;
}
