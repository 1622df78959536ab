import type { SessionStatistics } from './session/session-statistics.ts';
import type { SessionMode, StreamStatistics } from './streams/carrier.ts';
import type { TunnelState } from './tunnel.ts';

/** One session of a tunnel, as far as it is alive. */
export interface TunnelSession {
  sessionId: string;
  /** The node that it runs on. */
  target: string;
  /** Undefined until the agent said so. */
  mode: SessionMode | undefined;
  state: 'opening' | 'open' | 'resuming' | 'over';
  /** Streams open now. */
  streams: number;
  bytesSent: number;
  bytesReceived: number;
  unackedBytes: number;
  /** What may be unacknowledged at present: the upload window. */
  windowBytes: number;
  smoothedRttMs: number;
}

/** Counters over the whole life of a tunnel, sessions that are over included. */
export interface TunnelStatistics {
  state: TunnelState['name'];
  /** Of the newest session. */
  sessionId: string;
  streams: StreamStatistics;
  /** Streams that wait for a session. */
  waitingStreams: number;
  /** WebSockets that took the place of a lost one. */
  resumes: number;
  /** Sessions that took the place of one that was over. */
  replacements: number;
  messagesSent: number;
  messagesReceived: number;
  /** Messages that came more than once. */
  duplicates: number;
  /** Messages that were malformed or did not match their digest; they are passed over and the agent repeats them. */
  damaged: number;
  retransmissions: number;
  /** Sent and not yet acknowledged. */
  unackedMessages: number;
  unackedBytes: number;
  /** Smoothed time from a message to its acknowledgement by the agent, in the newest session. */
  smoothedRttMs: number;
  sessions: readonly TunnelSession[];
}

type Sums = Omit<
  TunnelStatistics,
  'state' | 'sessionId' | 'waitingStreams' | 'replacements' | 'smoothedRttMs' | 'sessions'
>;

/** Adds up what the sessions counted. */
export class TunnelTotals {
  #ended: Sums = nothing();

  /** A session is over. What it still held or waited for is gone with it. */
  add(session: SessionStatistics): void {
    const { streams, ...rest } = session;
    const left = { unackedMessages: 0, unackedBytes: 0 };
    const counts = streams && { ...streams, open: 0, heldBytes: 0 };
    this.#ended = sum(this.#ended, { ...rest, ...left, streams: counts });
  }

  with(
    sessions: readonly SessionStatistics[],
    newest: SessionStatistics | undefined,
  ): Sums & Pick<TunnelStatistics, 'smoothedRttMs' | 'sessions'> {
    return {
      ...sessions.reduce(sum, this.#ended),
      smoothedRttMs: newest?.smoothedRttMs ?? 0,
      sessions: sessions.map(describe),
    };
  }
}

function nothing(): Sums {
  return {
    streams: { open: 0, opened: 0, refused: 0, reset: 0, bytesSent: 0, bytesReceived: 0, heldBytes: 0 },
    resumes: 0,
    messagesSent: 0,
    messagesReceived: 0,
    duplicates: 0,
    damaged: 0,
    retransmissions: 0,
    unackedMessages: 0,
    unackedBytes: 0,
  };
}

function sum(total: Sums, session: SessionStatistics): Sums {
  const { streams } = session;
  const { streams: sofar, ...counts } = total;
  const added = { ...sofar };
  if (streams !== undefined) {
    for (const name of Object.keys(added) as (keyof StreamStatistics)[]) added[name] += streams[name];
  }
  for (const name of Object.keys(counts) as (keyof typeof counts)[]) counts[name] += session[name];
  return { streams: added, ...counts };
}

function describe(session: SessionStatistics): TunnelSession {
  const { sessionId, target, mode, state, streams, unackedBytes, windowBytes, smoothedRttMs } = session;
  return {
    sessionId,
    target,
    mode,
    state,
    streams: streams?.open ?? 0,
    bytesSent: streams?.bytesSent ?? 0,
    bytesReceived: streams?.bytesReceived ?? 0,
    unackedBytes,
    windowBytes,
    smoothedRttMs,
  };
}
