import { randomUUID } from 'node:crypto';
import {
  type ClientMessage,
  decodeClientMessage,
  encodeChannelClosed,
  encodeClientMessage,
  MessageType,
  PayloadType,
} from '@postern/ssm-protocol';
import type { ClientInspector } from './client-inspector.ts';
import type { ClientLeg } from './client-leg.ts';
import { MessageFaults } from './message-faults.ts';
import { WaitingMessages } from './waiting-messages.ts';

/** How long a client may keep its socket open after `channel_closed`. */
const GRACE_MS = 5_000;

/** The agent's end of the relay: its data channel. */
export interface AgentLeg {
  /** Takes one encoded message. */
  receive(bytes: Buffer): void;
  /** Bytes taken but not yet worked on are too many: the sender should wait for `whenReady`. */
  readonly congested: boolean;
  whenReady(callback: () => void): void;
}

/** The two ends of a session. */
export type Side = 'client' | 'agent';

/** What the relay tells the service. */
export interface RelayEvents {
  clientChanged(connected: boolean): void;
}

/**
 * The service's part in one session: passes messages between the client's socket and the agent, says
 * `pause_publication` to a side whose peer is away and `start_publication` when it is back, and keeps what arrives
 * meanwhile within bounds. Sequence numbers and acknowledgements are end to end and no business of the relay.
 */
export class SessionRelay {
  readonly faults: MessageFaults = new MessageFaults();
  readonly #sessionId: string;
  readonly #inspector: ClientInspector;
  readonly #events: RelayEvents;
  readonly #waitingForClient = new WaitingMessages();
  readonly #waitingForAgent = new WaitingMessages();
  #client: ClientLeg | undefined;
  #agent: AgentLeg | undefined;
  #agentPaused = false;
  #ended = false;

  constructor(sessionId: string, inspector: ClientInspector, events: RelayEvents) {
    this.#sessionId = sessionId;
    this.#inspector = inspector;
    this.#events = events;
  }

  get client(): ClientLeg | undefined {
    return this.#client;
  }

  attachClient(leg: ClientLeg): void {
    // The newest connection wins: a client that reopens knows better than we do that the old one is dead.
    this.#client?.close(1000, 'Replaced by a newer connection');
    this.#client = leg;
    this.#inspector.connected();
    this.#events.clientChanged(true);
    if (this.#agent !== undefined) this.#toClient(this.#control(MessageType.startPublication));
    for (const bytes of this.#waitingForClient.takeAll()) this.#deliverToClient(bytes);
    if (this.#agentPaused) {
      this.#agentPaused = false;
      this.#agent?.receive(encodeClientMessage(this.#control(MessageType.startPublication)));
    }
  }

  detachClient(leg: ClientLeg): void {
    if (this.#client === leg) {
      this.#client = undefined;
      this.#pauseAgent();
      this.#events.clientChanged(false);
    }
    leg.gone();
  }

  attachAgent(agent: AgentLeg): void {
    this.#agent = agent;
    if (this.#client !== undefined) this.#toClient(this.#control(MessageType.startPublication));
    for (const bytes of this.#waitingForAgent.takeAll()) agent.receive(bytes);
  }

  /** The agent's connection is lost and nobody knows why. */
  detachAgent(): void {
    this.#agent = undefined;
    this.#agentPaused = false;
    if (!this.#ended) this.#toClient(this.#control(MessageType.pausePublication));
  }

  fromClient(leg: ClientLeg, bytes: Buffer): void {
    if (leg.silent || this.#client !== leg) return;
    const message = this.#inspector.fromClient(bytes);
    if (message === undefined) return;
    this.faults.pass('to-agent', message, () => this.#deliverToAgent(leg, bytes));
  }

  fromAgent(bytes: Buffer): void {
    // Sent into a broken connection.
    if (this.#agent === undefined) return;
    const message = decodeClientMessage(bytes, { verifyDigest: false });
    if (message.messageType === MessageType.agentSessionState) return;
    this.faults.pass('to-client', message, () => this.#deliverToClient(bytes, message));
  }

  /** A publication message to one side, for whatever reason the service has. */
  say(messageType: string, side: Side): void {
    const message = this.#control(messageType);
    if (side === 'client') this.#toClient(message);
    else this.#agent?.receive(encodeClientMessage(message));
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
    const envelope = { messageId: randomUUID(), createdDateMs: Date.now() };
    this.#toClient({
      ...this.#control(MessageType.channelClosed),
      ...envelope,
      payload: encodeChannelClosed({ sessionId: this.#sessionId, output }, envelope),
    });
    this.#client?.closeAfter(GRACE_MS);
  }

  /** The simulator goes away. */
  close(): void {
    this.faults.close();
    this.#client?.cut();
  }

  #deliverToAgent(leg: ClientLeg, bytes: Buffer): void {
    if (this.#ended) return;
    if (this.#agent === undefined) {
      this.#waitingForAgent.add(bytes);
      return;
    }
    this.#agent.receive(bytes);
    if (this.#agent.congested) {
      leg.pause();
      this.#agent.whenReady(() => leg.resume());
    }
  }

  #deliverToClient(bytes: Buffer, decoded?: ClientMessage): void {
    if (this.#ended) return;
    const client = this.#client;
    if (client === undefined || !client.open) {
      this.#waitingForClient.add(bytes);
      this.#pauseAgent();
      return;
    }
    if (client.silent) return;
    this.#inspector.toClient(decoded ?? decodeClientMessage(bytes, { verifyDigest: false }));
    client.send(bytes);
  }

  #toClient(message: ClientMessage): void {
    if (this.#client?.open === true && !this.#client.silent) this.#client.send(encodeClientMessage(message));
  }

  #pauseAgent(): void {
    if (this.#agentPaused || this.#agent === undefined) return;
    this.#agentPaused = true;
    this.#agent.receive(encodeClientMessage(this.#control(MessageType.pausePublication)));
  }

  #control(messageType: string): ClientMessage {
    return {
      messageType,
      schemaVersion: 1,
      createdDateMs: Date.now(),
      sequenceNumber: 0,
      flags: 0,
      messageId: randomUUID(),
      payloadType: PayloadType.none,
      payload: new Uint8Array(0),
    };
  }
}
