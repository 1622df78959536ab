import type { Tunnel } from '@postern/ssm-tunnel';
import { LeakWatch } from './measure/leak-watch.ts';
import { MemoryWatch, mebibytes } from './measure/memory.ts';
import type { Outcome } from './outcome.ts';
import { openThrough } from './peer/open-through.ts';
import { startPeer } from './peer/start-peer.ts';
import { violationLines } from './peer/violations.ts';
import { transfer } from './transfer/transfer.ts';

export interface StreamsOptions {
  /** Open at the same time. */
  readonly atOnce: number;
  /** One after the other, on the same session. */
  readonly oneByOne: number;
}

/** Bytes each way, of a stream among many at once and of one alone. */
const AT_ONCE_BYTES = 4_096;
const ALONE_BYTES = 1_024;

/** Many streams in one session: at once, and one after the other. The agent is a real one, paced. */
export async function streams({ atOnce, oneByOne }: StreamsOptions): Promise<Outcome> {
  const failures: string[] = [];
  const leaks = new LeakWatch();
  const memory = new MemoryWatch();
  await using peer = await startPeer();
  const tunnel = await openThrough(peer);

  const startedAt = performance.now();
  failures.push(...(await runAtOnce(tunnel, atOnce)));
  const together = await peer.report();
  if (together.connections.most !== atOnce)
    failures.push(`${together.connections.most} of ${atOnce} streams were open at the same time`);
  const atOnceMs = performance.now() - startedAt;
  for (let id = atOnce; id < atOnce + oneByOne; id++) {
    const sizes = { id, upBytes: ALONE_BYTES, downBytes: ALONE_BYTES };
    await transfer(tunnel.connect(), sizes).catch((error: Error) => failures.push(error.message));
  }
  const oneByOneMs = performance.now() - startedAt - atOnceMs;

  const { streams: counts, retransmissions } = tunnel.stats();
  const { statistics, violations, connections } = await peer.report();
  if (counts.open !== 0) failures.push(`${counts.open} streams are still open`);
  if (counts.heldBytes !== 0) failures.push(`${counts.heldBytes} bytes are still held`);
  if (statistics.sessionsStarted !== 1) failures.push(`${statistics.sessionsStarted} sessions were needed`);
  if (connections.all !== atOnce + oneByOne) failures.push(`${connections.all} connections were made`);
  failures.push(...violationLines(violations));
  await tunnel.close();
  if (!(await peer.sessionsEnded())) failures.push('the session was not ended');
  const { leaks: left } = await peer.close();
  failures.push(...left.map((leak) => `peer: ${leak}`));
  const { rssBytes, heapBytes } = memory.peaks();
  memory.stop();
  failures.push(...(await leaks.leaks()));
  return {
    name: 'streams',
    settings: { 'at once': atOnce, 'one by one': oneByOne },
    figures: {
      'answers right': atOnce + oneByOne - failures.filter((text) => text.startsWith('transfer')).length,
      'at once: seconds': atOnceMs / 1_000,
      'one by one: ms each': oneByOneMs / Math.max(1, oneByOne),
      retransmissions,
      'peak RSS MiB': mebibytes(rssBytes),
      'peak heap MiB': mebibytes(heapBytes),
    },
    failures,
  };
}

/** None sends its second half before all have received something. */
async function runAtOnce(tunnel: Tunnel, count: number): Promise<string[]> {
  let begun = 0;
  let onFirstByte = (): void => {};
  const allBegun = new Promise<void>((resolve) => {
    onFirstByte = () => {
      if (++begun === count) resolve();
    };
  });
  const runs = Array.from({ length: count }, (_, id) =>
    transfer(tunnel.connect(), {
      id,
      upBytes: AT_ONCE_BYTES,
      downBytes: AT_ONCE_BYTES,
      onFirstByte,
      gate: { atBytes: AT_ONCE_BYTES / 2, opens: allBegun },
    }).catch((error: unknown) => {
      // Nobody is to wait for it.
      onFirstByte();
      throw error;
    }),
  );
  const results = await Promise.allSettled(runs);
  return results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason.message)] : []));
}
