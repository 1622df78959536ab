import { LeakWatch } from './measure/leak-watch.ts';
import type { Outcome } from './outcome.ts';
import { openThrough } from './peer/open-through.ts';
import { startPeer } from './peer/start-peer.ts';
import { violationLines } from './peer/violations.ts';
import { transfer } from './transfer/transfer.ts';

export interface StartsOptions {
  readonly count: number;
}

const BYTES = 512;

/** Tunnel starts in a row, each with data of the agent right behind the handshake. */
export async function starts({ count }: StartsOptions): Promise<Outcome> {
  const failures: string[] = [];
  const leaks = new LeakWatch();
  await using peer = await startPeer({ speakAfterHandshake: true });
  const openMs: number[] = [];
  let good = 0;
  for (let id = 0; id < count; id++) {
    try {
      const startedAt = performance.now();
      const tunnel = await openThrough(peer);
      openMs.push(performance.now() - startedAt);
      try {
        await transfer(tunnel.connect(), { id, upBytes: BYTES, downBytes: BYTES });
        good++;
      } finally {
        await tunnel.close();
      }
    } catch (error) {
      failures.push(`start ${id}: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (!(await peer.sessionsEnded())) failures.push('sessions were not ended');
  const { statistics, violations } = await peer.report();
  if (statistics.sessionsStarted !== count)
    failures.push(`${statistics.sessionsStarted} sessions were started`);
  failures.push(...violationLines(violations));
  const { leaks: left } = await peer.close();
  failures.push(...left.map((leak) => `peer: ${leak}`), ...(await leaks.leaks()));
  openMs.sort((a, b) => a - b);
  return {
    name: 'starts',
    settings: { count },
    figures: {
      good,
      'open: median ms': openMs[Math.floor(openMs.length / 2)] ?? 0,
      'open: longest ms': openMs.at(-1) ?? 0,
    },
    failures,
  };
}
