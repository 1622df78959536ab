import { now } from '../channel/clock.ts';
import {
  GROWTH_PAUSE_MS,
  MAX_STREAMS,
  MAX_WAITING_STREAMS,
  POOL_INTERVAL_MS,
  USEFUL_AFTER_MS,
} from '../channel/constants.ts';
import { closedError, type TunnelError } from '../errors.ts';
import type { ResolvedOptions } from '../options.ts';
import type { TunnelStream } from '../streams/tunnel-stream.ts';
import { WaitingRoom } from '../streams/waiting-room.ts';
import { retryDelayMs, wait } from './backoff.ts';
import { DedicatedSessions } from './dedicated-sessions.ts';
import { isFinal } from './final-errors.ts';
import { reconnectTimeout } from './resumption.ts';
import { type Session, type SessionEvents, streamReset } from './session.ts';
import { SessionLoad } from './session-load.ts';
import type { SessionStarter } from './session-starter.ts';
import { streamLimit } from './stream-limit.ts';

/** Whether streams can be used, and why not. `idle`: nothing is held, the next stream starts a session. */
export type PoolState =
  | { readonly name: 'open' | 'idle' }
  | { readonly name: 'resuming' | 'replacing'; readonly since: number; readonly cause: unknown };

export interface PoolEvents {
  /** The state, the number of sessions or that of waiting streams may have changed. */
  changed(): void;
  /** Nothing more can be done; all streams have been ended. */
  failed(error: unknown): void;
  /** A session is over: its counters are final. */
  over(session: Session): void;
}

/** There is no session and there should be one: since when, how often it was tried, and why. */
interface Trouble {
  readonly since: number;
  attempt: number;
  /** When it is tried again: by all that are missing, so that a large pool waits no longer than a small one. */
  retryAt: number;
  cause: unknown;
}

/**
 * The sessions of a tunnel. It gives each stream to the one that has least to do, replaces sessions that are over,
 * adds some under load and ends those that are not needed. Streams wait while there is none.
 */
export class SessionPool implements SessionEvents {
  /** Sessions that took the place of one that was over. */
  replacements = 0;
  readonly #options: ResolvedOptions;
  readonly #events: PoolEvents;
  readonly #starter: SessionStarter;
  readonly #sessions = new Map<Session, SessionLoad>();
  readonly #dedicated: DedicatedSessions;
  /** Over, but still being ended at AWS. */
  readonly #leaving = new Set<Session>();
  readonly #waiting = new WaitingRoom(() => {
    if (!this.#over) this.#events.changed();
  });
  readonly #starting = new Set<Promise<unknown>>();
  readonly #life = new AbortController();
  #startingShared = 0;
  /** Sessions that ended by themselves. */
  #lost = 0;
  #newest: Session | undefined;
  #trouble: Trouble | undefined;
  /** Sessions in a row that ended without having been of use, and when the first of them ended. */
  #useless: { readonly since: number; readonly count: number } | undefined;
  /** What the agent said when the last session ended that was of no use. */
  #words: string | undefined;
  #growing = false;
  #steadyUntil = 0;
  #interval: NodeJS.Timeout | undefined;
  #over = false;

  constructor(options: ResolvedOptions, events: PoolEvents, starter: SessionStarter) {
    this.#options = options;
    this.#events = events;
    this.#starter = starter;
    this.#dedicated = new DedicatedSessions({
      options,
      starter,
      signal: this.#life.signal,
      over: (session) => this.#left(session),
    });
  }

  get sessions(): readonly Session[] {
    return [...this.#sessions.keys(), ...this.#dedicated.sessions];
  }

  get newest(): Session | undefined {
    return this.#newest;
  }

  get waitingStreams(): number {
    return this.#waiting.size + this.#dedicated.waitingStreams;
  }

  get state(): PoolState {
    let resuming: Session | undefined;
    let leaving: Session | undefined;
    for (const session of this.#sessions.keys()) {
      if (session.isLeaving) {
        leaving = session;
        continue;
      }
      if (session.state === 'open') return { name: 'open' };
      resuming = session;
    }
    if (resuming?.trouble !== undefined) return { name: 'resuming', ...resuming.trouble };
    if (this.#wanted() === 0) return { name: 'idle' };
    const { since = now(), cause } = this.#trouble ?? leaving?.trouble ?? {};
    return { name: 'replacing', since, cause };
  }

  /** Starts the first sessions. Rejects with nothing left behind. */
  async open(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.#life.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const count = Math.max(1, this.#options.sessions.min);
    this.#startingShared = count;
    try {
      const starts = await Promise.allSettled(
        Array.from({ length: count }, async () =>
          this.#add(await this.#starter.start(this.#life.signal, this)),
        ),
      );
      const failure = starts.find((start) => start.status === 'rejected');
      if (failure !== undefined || signal.aborted) {
        this.#over = true;
        await Promise.all(this.sessions.map((session) => session.close()));
        throw signal.aborted ? signal.reason : failure?.reason;
      }
    } finally {
      this.#startingShared = 0;
      signal.removeEventListener('abort', onAbort);
    }
    const { min, max } = this.#options.sessions;
    if (max > 1 || min === 0) this.#interval = setInterval(() => this.#tend(), POOL_INTERVAL_MS).unref();
  }

  /** Gives the stream to a session, now or as soon as there is one. */
  connect(stream: TunnelStream): void {
    const session = this.#pick();
    if (session !== undefined) {
      session.adopt(stream);
    } else if (this.#isFull() || this.waitingStreams >= MAX_WAITING_STREAMS) {
      stream.destroy(streamLimit(this.#isFull()));
      return;
    } else {
      // Who rests is not in trouble: the time starts with the first wish.
      if (this.state.name === 'idle') this.#trouble = undefined;
      this.#waiting.admit(stream);
    }
    this.#ensure();
    this.#events.changed();
  }

  /** Gives the stream a session of its own, which ends with it. */
  connectDedicated(stream: TunnelStream): void {
    this.#track(this.#dedicated.connect(stream));
  }

  /** Ends all streams and sessions in order. */
  async close(): Promise<void> {
    this.#stop(undefined);
    this.#waiting.destroyAll();
    await Promise.all(this.sessions.map((session) => session.close()));
    await this.gone();
  }

  /** Resets all streams. `gone` tells when nothing is left. */
  abort(error: TunnelError): void {
    this.#stop(closedError(error));
    this.#waiting.destroyAll(() => closedError(error));
    for (const session of this.sessions) session.abort(error);
  }

  /** Fulfils when nothing is left of the sessions, which have all been told to end. */
  async gone(): Promise<void> {
    await Promise.all(this.#starting);
    await Promise.all([...this.#leaving].map((session) => session.gone));
  }

  // What the sessions call.

  changed(): void {
    if (this.#over) return;
    this.#ensure();
    this.#events.changed();
  }

  over(session: Session, error: TunnelError | undefined, unopened: readonly TunnelStream[]): void {
    if (!this.#sessions.delete(session)) return;
    this.#left(session);
    if (this.#over) {
      for (const stream of unopened) stream.destroy(streamReset(error));
      return;
    }
    for (const stream of unopened) this.#waiting.admit(stream);
    // The end of its one connection is what a session without streams is for.
    const served = session.mode === 'standard' && session.hasCarried && error?.output === '';
    if (error !== undefined && !served) {
      this.#lost++;
      this.#judge(session, error);
    }
    this.#ensure();
    this.#events.changed();
  }

  #left(session: Session): void {
    this.#leaving.add(session);
    void session.gone.then(() => this.#leaving.delete(session));
    this.#events.over(session);
  }

  /** What the end of a session means for the next one. */
  #judge(session: Session, error: TunnelError): void {
    const useful = session.hasDelivered || now() - session.openedAt > USEFUL_AFTER_MS;
    if (!useful) this.#starter.failed(session.target);
    if (this.#size > 0) return;
    const before = useful ? undefined : this.#useless;
    this.#useless = {
      since: before?.since ?? now(),
      count: useful ? 0 : (before?.count ?? 0) + 1,
    };
    this.#trouble = {
      since: session.trouble?.since ?? now(),
      attempt: this.#useless.count,
      retryAt: 0,
      cause: error,
    };
    // What the agent says twice, for example about a forbidden host, it would say again.
    const refused = !useful && (error.output ?? '') !== '' && error.output === this.#words;
    this.#words = useful ? undefined : error.output;
    const { reconnectTimeoutMs } = this.#options;
    const inVain = !useful && now() - this.#useless.since >= reconnectTimeoutMs;
    if (refused || error.code === 'SSM_RECONNECT_TIMEOUT') this.#fail(error);
    else if (inVain) this.#fail(reconnectTimeout(reconnectTimeoutMs, error));
  }

  #add(session: Session): void {
    if (session.state === 'over') return;
    this.#sessions.set(session, new SessionLoad(session, now()));
    this.#newest = session;
    this.#trouble = undefined;
    this.#growing = false;
    this.#serveWaiting();
  }

  /** Starts what is missing. */
  #ensure(): void {
    if (this.#over) return;
    this.#serveWaiting();
    while (this.#size + this.#startingShared < this.#wanted()) {
      this.#startingShared++;
      this.#track(this.#startOne());
    }
  }

  /** Sessions that stay. */
  get #size(): number {
    let size = 0;
    for (const session of this.#sessions.keys()) if (!session.isLeaving) size++;
    return size;
  }

  #wanted(): number {
    const { min, max } = this.#options.sessions;
    const size = this.#size;
    if (size > 0 && now() < this.#steadyUntil) return size;
    // A session for one connection alone is not started before somebody wants that connection.
    const held = this.#newest?.mode === 'standard' ? 0 : min;
    const needed =
      this.#newest?.isExclusive === true ? size + this.#waiting.size : Math.min(1, this.#waiting.size);
    return Math.min(max, Math.max(held, needed, this.#growing ? size + 1 : 0));
  }

  async #startOne(): Promise<void> {
    const { signal } = this.#life;
    try {
      if (this.#trouble !== undefined && this.#size === 0) {
        await wait(untilRetryMs(this.#trouble), this.#waiting.size > 0, signal);
      }
      const session = await this.#starter.start(signal, this);
      if (this.#over) {
        await session.close();
        return;
      }
      if (this.replacements < this.#lost) this.replacements++;
      this.#add(session);
    } catch (error) {
      if (signal.aborted) return;
      this.#growing = false;
      if (this.#size > 0) this.#steadyUntil = now() + GROWTH_PAUSE_MS;
      else this.#startFailed(error);
    } finally {
      this.#startingShared--;
    }
    this.changed();
  }

  #startFailed(error: unknown): void {
    const { reconnectTimeoutMs } = this.#options;
    this.#trouble ??= { since: now(), attempt: 1, retryAt: 0, cause: error };
    this.#trouble.cause = error;
    if (isFinal(error)) this.#fail(error);
    else if (now() - this.#trouble.since >= reconnectTimeoutMs) {
      this.#fail(reconnectTimeout(reconnectTimeoutMs, error));
    }
  }

  #fail(error: unknown): void {
    this.#stop(closedError(error));
    this.#waiting.destroyAll(() => closedError(error));
    this.#events.failed(error);
  }

  /** With an error streams that wait are told of it. Stopping again changes nothing. */
  #stop(error: TunnelError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#interval);
    this.#life.abort(error ?? null);
  }

  #serveWaiting(): void {
    while (this.#waiting.size > 0) {
      const session = this.#pick();
      if (session === undefined) return;
      const stream = this.#waiting.take();
      if (stream !== undefined) session.adopt(stream);
    }
  }

  /** The session with the least to do. */
  #pick(): Session | undefined {
    let best: Session | undefined;
    let bestRank = Number.POSITIVE_INFINITY;
    for (const [session, load] of this.#sessions) {
      if (!session.hasRoom) continue;
      const rank = session.streams + MAX_STREAMS * (session.isStalled ? 2 : load.isBusy ? 1 : 0);
      if (rank < bestRank) {
        best = session;
        bestRank = rank;
      }
    }
    return best;
  }

  #isFull(): boolean {
    if (this.#size < this.#options.sessions.max) return false;
    for (const session of this.#sessions.keys()) {
      if (session.state !== 'open' || session.isExclusive || session.streams < MAX_STREAMS) return false;
    }
    return true;
  }

  /** Looks at the load: adds a session when all are busy, ends one that is not needed. */
  #tend(): void {
    const { min, max, idleMs } = this.#options.sessions;
    const at = now();
    let allBusy = this.#size > 0;
    let spare = this.#size - min;
    for (const [session, load] of this.#sessions) {
      if (session.isLeaving) continue;
      load.sample(at);
      allBusy &&= load.isBusy || session.isStalled;
      if (spare > 0 && load.idleMs(at) >= idleMs) {
        spare--;
        void session.close();
      }
    }
    this.#growing = allBusy && this.#size < max;
    this.#ensure();
    this.#events.changed();
  }

  #track(start: Promise<unknown>): void {
    this.#starting.add(start);
    void start.finally(() => this.#starting.delete(start));
  }
}

/** Who fails while another waits waits with it; each wait counts once. */
function untilRetryMs(trouble: Trouble): number {
  const at = now();
  if (at >= trouble.retryAt) trouble.retryAt = at + retryDelayMs(trouble.attempt++);
  return trouble.retryAt - at;
}
