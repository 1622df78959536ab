import { randomUUID } from 'node:crypto';
import {
  encodeAcknowledge,
  encodeClientMessage,
  MessageFlags,
  MessageType,
  PayloadType,
} from '@postern/ssm-protocol';
import type { RelayedMessage } from '../gateway/relayed-message.ts';
import { INBOX_BYTES, INBOX_LIMIT_BYTES, INCOMING_MESSAGES } from './constants.ts';
import { OutgoingMessages } from './outgoing-messages.ts';

/**
 * What the session made of a stream message: `true` to acknowledge it and go on, `false` when nobody can take it
 * yet ("handler not ready"): then it stays unacknowledged and the client has to send it again.
 */
export type Handling = boolean | Promise<boolean>;

export interface DataChannelOptions {
  /** Hands one message to the gateway. */
  send: (message: RelayedMessage) => void;
  /** A stream message whose turn has come. */
  handle: (message: RelayedMessage) => Handling;
  /** The service said that the session is over. */
  cancelled: () => void;
  /** Publication was paused or started, or there is room in a window again. */
  publicationChanged: () => void;
  /** A message was sent again. */
  resent: () => void;
  /** Agents before 3.2.1041.0 do not acknowledge duplicates. */
  reackDuplicates: boolean;
  frontOnlyResend: boolean;
}

/**
 * The agent's data channel: its own half of the reliability layer, as the official agent has it. Written against
 * the agent's rules, not shared with any client: it processes before it acknowledges, has one reader that a slow
 * destination blocks altogether, repeats only the oldest message, and has no window.
 */
export class DataChannel {
  readonly #options: DataChannelOptions;
  readonly #outgoing: OutgoingMessages;
  readonly #incoming = new Map<number, RelayedMessage>();
  #inbox: RelayedMessage[] = [];
  #inboxBytes = 0;
  #reading = false;
  #expected = 0;
  #closed = false;
  #onReady: (() => void) | undefined;

  constructor(options: DataChannelOptions) {
    this.#options = options;
    this.#outgoing = new OutgoingMessages({
      send: options.send,
      frontOnly: options.frontOnlyResend,
      resent: options.resent,
    });
  }

  get congested(): boolean {
    return this.#inboxBytes > INBOX_BYTES;
  }

  get full(): boolean {
    return this.#inboxBytes > INBOX_LIMIT_BYTES;
  }

  /** Whether session data may be sent now. */
  get canSend(): boolean {
    return !this.#outgoing.paused && !this.#outgoing.full;
  }

  whenReady(callback: () => void): void {
    this.#onReady = callback;
  }

  /** Sends a message that is neither numbered nor acknowledged. */
  sendControl(messageType: string, payload: Uint8Array): void {
    const message = {
      messageType,
      schemaVersion: 1,
      createdDateMs: Date.now(),
      sequenceNumber: 0,
      flags: MessageFlags.control,
      messageId: randomUUID(),
      payloadType: PayloadType.none,
      payload,
    };
    this.#options.send({ ...message, bytes: encodeClientMessage(message) });
  }

  sendStream(payloadType: number, payload: Uint8Array): void {
    if (!this.#closed) this.#outgoing.send(payloadType, payload);
  }

  /** Fulfils when everything sent was acknowledged, or after a while. */
  drained(): Promise<void> {
    return this.#outgoing.drained();
  }

  receive(message: RelayedMessage): void {
    if (this.#closed) return;
    if (this.#reading) {
      this.#inbox.push(message);
      this.#inboxBytes += message.bytes.length;
      return;
    }
    const handling = this.#receive(message);
    if (handling !== undefined) void this.#readAfter(handling);
  }

  close(): void {
    this.#closed = true;
    this.#outgoing.close();
    this.#inbox = [];
    this.#inboxBytes = 0;
    this.#incoming.clear();
    this.#ready();
  }

  /** The only reader. While one message is being worked on nothing else is read: no data, no acknowledgement. */
  async #readAfter(handling: Promise<void>): Promise<void> {
    this.#reading = true;
    await handling;
    while (this.#inbox.length > 0) {
      // In one go, because taking the first of a long list again and again is slow.
      const messages = this.#inbox;
      this.#inbox = [];
      for (const message of messages) {
        if (this.#closed) break;
        this.#inboxBytes -= message.bytes.length;
        if (!this.congested) this.#ready();
        const next = this.#receive(message);
        if (next !== undefined) await next;
      }
    }
    this.#reading = false;
  }

  #ready(): void {
    const callback = this.#onReady;
    this.#onReady = undefined;
    callback?.();
  }

  /** The official agent does not check the digest. */
  #receive(message: RelayedMessage): Promise<void> | undefined {
    switch (message.messageType) {
      case MessageType.inputStreamData:
        this.#setPaused(false);
        return this.#stream(message);
      case MessageType.acknowledge:
        this.#setPaused(false);
        this.#acknowledged(message.acknowledges);
        return undefined;
      case MessageType.startPublication:
        this.#setPaused(false);
        return undefined;
      case MessageType.pausePublication:
        this.#setPaused(true);
        return undefined;
      case MessageType.channelClosed:
        this.#options.cancelled();
        return undefined;
      default:
        return undefined;
    }
  }

  #setPaused(paused: boolean): void {
    if (this.#outgoing.paused === paused) return;
    this.#outgoing.paused = paused;
    this.#options.publicationChanged();
  }

  #acknowledged(sequenceNumber: number | undefined): void {
    if (sequenceNumber === undefined) return;
    const wasFull = this.#outgoing.full;
    this.#outgoing.acknowledge(sequenceNumber);
    if (wasFull && !this.#outgoing.full) this.#options.publicationChanged();
  }

  #stream(message: RelayedMessage): Promise<void> | undefined {
    const { sequenceNumber } = message;
    if (sequenceNumber < this.#expected) {
      if (this.#options.reackDuplicates) this.#acknowledge(message);
      return undefined;
    }
    if (sequenceNumber > this.#expected) {
      if (this.#incoming.size >= INCOMING_MESSAGES) return undefined;
      this.#acknowledge(message);
      // A copy, or else every one of them would hold the chunk of the socket that it came in.
      if (!this.#incoming.has(sequenceNumber))
        this.#incoming.set(sequenceNumber, {
          ...message,
          payload: Buffer.from(message.payload),
          bytes: EMPTY,
        });
      return undefined;
    }
    const handled = this.#options.handle(message);
    if (typeof handled === 'boolean') return this.#handled(message, handled);
    return handled.then((done) => this.#handled(message, done));
  }

  #handled(message: RelayedMessage, done: boolean): Promise<void> | undefined {
    if (!done || this.#closed) return undefined;
    this.#acknowledge(message);
    this.#expected++;
    if (this.#incoming.size === 0) return undefined;
    this.#incoming.delete(message.sequenceNumber);
    return this.#incoming.has(this.#expected) ? this.#processEarly() : undefined;
  }

  /** What came early and was acknowledged then. */
  async #processEarly(): Promise<void> {
    for (;;) {
      const next = this.#incoming.get(this.#expected);
      if (next === undefined || !(await this.#options.handle(next))) return;
      this.#incoming.delete(this.#expected);
      this.#expected++;
    }
  }

  #acknowledge(message: RelayedMessage): void {
    if (this.#closed) return;
    const fields = { messageId: randomUUID(), createdDateMs: Date.now() };
    const bytes = encodeAcknowledge(message, fields);
    this.#options.send({
      ...fields,
      messageType: MessageType.acknowledge,
      schemaVersion: 1,
      sequenceNumber: 0,
      flags: MessageFlags.control,
      payloadType: PayloadType.none,
      payload: EMPTY,
      bytes,
    });
  }
}

const EMPTY = Buffer.alloc(0);
