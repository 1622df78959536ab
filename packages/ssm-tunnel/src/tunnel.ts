import type { Duplex } from 'node:stream';
import type { SessionApi } from './aws/session-api.ts';
import { publish } from './diagnostics.ts';
import { asError, closedError, TunnelError } from './errors.ts';
import { type ListenOptions, startListener, type TunnelListener } from './listener/listener.ts';
import type { ResolvedOptions } from './options.ts';
import type { Session } from './session/session.ts';
import { type PoolEvents, type PoolState, SessionPool } from './session/session-pool.ts';
import { SessionStarter } from './session/session-starter.ts';
import { failedStream, TunnelStream } from './streams/tunnel-stream.ts';
import { type TunnelStatistics, TunnelTotals } from './tunnel-statistics.ts';

/**
 * - `open` carries streams.
 * - `resuming`: the WebSocket is gone, session and streams are not; they wait.
 * - `replacing`: the session is over, another one is being started; new streams wait.
 * - `idle`: no session is held (`sessions.min` is 0); the next stream starts one.
 * - `closing` finishes what was written; `closed` is the end, with its reason.
 *
 * `since` is Unix time in milliseconds, `cause` the last failure.
 */
export type TunnelState =
  | PoolState
  | { readonly name: 'closing' }
  | { readonly name: 'closed'; readonly reason: unknown };

/** A way to one remote port that outlives connections, sessions and nodes. */
export interface Tunnel extends AsyncDisposable {
  /** Of the newest session. */
  readonly sessionId: string;
  /** Of the newest session. */
  readonly agentVersion: string;
  readonly state: TunnelState;
  /**
   * A new connection to the remote port, in this process. There is no round trip: write at once. While the tunnel has no
   * session the stream waits for one. A refused port is an `error` event with `SSM_REMOTE_PORT_REFUSED`, a session that
   * ended one with `SSM_STREAM_RESET`, an ended tunnel one with `SSM_TUNNEL_CLOSED`. An aborted `signal` destroys the
   * stream with its reason.
   *
   * `dedicated` gives the stream a session of its own, which is started for it and ends with it: for bulk copies, which
   * would otherwise slow down everything else in the session.
   */
  connect(options?: { signal?: AbortSignal; dedicated?: boolean }): Duplex;
  /** Accepts local connections and connects each to the remote port. Default: 127.0.0.1, any free port. */
  listen(options?: ListenOptions): Promise<TunnelListener>;
  stats(): TunnelStatistics;
  /**
   * Stops listening, sends what was written, closes streams that are still open, ends the sessions at AWS and waits
   * for that: a few seconds at most. Never rejects; when `signal` fires it goes on as `abort`. Calling it again is
   * the same close.
   *
   * Those streams end with `close` and without `error`, since this is the caller's own wish: nobody needs a listener
   * for it. There is no `end` either, so a reader does not take what it has for all there was.
   */
  close(options?: { signal?: AbortSignal }): Promise<void>;
  /** Resets all streams now. The sessions are still ended at AWS, in the background; `closed` waits for that. */
  abort(reason?: unknown): void;
  /** Fulfils when nothing of the tunnel is left, with `undefined` after `close` and the error otherwise. */
  readonly closed: Promise<{ reason: unknown }>;
}

export class SsmTunnel implements Tunnel, PoolEvents {
  readonly closed: Promise<{ reason: unknown }>;
  readonly #api: SessionApi;
  readonly #options: ResolvedOptions;
  readonly #pool: SessionPool;
  readonly #totals = new TunnelTotals();
  readonly #listeners = new Set<TunnelListener>();
  readonly #settleClosed: (outcome: { reason: unknown }) => void;
  /** Set once the end has begun. */
  #end: Extract<TunnelState, { name: 'closing' | 'closed' }> | undefined;
  #closing: Promise<void> | undefined;
  #told: TunnelState['name'] | undefined;

  constructor(api: SessionApi, options: ResolvedOptions) {
    this.#api = api;
    this.#options = options;
    this.#pool = new SessionPool(options, this, new SessionStarter({ api, options }));
    let settle: (outcome: { reason: unknown }) => void = () => {};
    this.closed = new Promise((resolve) => {
      settle = resolve;
    });
    this.#settleClosed = settle;
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#pool.open(signal);
    this.changed();
  }

  get sessionId(): string {
    return this.#pool.newest?.sessionId ?? '';
  }

  get agentVersion(): string {
    return this.#pool.newest?.agentVersion ?? '';
  }

  get state(): TunnelState {
    return this.#end ?? this.#pool.state;
  }

  connect(options: { signal?: AbortSignal; dedicated?: boolean } = {}): Duplex {
    const { signal, dedicated = false } = options;
    if (signal?.aborted) return failedStream(asError(signal.reason));
    if (this.#end !== undefined) return failedStream(this.#closedError());
    const stream = new TunnelStream(this.#options);
    if (dedicated) this.#pool.connectDedicated(stream);
    else this.#pool.connect(stream);
    if (signal !== undefined) {
      const onAbort = (): void => {
        stream.destroy(asError(signal.reason));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      stream.once('close', () => signal.removeEventListener('abort', onAbort));
    }
    return stream;
  }

  async listen(options: ListenOptions = {}): Promise<TunnelListener> {
    if (this.#end !== undefined) throw this.#closedError();
    const listener = await startListener(
      options,
      () => this.connect(),
      () => this.#listeners.delete(listener),
    );
    if (this.#end !== undefined) {
      await listener.close();
      throw this.#closedError();
    }
    this.#listeners.add(listener);
    return listener;
  }

  stats(): TunnelStatistics {
    const { sessions, newest, replacements, waitingStreams } = this.#pool;
    const parts = sessions.map((session) => session.statistics);
    return {
      state: this.state.name,
      sessionId: this.sessionId,
      replacements,
      waitingStreams,
      ...this.#totals.with(parts, newest?.statistics),
    };
  }

  close(options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    if (signal !== undefined) {
      const onAbort = (): void => this.abort(signal.reason);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      void this.closed.then(() => signal.removeEventListener('abort', onAbort));
    }
    this.#closing ??= this.#close();
    return this.#closing;
  }

  abort(reason: unknown = closedError(undefined)): void {
    if (this.#end?.name === 'closed') return;
    this.#over(
      reason,
      new TunnelError('SSM_TUNNEL_CLOSED', 'The tunnel was aborted.', {
        hint: 'Open a new tunnel.',
        cause: reason,
      }),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // What the pool calls.

  changed(): void {
    const { name, ...details } = this.state;
    if (name === this.#told) return;
    this.#told = name;
    const reason = 'reason' in details ? details.reason : 'cause' in details ? details.cause : undefined;
    publish('postern:ssm-tunnel:state', {
      sessionId: this.sessionId,
      state: name,
      ...(reason === undefined ? {} : { reason }),
    });
  }

  over(session: Session): void {
    this.#totals.add(session.statistics);
  }

  failed(error: unknown): void {
    if (this.#end?.name === 'closed') return;
    const reason = asError(error);
    this.#over(reason, closedError(reason));
  }

  async #close(): Promise<void> {
    if (this.#end === undefined) {
      this.#end = { name: 'closing' };
      this.changed();
      this.#stopListening();
      await this.#pool.close();
      if (this.#end.name === 'closing') {
        this.#end = { name: 'closed', reason: undefined };
        this.changed();
        this.#api.destroy();
        this.#settleClosed({ reason: undefined });
      }
    }
    await this.closed;
  }

  /** Ends at once. */
  #over(reason: unknown, error: TunnelError): void {
    this.#end = { name: 'closed', reason };
    this.#stopListening();
    this.#pool.abort(error);
    this.changed();
    void this.#pool.gone().then(() => {
      this.#api.destroy();
      this.#settleClosed({ reason });
    });
  }

  #closedError(): TunnelError {
    return closedError(this.#end?.name === 'closed' ? this.#end.reason : undefined);
  }

  #stopListening(): void {
    for (const listener of this.#listeners) void listener.close();
  }
}
