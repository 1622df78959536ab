import { now } from '../channel/clock.ts';
import { MAX_WAITING_ALONE } from '../channel/constants.ts';
import { asError, type TunnelError } from '../errors.ts';
import type { ResolvedOptions } from '../options.ts';
import type { TunnelStream } from '../streams/tunnel-stream.ts';
import { WaitingRoom } from '../streams/waiting-room.ts';
import { retryDelayMs, wait } from './backoff.ts';
import { isFinal } from './final-errors.ts';
import { reconnectTimeout } from './resumption.ts';
import { type Session, type SessionEvents, streamReset } from './session.ts';
import type { SessionStarter } from './session-starter.ts';
import { streamLimit } from './stream-limit.ts';

export interface DedicatedSessionsOptions {
  readonly options: ResolvedOptions;
  readonly starter: SessionStarter;
  /** Ends with the tunnel; its reason, if it is a `TunnelError`, is told to streams that wait. */
  readonly signal: AbortSignal;
  /** A session is over: its counters are final. */
  readonly over: (session: Session) => void;
}

/** Sessions for one stream each. */
export class DedicatedSessions implements SessionEvents {
  readonly sessions: Set<Session> = new Set();
  readonly #options: DedicatedSessionsOptions;
  #waiting = 0;

  constructor(options: DedicatedSessionsOptions) {
    this.#options = options;
  }

  /** Streams whose session is being started. */
  get waitingStreams(): number {
    return this.#waiting;
  }

  /** Fulfils when the stream has its session, or was destroyed. A failure that may pass is tried again. */
  async connect(stream: TunnelStream): Promise<void> {
    if (this.#waiting >= MAX_WAITING_ALONE) {
      stream.destroy(streamLimit(false));
      return;
    }
    const room = new WaitingRoom(() => {});
    room.admit(stream);
    this.#waiting++;
    try {
      const session = await this.#start(() => room.size > 0);
      const wanted = room.take() !== undefined && !this.#options.signal.aborted;
      if (session !== undefined && wanted) {
        stream.once('close', () => void session.close());
        session.adopt(stream);
      } else {
        await session?.close();
      }
    } catch (error) {
      const { signal } = this.#options;
      if (!signal.aborted) stream.destroy(asError(error));
    } finally {
      this.#waiting--;
    }
    if (this.#options.signal.aborted) stream.destroy(this.#options.signal.reason ?? undefined);
  }

  changed(): void {}

  over(session: Session, error: TunnelError | undefined, unopened: readonly TunnelStream[]): void {
    if (!this.sessions.delete(session)) return;
    for (const stream of unopened) stream.destroy(streamReset(error));
    this.#options.over(session);
  }

  async #start(isWanted: () => boolean): Promise<Session | undefined> {
    const { starter, signal, options } = this.#options;
    const since = now();
    for (let attempt = 0; isWanted(); attempt++) {
      try {
        await wait(retryDelayMs(attempt), true, signal);
        const session = await starter.start(signal, this);
        if (session.state === 'over') continue;
        this.sessions.add(session);
        return session;
      } catch (error) {
        signal.throwIfAborted();
        if (isFinal(error)) throw error;
        const { reconnectTimeoutMs } = options;
        if (now() - since >= reconnectTimeoutMs) throw reconnectTimeout(reconnectTimeoutMs, error);
      }
    }
    return undefined;
  }
}
