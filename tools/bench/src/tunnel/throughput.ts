import { OfficialModel } from './official-model.ts';
import { PEER_TARGET, startPeer } from './peer/start-peer.ts';
import type { BenchResult } from './report/report.ts';
import { summarise } from './report/samples.ts';
import { figure, spread } from './report/table.ts';
import { takeTurns } from './rounds.ts';
import { amount, type Settings } from './settings.ts';
import { type Path, throughLoopback, throughTunnel, transferRate } from './transfer.ts';

const MB = 1e6;
/** Bytes that take each contestant about a second; the model sends less than 1 MB/s, whatever there is. */
const AMOUNTS = { loopback: 1000 * MB, model: { up: 1.5 * MB, down: 50 * MB }, ours: 100 * MB };

/**
 * How fast bulk data goes, with the agent's pacing off, against a plain TCP connection to the same process and the
 * official client's loop. Larger payloads are our choice for uploads only: agents send 1,024 bytes whatever we do.
 */
export async function throughput(settings: Settings): Promise<BenchResult> {
  await using peer = await startPeer({ agent: { pacing: false } });
  const model = await OfficialModel.open(peer.endpoint, PEER_TARGET, peer.port);
  peer.excuse(model.sessionId);
  await using small = await peer.open();
  await using large = await peer.open({ uploadPayloadBytes: 16 * 1024 });
  const rows: string[][] = [];
  const data: Record<string, unknown> = {};
  for (const direction of ['up', 'down'] as const) {
    for (const streams of [1, 8]) {
      const paths: Record<string, { path: Path; bytes: number }> = {
        loopback: { path: throughLoopback(peer.port), bytes: AMOUNTS.loopback },
        model: { path: model, bytes: AMOUNTS.model[direction] },
        'ours 1,024': { path: throughTunnel(small), bytes: AMOUNTS.ours },
        ...(direction === 'up' ? { 'ours 16 KiB': { path: throughTunnel(large), bytes: AMOUNTS.ours } } : {}),
      };
      const rates = await takeTurns(
        Object.entries(paths).map(([name, { path, bytes }]) => ({
          name,
          run: async () => (await transferRate(path, direction, streams, amount(bytes, settings))) / MB,
        })),
        settings.rounds,
      );
      const ratio = (ours: string, to: string): ReturnType<typeof summarise> => {
        const others = rates.get(to)?.values ?? [];
        return summarise((rates.get(ours)?.values ?? []).map((rate, round) => rate / (others[round] ?? 0)));
      };
      const toModel = ratio('ours 1,024', 'model');
      const toLoopback = ratio(direction === 'up' ? 'ours 16 KiB' : 'ours 1,024', 'loopback');
      const cell = (name: string): string => {
        const rate = rates.get(name);
        return rate === undefined ? '' : spread(rate);
      };
      rows.push([
        `${direction}, ${streams} ${streams === 1 ? 'stream' : 'streams'}`,
        ...['loopback', 'model', 'ours 1,024', 'ours 16 KiB'].map(cell),
        spread(toModel),
        figure(toLoopback.median),
      ]);
      data[`${direction} ${streams}`] = {
        megabytesPerSecond: Object.fromEntries(rates),
        toModel,
        toLoopback,
      };
    }
  }
  await model.close();
  return {
    title: 'Throughput in MB/s (agent pacing off)',
    head: [
      '',
      'TCP loopback',
      'official model',
      'ours 1,024',
      'ours 16 KiB',
      '1,024 / model',
      'best / loopback',
    ],
    rows,
    notes: [
      'Medians and, in brackets, smallest and largest of the repetitions; ratios are taken round by round.',
      'Official model: 1,024 bytes in a message, then exactly 1 ms. The real one was measured at 0.64 MB/s up.',
      'Down: the agent sends 1,024 bytes in a message, and the model acknowledges as the official client does.',
      `Per repetition: loopback ${AMOUNTS.loopback / MB} MB, model ${AMOUNTS.model.up / MB} MB up and ${AMOUNTS.model.down / MB} MB down, ours ${AMOUNTS.ours / MB} MB, times ${settings.scale}; ${settings.rounds} repetitions.`,
    ],
    data: { settings, ...data },
  };
}
