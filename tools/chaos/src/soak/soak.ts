import { getEventListeners } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Tunnel } from '@postern/ssm-tunnel';
import { LeakWatch } from '../measure/leak-watch.ts';
import { MemoryWatch, mebibytes } from '../measure/memory.ts';
import type { Outcome } from '../outcome.ts';
import { openThrough } from '../peer/open-through.ts';
import type { Peer, PeerOptions } from '../peer/peer.ts';
import { startPeer } from '../peer/start-peer.ts';
import { violationLines } from '../peer/violations.ts';
import { transfer } from '../transfer/transfer.ts';
import { waitUntil } from '../wait-until.ts';
import { Cutter, planCuts } from './cuts.ts';
import { LossLog } from './loss-log.ts';
import { StallWatch } from './stall-watch.ts';

export interface SoakOptions {
  /** `realistic`: a real agent's pace and retransmission, few faults. `hard`: a fast agent, many faults. */
  readonly kind: 'realistic' | 'hard';
  /** Each way, over all streams. */
  readonly bytes: number;
  readonly cuts: number;
  readonly seed: number;
}

const STREAMS = 16;

const RECOVERY_MS = 30_000;

const PEERS: Readonly<Record<SoakOptions['kind'], (seed: number) => PeerOptions>> = {
  realistic: (seed) => ({ noise: { drop: 0.001, duplicate: 0.001, reorder: 0.001, seed } }),
  hard: (seed) => ({
    agent: { pacing: false, frontOnlyResend: false },
    noise: { drop: 0.02, duplicate: 0.02, reorder: 0.02, seed },
  }),
};

/**
 * Bytes through streams in both directions while messages are lost, repeated and reordered and the connection is cut
 * again and again. Half of the streams come through the tunnel's port.
 */
export async function soak(options: SoakOptions): Promise<Outcome> {
  const { kind, bytes, cuts, seed } = options;
  const failures: string[] = [];
  const leaks = new LeakWatch();
  const memory = new MemoryWatch();
  using losses = new LossLog();
  await using peer = await startPeer(PEERS[kind](seed));
  const opening = new AbortController();
  const tunnel = await openThrough(peer, { signal: opening.signal });
  const startedAt = performance.now();
  const cutter = await run(peer, tunnel, options, failures);
  const seconds = (performance.now() - startedAt) / 1_000;

  // The last cut may have hit when all was there already.
  await waitUntil(() => tunnel.stats().resumes >= cutter.done, RECOVERY_MS);

  const { streams, resumes, replacements, retransmissions, duplicates } = tunnel.stats();
  const { violations } = await peer.report();
  if (cutter.done < cuts) failures.push(`only ${cutter.done} of ${cuts} cuts were made`);
  if (resumes < cutter.done) failures.push(`only ${resumes} resumes after ${cutter.done} cuts`);
  if (replacements > 0) failures.push(`the session was replaced ${replacements} times`);
  if (streams.open + streams.heldBytes > 0)
    failures.push(`${streams.open} streams are still open, ${streams.heldBytes} bytes held`);
  failures.push(...violationLines(violations));
  await tunnel.close();
  if (getEventListeners(opening.signal, 'abort').length > 0)
    failures.push('the signal of the opening still has listeners');
  if (!(await peer.sessionsEnded())) failures.push('the session was not ended');
  const { memory: peerMemory } = await peer.report();
  const { leaks: left } = await peer.close();
  failures.push(...left.map((leak) => `peer: ${leak}`));
  const { rssBytes, heapBytes } = memory.peaks();
  memory.stop();
  failures.push(...(await leaks.leaks()));
  return {
    name: `soak ${kind}`,
    settings: { 'MiB each way': mebibytes(bytes), streams: STREAMS, cuts, seed },
    figures: {
      seconds,
      'MiB per second, each way': mebibytes(bytes / seconds),
      'cuts made': cutter.done,
      resumes,
      retransmissions,
      duplicates,
      'peak RSS MiB': mebibytes(rssBytes),
      'peak heap MiB': mebibytes(heapBytes),
      'peer: peak RSS MiB': mebibytes(peerMemory.rssBytes),
      'peer: peak heap MiB': mebibytes(peerMemory.heapBytes),
    },
    failures,
    details: { linksLost: losses.causes() },
  };
}

async function run(
  peer: Peer,
  tunnel: Tunnel,
  { bytes, cuts, seed }: SoakOptions,
  failures: string[],
): Promise<Cutter> {
  const cutter = new Cutter({
    plan: planCuts(cuts, 2 * bytes, seed),
    recovered: (done) => tunnel.state.name === 'open' && tunnel.stats().resumes >= done,
    perform: ({ fault }) => peer.fault(fault, tunnel.sessionId),
    onError: (error) => {
      failures.push(`a cut failed: ${error}`);
      tunnel.abort(error);
    },
  });
  const { address } = await tunnel.listen();
  const port = 'port' in address ? address.port : 0;
  using watch = new StallWatch(() => {
    failures.push(`nothing moved for a long time: ${JSON.stringify(tunnel.stats())}`);
    tunnel.abort(new Error('stalled'));
  });
  using _ = repeating(() => cutter.moved(0));
  const onProgress = (moved: number): void => {
    watch.progress();
    cutter.moved(moved);
  };
  const open = (id: number): Duplex =>
    id % 2 === 0 ? tunnel.connect() : connect({ host: '127.0.0.1', port, noDelay: true });
  const runs = Array.from({ length: STREAMS }, async (_, id) => {
    const share = Math.floor((bytes * (id + 1)) / STREAMS) - Math.floor((bytes * id) / STREAMS);
    // One stream keeps its last byte back, or a short run would be over before its last cut.
    const gate = id === 0 ? { atBytes: share - 1, opens: cutter.finished } : undefined;
    await transfer(open(id), { id, upBytes: share, downBytes: share, onProgress, gate });
  });
  for (const result of await Promise.allSettled(runs))
    if (result.status === 'rejected') failures.push(String(result.reason.message));
  return cutter;
}

const LOOK_EVERY_MS = 20;

function repeating(look: () => void): Disposable {
  const timer = setInterval(look, LOOK_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
