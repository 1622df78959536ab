import { randomUUID } from 'node:crypto';
import {
  encodeChannelClosed,
  encodeClientMessage,
  MessageType,
  type OpenDataChannel,
  PayloadType,
} from '@postern/ssm-protocol';
import type { Counters } from '../statistics.ts';
import type { ViolationKind } from '../violations.ts';
import { ClientInspector } from './client-inspector.ts';
import type { ClientLeg } from './client-leg.ts';
import { MessageFaults } from './message-faults.ts';
import type { RelayedMessage } from './relayed-message.ts';
import { WaitingMessages } from './waiting-messages.ts';

/** How long a client may keep its socket open after `channel_closed`. */
const GRACE_MS = 5_000;

/** Close code for a message that is too large, as WebSocket has it. */
const TOO_LARGE = 1009;

/** The agent's end of the relay: its data channel. */
export interface AgentLeg {
  receive(message: RelayedMessage): void;
  /** More was taken than worked on: the service tells the client to pause. */
  readonly congested: boolean;
  /** The same beyond what the service keeps: it stops reading the client. */
  readonly full: boolean;
  /** Calls back when it is not congested any more. */
  whenReady(callback: () => void): void;
}

/** The two ends of a session. */
export type Side = 'client' | 'agent';

export interface RelayOptions {
  sessionId: string;
  /** Which session of the simulator it is. */
  ordinal: number;
  counters: Counters;
  violation: (kind: ViolationKind, detail: string) => void;
  /** Whether messages for a side that is away are kept for it. */
  queuesForAbsent: boolean;
  /** 0: no limit. */
  maxPayloadBytes: number;
  clientChanged: (connected: boolean) => void;
  /** The client sent something that counts as activity. */
  clientActive: () => void;
}

/**
 * The service's part in one session: passes messages between the client's socket and the agent, says
 * `pause_publication` to a side whose peer is away and `start_publication` when it is back, and keeps what arrives
 * meanwhile within bounds. Sequence numbers and acknowledgements are end to end and no business of the relay.
 */
export class SessionRelay {
  readonly faults: MessageFaults;
  readonly #options: RelayOptions;
  readonly #inspector: ClientInspector;
  readonly #waitingForClient: WaitingMessages;
  readonly #waitingForAgent: WaitingMessages;
  #client: ClientLeg | undefined;
  #agent: AgentLeg | undefined;
  #agentWasThere = false;
  #agentPaused = false;
  /** The agent is behind, and the client was told to pause until it is not. */
  #agentBehind = false;
  #ended = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.faults = new MessageFaults(options.ordinal, options.counters);
    this.#inspector = new ClientInspector(
      options.violation,
      () => performance.now(),
      (passed) => this.#fence(passed),
    );
    this.#waitingForClient = new WaitingMessages(options.queuesForAbsent);
    this.#waitingForAgent = new WaitingMessages(options.queuesForAbsent);
  }

  get client(): ClientLeg | undefined {
    return this.#client;
  }

  attachClient(leg: ClientLeg, opened: OpenDataChannel): void {
    // The newest connection wins: a client that reopens knows better than we do that the old one is dead.
    this.#client?.close(1000, 'Replaced by a newer connection');
    this.#client = leg;
    this.#inspector.connected(opened);
    this.#options.clientChanged(true);
    if (this.#agent !== undefined && !this.#agentBehind) this.#tellClient(MessageType.startPublication);
    else if (this.#agentWasThere) this.#pauseClient();
    for (const message of this.#waitingForClient.takeAll()) this.#deliverToClient(message);
    if (this.#agentPaused) {
      this.#agentPaused = false;
      this.#agent?.receive(control(MessageType.startPublication));
    }
  }

  detachClient(leg: ClientLeg): void {
    if (this.#client === leg) {
      this.#client = undefined;
      this.#pauseAgent();
      this.#options.clientChanged(false);
    }
    leg.gone();
  }

  attachAgent(agent: AgentLeg): void {
    this.#agent = agent;
    this.#agentWasThere = true;
    this.#tellClient(MessageType.startPublication);
    for (const message of this.#waitingForAgent.takeAll()) agent.receive(message);
  }

  /** The agent's connection is lost and nobody knows why. */
  detachAgent(): void {
    if (this.#agent === undefined) return;
    this.#agent = undefined;
    this.#agentPaused = false;
    this.#agentBehind = false;
    // Whoever waited for that agent waits no longer.
    this.#client?.resume();
    if (!this.#ended) this.#pauseClient();
  }

  fromClient(leg: ClientLeg, bytes: Buffer): void {
    if (leg.silent || this.#client !== leg) return;
    const message = this.#inspector.fromClient(bytes);
    if (message === undefined) return;
    if (message.messageType === MessageType.inputStreamData) {
      this.#options.clientActive();
      if (this.#tooLarge(message)) {
        leg.close(TOO_LARGE, 'Message too large');
        return;
      }
    }
    this.faults.pass('to-agent', message, this.#deliverToAgent);
  }

  fromAgent(message: RelayedMessage): void {
    // Sent into a broken connection, or meant for the service itself.
    if (this.#agent === undefined || message.messageType === MessageType.agentSessionState) return;
    this.faults.pass('to-client', message, this.#deliverToClient);
  }

  /** A publication message to one side, for whatever reason the service has. */
  say(messageType: string, side: Side): void {
    if (side === 'agent') this.#agent?.receive(control(messageType));
    else if (messageType === MessageType.pausePublication) this.#pauseClient();
    else this.#startClient();
  }

  /** Whether the client's socket has room for more. True without one: then the agent is told to pause instead. */
  get clientWritable(): boolean {
    return this.#client?.open !== true || this.#client.writable;
  }

  whenClientWritable(callback: () => void): void {
    if (this.#client === undefined) callback();
    else this.#client.whenWritable(callback);
  }

  /** The session is over: `channel_closed` is the last message. */
  end(output: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#agent = undefined;
    this.#waitingForAgent.takeAll();
    this.#waitingForClient.takeAll();
    this.faults.close();
    const envelope = { messageId: randomUUID(), createdDateMs: Date.now() };
    const payload = encodeChannelClosed({ sessionId: this.#options.sessionId, output }, envelope);
    this.#tellClient(MessageType.channelClosed, payload, envelope);
    this.#client?.resume();
    this.#client?.closeAfter(GRACE_MS, 1000, '');
  }

  /** The simulator goes away. */
  close(): void {
    this.faults.close();
    this.#client?.cut();
  }

  #tooLarge({ sequenceNumber, payload }: RelayedMessage): boolean {
    const { maxPayloadBytes, violation } = this.#options;
    if (maxPayloadBytes === 0 || payload.length <= maxPayloadBytes) return false;
    violation(
      'payload-too-large',
      `${sequenceNumber} has ${payload.length} bytes of at most ${maxPayloadBytes}`,
    );
    return true;
  }

  readonly #deliverToAgent = (message: RelayedMessage): void => {
    if (this.#ended) return;
    const agent = this.#agent;
    if (agent === undefined) {
      this.#waitingForAgent.add(message);
      return;
    }
    agent.receive(message);
    if (!agent.congested) return;
    if (agent.full) this.#client?.pause();
    if (this.#agentBehind) return;
    this.#agentBehind = true;
    this.#pauseClient();
    agent.whenReady(() => {
      if (this.#agent !== agent) return;
      this.#agentBehind = false;
      this.#startClient();
    });
  };

  readonly #deliverToClient = (message: RelayedMessage): void => {
    if (this.#ended) return;
    const client = this.#client;
    if (client === undefined || !client.open) {
      this.#waitingForClient.add(message);
      this.#pauseAgent();
      return;
    }
    if (client.silent) return;
    client.send(message.bytes);
    this.#inspector.toClient(message);
  };

  #pauseClient(): void {
    this.#tellClient(MessageType.pausePublication);
  }

  #fence(passed: () => void): void {
    if (this.#client?.open === true && !this.#client.silent) this.#client.fence(passed);
  }

  #startClient(): void {
    this.#client?.resume();
    this.#tellClient(MessageType.startPublication);
  }

  #tellClient(
    messageType: string,
    payload?: Uint8Array,
    envelope?: { messageId: string; createdDateMs: number },
  ): void {
    if (this.#client?.open !== true || this.#client.silent) return;
    const message = control(messageType, payload, envelope);
    this.#client.send(message.bytes);
    this.#inspector.toClient(message);
  }

  #pauseAgent(): void {
    if (this.#agentPaused || this.#agent === undefined) return;
    this.#agentPaused = true;
    this.#agent.receive(control(MessageType.pausePublication));
  }
}

/** A message of the service itself. */
function control(
  messageType: string,
  payload: Uint8Array = new Uint8Array(0),
  envelope: { messageId: string; createdDateMs: number } = {
    messageId: randomUUID(),
    createdDateMs: Date.now(),
  },
): RelayedMessage {
  const message = {
    ...envelope,
    messageType,
    schemaVersion: 1,
    sequenceNumber: 0,
    flags: 0,
    payloadType: PayloadType.none,
    payload,
  };
  return { ...message, bytes: encodeClientMessage(message) };
}
