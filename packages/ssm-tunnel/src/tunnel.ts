import type { Duplex } from 'node:stream';
import type { SessionApi } from './aws/session-api.ts';
import { API_TERMINATE_TIMEOUT_MS, DRAIN_TIMEOUT_MS, SMUX_KEEP_ALIVE_MS } from './channel/constants.ts';
import type { AgentFacts, ChannelUser, DataChannel } from './channel/data-channel.ts';
import { publish } from './diagnostics.ts';
import { closedError, TunnelError } from './errors.ts';
import { type ListenOptions, startListener, type TunnelListener } from './listener/listener.ts';
import { failedStream } from './streams/mux-stream.ts';
import type { StreamStatistics, StreamTable } from './streams/stream-table.ts';

/** `open` carries streams; `closing` finishes what was written; `closed` is the end, with its reason. */
export type TunnelState =
  | { readonly name: 'open' }
  | { readonly name: 'closing' }
  | { readonly name: 'closed'; readonly reason: unknown };

export interface TunnelStatistics {
  sessionId: string;
  state: TunnelState['name'];
  streams: StreamStatistics;
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
  /** Smoothed time from a message to its acknowledgement by the agent. */
  smoothedRttMs: number;
}

/** One open session and the streams in it. */
export interface Tunnel extends AsyncDisposable {
  readonly sessionId: string;
  readonly agentVersion: string;
  readonly state: TunnelState;
  /**
   * A new connection to the remote port, in this process. There is no round trip: write at once. A refused
   * port is an `error` event with `SSM_REMOTE_PORT_REFUSED`, an ended tunnel one with `SSM_TUNNEL_CLOSED`.
   * An aborted `signal` destroys the stream with its reason.
   */
  connect(options?: { signal?: AbortSignal }): Duplex;
  /** Accepts local connections and connects each to the remote port. Default: 127.0.0.1, any free port. */
  listen(options?: ListenOptions): Promise<TunnelListener>;
  stats(): TunnelStatistics;
  /**
   * Stops listening, sends what was written, closes streams that are still open, ends the session at AWS and waits
   * for that: a few seconds at most. Never rejects; when `signal` fires it goes on as `abort`. Calling it again is
   * the same close.
   *
   * Those streams end with `close` and without `error`, since this is the caller's own wish: nobody needs a listener
   * for it. There is no `end` either, so a reader does not take what it has for all there was.
   */
  close(options?: { signal?: AbortSignal }): Promise<void>;
  /** Resets all streams now. The session is still ended at AWS, in the background; `closed` waits for that. */
  abort(reason?: unknown): void;
  /** Fulfils when nothing of the tunnel is left, with `undefined` after `close` and the error otherwise. */
  readonly closed: Promise<{ reason: unknown }>;
}

export interface TunnelParts {
  readonly api: SessionApi;
  readonly sessionId: string;
  readonly agent: AgentFacts;
  readonly channel: DataChannel;
  readonly streams: StreamTable;
}

export class SsmTunnel implements Tunnel {
  readonly sessionId: string;
  readonly agentVersion: string;
  readonly closed: Promise<{ reason: unknown }>;
  readonly #api: SessionApi;
  readonly #channel: DataChannel;
  readonly #streams: StreamTable;
  readonly #listeners = new Set<TunnelListener>();
  readonly #settleClosed: (outcome: { reason: unknown }) => void;
  #state: TunnelState = { name: 'open' };
  #closing: Promise<void> | undefined;
  #ended = false;
  #keepAlive: NodeJS.Timeout | undefined;

  constructor({ api, sessionId, agent, channel, streams }: TunnelParts) {
    this.sessionId = sessionId;
    this.agentVersion = agent.version;
    this.#api = api;
    this.#channel = channel;
    this.#streams = streams;
    let settle: (outcome: { reason: unknown }) => void = () => {};
    this.closed = new Promise((resolve) => {
      settle = resolve;
    });
    this.#settleClosed = settle;
    if (agent.capabilities.needsSmuxKeepAlive) {
      this.#keepAlive = setInterval(() => streams.keepAlive(), SMUX_KEEP_ALIVE_MS).unref();
    }
    this.updateRef();
  }

  get state(): TunnelState {
    return this.#state;
  }

  connect(options: { signal?: AbortSignal } = {}): Duplex {
    const { signal } = options;
    if (signal?.aborted) return failedStream(asError(signal.reason));
    if (this.#state.name !== 'open') {
      const reason = this.#state.name === 'closed' ? this.#state.reason : undefined;
      return failedStream(closedError(reason));
    }
    const stream = this.#streams.connect();
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
    if (this.#state.name !== 'open') throw closedError(undefined);
    const listener = await startListener(
      options,
      () => this.connect(),
      () => this.#listeners.delete(listener),
    );
    if (this.#state.name !== 'open') {
      await listener.close();
      throw closedError(undefined);
    }
    this.#listeners.add(listener);
    return listener;
  }

  stats(): TunnelStatistics {
    const { messages, payloadBytes: _, ...channel } = this.#channel.statistics;
    return {
      sessionId: this.sessionId,
      state: this.#state.name,
      streams: this.#streams.statistics,
      messagesSent: messages,
      ...channel,
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
    if (this.#ended) return;
    this.#channel.sendTerminateFlag();
    this.channelOver(
      new TunnelError('SSM_TUNNEL_CLOSED', 'The tunnel was aborted.', {
        hint: 'Open a new tunnel.',
        cause: reason,
      }),
      reason,
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The channel ended by itself, or by `abort`. */
  channelOver(error: TunnelError | undefined, reason: unknown = error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopAccepting();
    this.#streams.destroyAll(() => streamReset(error));
    this.#transition({ name: 'closed', reason });
    void this.#tidyUp(reason, error === undefined || error.code === 'SSM_CHANNEL_CLOSED');
  }

  /** Keeps the process alive while there is something to lose, and only then. */
  updateRef(): void {
    this.#channel.link?.setRef(this.#streams.size > 0 || this.#state.name === 'closing');
    this.#channel.recheck();
  }

  async #close(): Promise<void> {
    if (this.#state.name === 'open') {
      this.#transition({ name: 'closing' });
      this.#stopAccepting();
      this.updateRef();
      const never = new AbortController().signal;
      await this.#channel.drained(() => this.#streams.isIdle, DRAIN_TIMEOUT_MS, never);
      this.#streams.destroyAll();
      const terminated = await this.#channel.terminateSession(never);
      if (!this.#ended) {
        this.#ended = true;
        this.#transition({ name: 'closed', reason: undefined });
        await this.#tidyUp(undefined, terminated);
      }
    }
    await this.closed;
  }

  async #tidyUp(reason: unknown, sessionIsOver: boolean): Promise<void> {
    clearInterval(this.#keepAlive);
    await this.#channel.close();
    if (!sessionIsOver) await endSession(this.#api, this.sessionId);
    this.#api.destroy();
    this.#settleClosed({ reason });
  }

  #stopAccepting(): void {
    for (const listener of this.#listeners) void listener.close();
  }

  #transition(state: TunnelState): void {
    this.#state = state;
    const reason = state.name === 'closed' ? state.reason : undefined;
    publish('postern:ssm-tunnel:state', {
      sessionId: this.sessionId,
      state: state.name,
      ...(reason === undefined ? {} : { reason }),
    });
  }
}

/** Ends a session through the API. A failure is not the caller's: the session's idle timeout will end it. */
export async function endSession(api: SessionApi, sessionId: string): Promise<void> {
  try {
    await api.terminate(sessionId, AbortSignal.timeout(API_TERMINATE_TIMEOUT_MS));
  } catch (error) {
    publish('postern:ssm-tunnel:terminate-failed', { sessionId, error });
  }
}

/** Forwards the channel's events to the streams, and its end to the tunnel once there is one. */
export function channelUser(streams: StreamTable, onOver: ChannelUser['onOver']): ChannelUser {
  return {
    onPayload: (payload) => streams.receive(payload),
    onConnectToPortError: () => streams.connectToPortError(),
    nextPayload: (maxBytes) => streams.nextPayload(maxBytes),
    onPayloadSent: () => streams.settleWriters(),
    onOver,
  };
}

function streamReset(cause: TunnelError | undefined): TunnelError {
  return new TunnelError(
    'SSM_STREAM_RESET',
    `The connection was reset with its session. ${cause?.message ?? 'The session ended.'}`,
    { hint: cause?.hint ?? 'Open a new tunnel.', cause },
  );
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
