import type { Duplex } from 'node:stream';
import type { Tunnel } from '@postern/ssm-tunnel';
import type { BenchResult } from '../report/report.ts';
import { summarise } from '../report/samples.ts';
import { spread } from '../report/table.ts';
import { amount, type Settings } from '../settings.ts';
import { sendAndReceive } from './echo.ts';
import type { EndpointSite } from './endpoint-site.ts';

const MB = 1e6;
/** Comes back at the agent's pace: some seconds for each repetition. */
const BYTES = 4 * MB;
const CASES = [1, 8].flatMap((streams) =>
  [1024, 16 * 1024].map((uploadPayloadBytes) => ({ streams, uploadPayloadBytes })),
);

/** How fast bulk data goes to an echo service, and how fast it comes back. */
export async function endpointThroughput(site: EndpointSite, settings: Settings): Promise<BenchResult> {
  const bytes = amount(BYTES, settings);
  const measured = CASES.map((one) => ({ ...one, up: [] as number[], back: [] as number[] }));
  for (let round = -1; round < settings.rounds; round++) {
    for (const { streams, uploadPayloadBytes, up, back } of measured) {
      await using tunnel = await site.open({ uploadPayloadBytes });
      const rates = await measure(tunnel, streams, bytes);
      if (round < 0) continue;
      up.push(rates.up / MB);
      back.push(rates.back / MB);
    }
  }
  return {
    title: `Throughput in MB/s to an echo at ${site.name}`,
    head: ['', 'up, acknowledged', 'there and back'],
    rows: measured.map(({ streams, uploadPayloadBytes, up, back }) => [
      `${streams} ${streams === 1 ? 'stream' : 'streams'}, payloads of ${uploadPayloadBytes}`,
      spread(summarise(up)),
      spread(summarise(back)),
    ]),
    notes: [
      'Up: until the agent had acknowledged everything. There and back: until the last byte of the echo was here.',
      `${bytes / MB} MB per repetition, ${settings.rounds} repetitions with a new tunnel each.`,
    ],
    data: { settings, measured },
  };
}

async function measure(
  tunnel: Tunnel,
  streams: number,
  bytes: number,
): Promise<{ up: number; back: number }> {
  const share = Math.max(1, Math.round(bytes / streams));
  const connections = await Promise.all(Array.from({ length: streams }, () => openEcho(tunnel)));
  const start = performance.now();
  const echoed = connections.map((connection) => sendAndReceive(connection, share));
  const written = Promise.all(echoed.map((one) => one.written));
  await written;
  while (tunnel.stats().unackedMessages > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const up = performance.now() - start;
  await Promise.all(echoed.map((one) => one.received));
  const back = performance.now() - start;
  for (const connection of connections) connection.destroy();
  return { up: (share * streams) / (up / 1000), back: (share * streams) / (back / 1000) };
}

async function openEcho(tunnel: Tunnel): Promise<Duplex> {
  const connection = tunnel.connect().on('error', () => {});
  await sendAndReceive(connection, 1).received;
  return connection;
}
