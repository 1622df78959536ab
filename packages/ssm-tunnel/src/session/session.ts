import { randomUUID } from 'node:crypto';
import { encodeOpenDataChannel, SessionFlag } from '@postern/ssm-protocol';
import type { SessionApi, StartedSession } from '../aws/session-api.ts';
import type { AgentFacts, ChannelUser } from '../channel/channel-user.ts';
import { now } from '../channel/clock.ts';
import {
  API_TERMINATE_TIMEOUT_MS,
  CLIENT_VERSION,
  DRAIN_TIMEOUT_MS,
  SMUX_KEEP_ALIVE_MS,
  STALLED_AFTER_MS,
} from '../channel/constants.ts';
import { DataChannel } from '../channel/data-channel.ts';
import { openWebSocketLink } from '../channel/web-socket-link.ts';
import { publish } from '../diagnostics.ts';
import { TunnelError } from '../errors.ts';
import type { ResolvedOptions } from '../options.ts';
import type { SessionCarrier, SessionMode } from '../streams/carrier.ts';
import { MuxCarrier } from '../streams/mux-carrier.ts';
import { SingleCarrier } from '../streams/single-carrier.ts';
import type { TunnelStream } from '../streams/tunnel-stream.ts';
import { Resumption } from './resumption.ts';
import type { SessionStatistics } from './session-statistics.ts';

export interface SessionContext {
  readonly api: SessionApi;
  readonly options: ResolvedOptions;
}

export interface SessionEvents {
  /** It has more or less room, lost its link or got another one. */
  changed(): void;
  /**
   * Nothing more will go through it. `error` is undefined when it was closed by us. `unopened` are streams of which
   * the agent knows nothing yet.
   */
  over(session: Session, error: TunnelError | undefined, unopened: readonly TunnelStream[]): void;
}

/** `opening` until the agent is ready; `resuming` without a WebSocket; `over` is the end. */
export type SessionState = 'opening' | 'open' | 'resuming' | 'over';

/** One session at AWS with the streams in it. It survives the loss of its WebSocket, but not its end at AWS. */
export class Session implements ChannelUser {
  readonly sessionId: string;
  readonly target: string;
  /** When the agent was ready. */
  openedAt = 0;
  /** Fulfils when nothing of the session is left. */
  readonly gone: Promise<void>;
  readonly #context: SessionContext;
  readonly #events: SessionEvents;
  readonly #channel: DataChannel;
  readonly #clientId: string = randomUUID();
  readonly #life = new AbortController();
  readonly #resumption: Resumption;
  #agent: AgentFacts | undefined;
  #carrier: SessionCarrier | undefined;
  #keepAlive: NodeJS.Timeout | undefined;
  #over = false;
  #closing: Promise<void> | undefined;
  #settleGone: () => void = () => {};

  constructor(context: SessionContext, sessionId: string, target: string, events: SessionEvents) {
    this.#context = context;
    this.#events = events;
    this.sessionId = sessionId;
    this.target = target;
    this.#channel = new DataChannel(this, context.options);
    this.#resumption = new Resumption({
      api: context.api,
      sessionId,
      reconnectTimeoutMs: context.options.reconnectTimeoutMs,
      signal: this.#life.signal,
      keepsAlive: () => this.streams > 0,
      isLinked: () => this.#channel.link !== undefined,
      attach: (started) => this.#attach(started, this.#life.signal),
      resumed: () => {
        this.#publish('resumed');
        events.changed();
      },
      fail: (error) => this.#channel.fail(error),
    });
    this.gone = new Promise((resolve) => {
      this.#settleGone = resolve;
    });
  }

  get state(): SessionState {
    if (this.#over) return 'over';
    if (this.#carrier === undefined) return 'opening';
    return this.#channel.link === undefined ? 'resuming' : 'open';
  }

  get agentVersion(): string {
    return this.#agent?.version ?? '';
  }

  /** Why and since when the link is gone. */
  get trouble(): { readonly since: number; readonly cause: unknown } | undefined {
    return this.#resumption.trouble;
  }

  /** Streams that it carries. */
  get streams(): number {
    return this.#carrier?.size ?? 0;
  }

  get hasRoom(): boolean {
    return this.state === 'open' && !this.isLeaving && this.#carrier?.hasRoom === true;
  }

  get mode(): SessionMode | undefined {
    return this.#agent?.mode;
  }

  /** The agent does not move, probably because a destination does not read (protocol section "No flow control"). */
  get isStalled(): boolean {
    return this.#channel.unansweredMs > STALLED_AFTER_MS;
  }

  /** One stream at a time: others need sessions of their own. */
  get isExclusive(): boolean {
    return this.mode !== undefined && this.mode !== 'mux';
  }

  /** It is being ended, or is over: of no use for anything new. */
  get isLeaving(): boolean {
    return this.#over || this.#closing !== undefined;
  }

  get hasCarried(): boolean {
    return (this.#carrier?.statistics.opened ?? 0) > 0;
  }

  get hasDelivered(): boolean {
    return (this.#carrier?.statistics.bytesReceived ?? 0) > 0;
  }

  get statistics(): SessionStatistics {
    const { messages, payloadBytes: _, ...channel } = this.#channel.statistics;
    return {
      sessionId: this.sessionId,
      target: this.target,
      mode: this.mode,
      state: this.state,
      resumes: this.#resumption.resumes,
      streams: this.#carrier?.statistics,
      messagesSent: messages,
      ...channel,
    };
  }

  /** Opens what StartSession began. Rejects with nothing left behind. */
  async open(started: StartedSession, signal: AbortSignal): Promise<void> {
    try {
      signal.throwIfAborted();
      await this.#attach(started, signal);
      const { handshakeTimeoutMs } = this.#context.options;
      const { customerMessage } = await this.#channel.handshake(handshakeTimeoutMs, signal);
      this.openedAt = now();
      this.#publish('started');
      if (customerMessage !== '') {
        publish('postern:ssm-tunnel:message', { sessionId: this.sessionId, message: customerMessage });
      }
      this.updateRef();
    } catch (error) {
      if (!this.#over) {
        this.#over = true;
        void this.#tidyUp(false);
      }
      await this.gone;
      throw error;
    }
  }

  adopt(stream: TunnelStream): void {
    this.#carrier?.adopt(stream);
  }

  /** Sends what was written, ends the streams that are left, and ends the session, waiting for that a little. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Resets all streams now and ends the session in the background. */
  abort(error: TunnelError): void {
    if (this.#over) return;
    if (this.#agent?.mode !== 'basic' || this.#agent.capabilities.terminateFlagInBasicMode) {
      this.#channel.sendTerminateFlag();
    }
    this.#channel.fail(error);
  }

  /** Keeps the process alive while there is something to lose, and only then. */
  updateRef(): void {
    this.#channel.link?.setRef(this.streams > 0 || this.#closing !== undefined);
    this.#channel.recheck();
  }

  // What the channel calls.

  onReady(agent: AgentFacts): void {
    const { options } = this.#context;
    this.#agent = agent;
    const carrierOptions = {
      sessionId: this.sessionId,
      destination: options.destination,
      linkedForMs: () => this.#resumption.linkedForMs,
      wake: () => this.#channel.schedulePump(),
      changed: () => {
        this.updateRef();
        // The end is told once, with its reason, not by its effects.
        if (!this.#over) this.#events.changed();
      },
    };
    this.#carrier =
      agent.mode === 'mux'
        ? new MuxCarrier(carrierOptions)
        : new SingleCarrier({
            ...carrierOptions,
            mode: agent.mode,
            disconnect: (acknowledged) => this.#channel.sendFlag(SessionFlag.disconnectToPort, acknowledged),
            finished: () => void this.close(),
          });
    const byVersion = agent.capabilities.needsSmuxKeepAlive && agent.mode === 'mux' ? SMUX_KEEP_ALIVE_MS : 0;
    const everyMs = options.keepAliveIntervalMs ?? byVersion;
    if (everyMs > 0) this.#keepAlive = setInterval(() => this.#carrier?.keepAlive(), everyMs).unref();
  }

  onPayload(payload: Uint8Array): void {
    this.#carrier?.receive(payload);
  }

  onConnectToPortError(): void {
    this.#carrier?.connectToPortError();
  }

  nextPayload(maxBytes: number): Uint8Array[] {
    return this.#carrier?.nextPayload(maxBytes) ?? [];
  }

  onPayloadSent(): void {
    this.#carrier?.settleWriters();
  }

  onLinkLost(error: TunnelError): void {
    this.#publish('lost', error);
    if (error.code === 'SSM_PAYLOAD_TOO_LARGE') {
      // Sent again, the same message would meet the same answer.
      this.#channel.fail(error);
      return;
    }
    this.#carrier?.linkLost();
    this.#resumption.begin(error, this.#channel.heardOverLink);
    this.#events.changed();
  }

  onOver(error: TunnelError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    const inOrder = error === undefined || error.output === '';
    const unopened = this.#carrier?.takeUnopened() ?? [];
    if (!inOrder || this.#carrier?.ended() !== true) {
      this.#carrier?.destroyAll(() => streamReset(error));
    }
    this.#publish('over', error);
    this.#events.over(this, error, unopened);
    void this.#tidyUp(error === undefined || error.code === 'SSM_CHANNEL_CLOSED');
  }

  async #attach(started: StartedSession, signal: AbortSignal): Promise<void> {
    const { api, options } = this.#context;
    const { url, headers, agent, unsigned } = await api.upgrade(started.streamUrl, signal);
    if (unsigned !== undefined) {
      publish('postern:ssm-tunnel:unsigned', { sessionId: this.sessionId, why: unsigned });
    }
    await openWebSocketLink(
      {
        url,
        headers,
        ...(agent === undefined ? {} : { agent }),
        greeting: encodeOpenDataChannel({
          requestId: randomUUID(),
          tokenValue: started.tokenValue,
          clientId: this.#clientId,
          clientVersion: CLIENT_VERSION,
        }),
        connectTimeoutMs: options.connectTimeoutMs,
        pingIntervalMs: options.pingIntervalMs,
        signal,
      },
      this.#channel,
    );
    this.#resumption.linked();
    this.updateRef();
  }

  async #close(): Promise<void> {
    if (!this.#over) {
      this.updateRef();
      const never = new AbortController().signal;
      await this.#channel.drained(() => this.#carrier?.isIdle !== false, DRAIN_TIMEOUT_MS, never);
      this.#carrier?.destroyAll();
      const byFlag = this.#agent?.mode !== 'basic' || this.#agent.capabilities.terminateFlagInBasicMode;
      const terminated = byFlag && (await this.#channel.terminateSession(never));
      if (!this.#over) {
        this.#over = true;
        this.#publish('over');
        this.#events.over(this, undefined, []);
        await this.#tidyUp(terminated);
      }
    }
    await this.gone;
  }

  async #tidyUp(sessionIsOver: boolean): Promise<void> {
    clearInterval(this.#keepAlive);
    this.#life.abort();
    await this.#channel.close();
    if (!sessionIsOver) await this.#terminate();
    this.#settleGone();
  }

  /** Ends the session through the API. A failure is not the caller's: the session's idle timeout will end it. */
  async #terminate(): Promise<void> {
    try {
      await this.#context.api.terminate(this.sessionId, AbortSignal.timeout(API_TERMINATE_TIMEOUT_MS));
    } catch (error) {
      publish('postern:ssm-tunnel:terminate-failed', { sessionId: this.sessionId, error });
    }
  }

  #publish(event: 'started' | 'lost' | 'resumed' | 'over', cause?: unknown): void {
    publish('postern:ssm-tunnel:session', {
      sessionId: this.sessionId,
      event,
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** What a stream that ended with its session is told. */
export function streamReset(cause: TunnelError | undefined): TunnelError {
  return new TunnelError(
    'SSM_STREAM_RESET',
    `The connection was reset with its session. ${cause?.message ?? 'The session ended.'}`,
    { hint: cause?.hint ?? 'Connect again.', cause },
  );
}
