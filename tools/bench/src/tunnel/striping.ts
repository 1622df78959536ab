import { startPeer } from './peer/start-peer.ts';
import type { BenchResult } from './report/report.ts';
import { summarise } from './report/samples.ts';
import { spread } from './report/table.ts';
import { takeTurns } from './rounds.ts';
import { amount, type Settings } from './settings.ts';
import { throughTunnel, transferRate } from './transfer.ts';

const MB = 1e6;
const SESSIONS = [1, 2, 4, 8] as const;
/** For each session: about two seconds of an agent's own pace. */
const BYTES = 1.6 * MB;
/** The same for every number of sessions, so that only that number differs. */
const STREAMS = 8;

/** How a download grows with the sessions of the tunnel, with agents as slow as real ones. */
export async function striping(settings: Settings): Promise<BenchResult> {
  await using peer = await startPeer({});
  await using tunnels = new AsyncDisposableStack();
  const contestants = [];
  for (const sessions of SESSIONS) {
    const tunnel = tunnels.use(await peer.open({ sessions: { min: sessions, max: sessions } }));
    contestants.push({
      name: String(sessions),
      run: async () => {
        const bytes = amount(BYTES * sessions, settings);
        return (await transferRate(throughTunnel(tunnel), 'down', STREAMS, bytes)) / MB;
      },
    });
  }
  const rates = await takeTurns(contestants, settings.rounds);
  const single = rates.get('1')?.values ?? [];
  const rows: string[][] = [];
  const data: Record<string, unknown> = {};
  for (const [name, rate] of rates) {
    const growth = summarise(rate.values.map((value, round) => value / (single[round] ?? 0)));
    rows.push([
      `${name} ${name === '1' ? 'session' : 'sessions'}`,
      spread(rate),
      spread(growth),
      `${Math.round((growth.median / Number(name)) * 100)} %`,
    ]);
    data[name] = { megabytesPerSecond: rate, growth };
  }
  return {
    title: `Download over several sessions in MB/s (realistic agent pacing, ${STREAMS} streams)`,
    head: ['', 'MB/s', 'times one session', 'of linear'],
    rows,
    notes: [
      'An agent sends 1,024 bytes and sleeps 1 ms: one session cannot do better, whatever the client does.',
      `${BYTES / MB} MB for each session, times ${settings.scale}; ${settings.rounds} repetitions.`,
    ],
    data: { settings, ...data },
  };
}
