import { profiled, summariseProfile, writeProfile } from './cpu-profile.ts';
import { startPeer } from './peer/start-peer.ts';
import type { BenchResult } from './report/report.ts';
import { summarise } from './report/samples.ts';
import { figure, spread } from './report/table.ts';
import { amount, type Settings } from './settings.ts';
import { type Direction, throughTunnel, transferRate } from './transfer.ts';

const MB = 1e6;
const BYTES = 200 * MB;

interface Case {
  readonly name: string;
  readonly direction: Direction;
  readonly payloadBytes: number;
}

const CASES: readonly Case[] = [
  { name: 'up, 1,024', direction: 'up', payloadBytes: 1024 },
  { name: 'up, 16 KiB', direction: 'up', payloadBytes: 16 * 1024 },
  { name: 'down, 1,024', direction: 'down', payloadBytes: 1024 },
];

/**
 * User and system time that this process, the client, needs for 100 MB, and where it goes. The profile is taken in
 * runs of its own, since taking it costs time.
 */
export async function cpu(settings: Settings): Promise<BenchResult> {
  await using peer = await startPeer({ agent: { pacing: false } });
  await using tunnels = new AsyncDisposableStack();
  const bytes = amount(BYTES, settings);
  const runs = new Map<
    Case,
    { client: number[]; peer: number[]; rates: number[]; run: () => Promise<number> }
  >();
  for (const one of CASES) {
    const tunnel = tunnels.use(await peer.open({ uploadPayloadBytes: one.payloadBytes }));
    const run = (): Promise<number> => transferRate(throughTunnel(tunnel), one.direction, 1, bytes);
    runs.set(one, { client: [], peer: [], rates: [], run });
  }
  for (let round = -1; round < settings.rounds; round++) {
    for (const { client, peer: other, rates, run } of runs.values()) {
      const [peerBefore, before] = [await peer.report(), process.cpuUsage()];
      const rate = await run();
      const { user, system } = process.cpuUsage(before);
      const peerAfter = await peer.report();
      if (round < 0) continue;
      client.push(((user + system) / 1e6 / bytes) * 100 * MB);
      other.push(((peerAfter.cpuSeconds - peerBefore.cpuSeconds) / bytes) * 100 * MB);
      rates.push(rate / MB);
    }
  }
  const rows: string[][] = [];
  const notes: string[] = [];
  const data: Record<string, unknown> = {};
  for (const [{ name }, { client, peer: other, rates, run }] of runs) {
    const seconds = summarise(client);
    rows.push([
      name,
      spread(seconds),
      figure(100 / seconds.median),
      spread(summarise(rates)),
      spread(summarise(other)),
    ]);
    const profile = await profiled(async () => {
      await run();
    });
    const summary = summariseProfile(profile);
    if (settings.profileFolder !== undefined) {
      await writeProfile(settings.profileFolder, name.replace(/\W+/g, '-'), profile);
    }
    const percent = (share: number): string => `${(share * 100).toFixed(1).padStart(5)} %`;
    notes.push(
      `${name}, by purpose: ${summary.groups.map((group) => `${group.name}${percent(group.share)}`).join(', ')}.`,
      ...summary.functions.map((one) => `  ${percent(one.share)}  ${one.name}`),
    );
    data[name] = {
      clientCpuSecondsPer100MB: seconds,
      megabytesPerSecondOfOneCore: 100 / seconds.median,
      peerCpuSecondsPer100MB: summarise(other),
      megabytesPerSecond: summarise(rates),
      profile: summary,
    };
  }
  return {
    title: 'CPU seconds of the client for 100 MB (agent pacing off, one stream)',
    head: ['', 'client CPU s', 'MB/s on one core', 'MB/s measured', 'peer CPU s'],
    rows,
    notes: [
      'MB/s on one core: 100 MB by the CPU seconds, what a client that is never kept waiting could carry.',
      `${bytes / MB} MB per repetition, ${settings.rounds} repetitions; the profiles are of further runs.`,
      ...notes,
    ],
    data: { settings, ...data },
  };
}
