import {
  clientCapabilities,
  compareVersions,
  encodeAgentSessionState,
  encodeHandshakeComplete,
  encodeHandshakeRequest,
  encodeSessionFlag,
  encodeSmuxFrame,
  isProtocolError,
  MessageType,
  PayloadType,
  parseHandshakeResponse,
  parseSessionFlag,
  SessionFlag,
  SmuxCommand,
  sessionProperty,
} from '@postern/ssm-protocol';
import type { RelayedMessage } from '../gateway/relayed-message.ts';
import type { AgentLeg } from '../gateway/session-relay.ts';
import type { Session } from '../session.ts';
import type { Counters } from '../statistics.ts';
import type { ViolationKind } from '../violations.ts';
import type { AgentSettings } from './agent-options.ts';
import { BasicPortSession } from './basic-port-session.ts';
import { DataChannel, type Handling } from './data-channel.ts';
import { type Destination, findDestination, type Resolve } from './destination.ts';
import { Dialler } from './dialler.ts';
import { MuxPortSession } from './mux-port-session.ts';
import type { PortSession, PortSessionHost } from './port-session.ts';

/** The agent's connection to the gateway. */
export interface GatewayLink {
  send(message: RelayedMessage): void;
  /** Whether the path to the client has room; when not, `whenWritable` calls back. */
  readonly writable: boolean;
  whenWritable(callback: () => void): void;
  /** The worker is done: what it would report over its control channel. */
  finished(output: string): void;
}

/**
 * The agent's worker for one session: opens its data channel, does the handshake, and only then looks at the
 * parameters and runs the port plugin.
 */
export class AgentWorker implements AgentLeg {
  readonly #session: Session;
  readonly #settings: AgentSettings;
  readonly #link: GatewayLink;
  readonly #resolve: Resolve;
  readonly #counters: Counters;
  readonly #violation: (kind: ViolationKind, detail: string) => void;
  readonly #channel: DataChannel;
  readonly #dialler: Dialler;
  #state: 'starting' | 'handshake' | 'answered' | 'running' | 'ended' = 'starting';
  #speaksFirst = false;
  #handshakeStartedAt = 0;
  #handshakeTimer: NodeJS.Timeout | undefined;
  #port: PortSession | undefined;

  constructor(
    session: Session,
    settings: AgentSettings,
    environment: {
      resolve: Resolve;
      counters: Counters;
      violation: (kind: ViolationKind, detail: string) => void;
    },
    link: GatewayLink,
  ) {
    this.#session = session;
    this.#settings = settings;
    this.#link = link;
    this.#resolve = environment.resolve;
    this.#counters = environment.counters;
    this.#violation = environment.violation;
    this.#dialler = new Dialler(session.id, environment.counters);
    this.#channel = new DataChannel({
      send: (message) => link.send(message),
      handle: (message) => this.#handle(message),
      cancelled: () => this.cancel(),
      publicationChanged: () => this.#port?.kick(),
      resent: () => environment.counters.agentRetransmissions++,
      reackDuplicates: settings.reackDuplicates,
      frontOnlyResend: settings.frontOnlyResend,
    });
  }

  /** Opens the data channel and asks for the handshake, whether or not the client is there. */
  start(): void {
    if (this.#state !== 'starting') return;
    this.#state = 'handshake';
    this.#channel.sendControl(
      MessageType.agentSessionState,
      encodeAgentSessionState({ sessionState: 'Connected', sessionId: this.#session.id }),
    );
    this.#handshakeStartedAt = performance.now();
    const { kmsKeyId } = this.#settings;
    this.#channel.sendStream(
      PayloadType.handshakeRequest,
      encodeHandshakeRequest({
        agentVersion: this.#settings.version,
        actions: [
          {
            actionType: 'SessionType',
            sessionType: this.#session.sessionType,
            properties: this.#session.properties,
          },
          ...(kmsKeyId === undefined ? [] : [{ actionType: 'KMSEncryption' as const, kmsKeyId }]),
        ],
      }),
    );
    this.#handshakeTimer = setTimeout(
      () =>
        this.#handshakeFailed(
          'Handshake timed out. Please ensure that you have the latest version of the session manager plugin.',
        ),
      this.#settings.handshakeTimeoutMs,
    ).unref();
  }

  get alive(): boolean {
    return this.#state !== 'ended';
  }

  /** To send data right behind HandshakeComplete, which some clients do not survive. */
  speakAfterHandshake(): void {
    this.#speaksFirst = true;
  }

  /** Dials hang until the returned function is called. */
  holdDials(): () => void {
    return this.#dialler.hold();
  }

  get congested(): boolean {
    return this.#channel.congested;
  }

  get full(): boolean {
    return this.#channel.full;
  }

  whenReady(callback: () => void): void {
    this.#channel.whenReady(callback);
  }

  receive(message: RelayedMessage): void {
    this.#channel.receive(message);
  }

  /** Ends at once and says so: the service told it to. */
  cancel(): void {
    if (this.kill()) this.#link.finished('');
  }

  /** Is gone without a word. Whether it was still there. */
  kill(): boolean {
    const alive = this.#state !== 'ended';
    if (alive) this.#stop();
    // Also when it only waited for its last acknowledgements.
    this.#channel.close();
    return alive;
  }

  #stop(): void {
    this.#state = 'ended';
    clearTimeout(this.#handshakeTimer);
    this.#port?.stop();
  }

  /** The plugin is done: gives the client some time to acknowledge what it was sent, then reports. */
  async #end(output: string): Promise<void> {
    if (this.#state === 'ended') return;
    this.#stop();
    await this.#channel.drained();
    this.#channel.close();
    this.#link.finished(output);
  }

  #handle(message: RelayedMessage): Handling {
    switch (this.#state) {
      case 'starting':
      case 'handshake':
        // Anything but the response is acknowledged and thrown away.
        if (message.payloadType === PayloadType.handshakeResponse) this.#handshakeResponse(message.payload);
        return true;
      case 'ended':
        return false;
      default:
        break;
    }
    switch (message.payloadType) {
      case PayloadType.handshakeResponse:
        // A second response finds nobody who waits for it: the reader is stuck for good.
        return new Promise(() => {});
      case PayloadType.output:
        return this.#port?.input(message.payload) ?? false;
      case PayloadType.flag:
        return this.#flag(message.payload);
      default:
        return true;
    }
  }

  #handshakeResponse(payload: Uint8Array): void {
    clearTimeout(this.#handshakeTimer);
    this.#state = 'answered';
    // The reader acknowledges the response before the session's own thread goes on.
    queueMicrotask(() => {
      if (this.#state !== 'answered') return;
      try {
        const { actions, clientVersion } = parseHandshakeResponse(payload);
        const refused = actions.find(({ status }) => status !== 1);
        if (refused === undefined) this.#handshakeComplete(clientVersion);
        else
          this.#handshakeFailed(
            `${refused.actionType} failed on client with status ${refused.status} error: ${refused.error}`,
          );
      } catch (error) {
        if (!isProtocolError(error)) throw error;
        this.#violation('malformed-envelope', `HandshakeResponse: ${error.message}`);
        this.#handshakeFailed(`Unmarshalling of HandshakeResponse message failed, ${error.message}`);
      }
    });
  }

  #handshakeFailed(problem: string): void {
    void this.#end(`Encountered error while initiating handshake. ${problem}`);
  }

  #handshakeComplete(clientVersion: string): void {
    this.#state = 'running';
    const elapsedMs = performance.now() - this.#handshakeStartedAt;
    this.#channel.sendStream(
      PayloadType.handshakeComplete,
      encodeHandshakeComplete({
        timeToCompleteNs: Math.round(elapsedMs * 1e6),
        customerMessage: this.#settings.customerMessage,
      }),
    );
    if (this.#speaksFirst)
      this.#channel.sendStream(
        PayloadType.output,
        encodeSmuxFrame({ command: SmuxCommand.nop, streamId: 0, data: new Uint8Array(0) }),
      );
    void this.#run(clientVersion);
  }

  async #run(clientVersion: string): Promise<void> {
    const { properties } = this.#session;
    let destination: Destination;
    try {
      destination = await findDestination(properties, { ...this.#settings, resolve: this.#resolve });
    } catch (error) {
      await this.#end(error instanceof Error ? error.message : String(error));
      return;
    }
    if (this.#state === 'ended') return;
    const host = this.#portHost(destination);
    const forwarding = sessionProperty(properties, 'type') === 'LocalPortForwarding';
    const client = clientCapabilities(clientVersion);
    if (forwarding && client.mux && compareVersions(this.#settings.version, MUX_SINCE) > 0) {
      this.#port = new MuxPortSession(host, { keepAlive: client.smuxKeepAlive });
      return;
    }
    const port = new BasicPortSession(host, { redials: forwarding });
    await port.start();
    // Until the dial is done, data is not acknowledged.
    if (this.#state === 'running') this.#port = port;
    else port.stop();
  }

  #portHost(destination: Destination): PortSessionHost {
    return {
      dial: (signal) => this.#dialler.dial(destination, signal),
      sendData: (payload) => this.#channel.sendStream(PayloadType.output, payload),
      sendFlag: (flag) => this.#channel.sendStream(PayloadType.flag, encodeSessionFlag(flag)),
      canSend: () => {
        if (!this.#channel.canSend) return false;
        if (this.#link.writable) return true;
        this.#link.whenWritable(() => this.#port?.kick());
        return false;
      },
      end: (output) => void this.#end(output),
      streamOpened: () => this.#counters.muxStreams++,
      streamReused: (streamId) => this.#violation('stream-id-reused', `SYN ${streamId}`),
      misused: (problem) => this.#violation('smux-misuse', problem),
      brokenSmux: (problem) => this.#violation('broken-smux', problem),
      transferred: (direction, bytes) => {
        if (direction === 'up') this.#counters.bytesUp += bytes;
        else this.#counters.bytesDown += bytes;
      },
      pacing: this.#settings.pacing,
      payloadBytes: this.#settings.payloadBytes,
      serialDial: this.#settings.serialDial,
    };
  }

  #flag(payload: Uint8Array): boolean {
    let flag: number;
    try {
      flag = parseSessionFlag(payload);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      this.#violation('malformed-envelope', error.message);
      return true;
    }
    if (flag === SessionFlag.terminateSession) void this.#end('');
    else this.#port?.flag(flag);
    return true;
  }
}

/** The client's gate for mux; agents up to this version run basic mode. */
const MUX_SINCE = '3.0.196.0';
