import { randomUUID } from 'node:crypto';
import {
  type ClientMessage,
  decodeAcknowledge,
  decodeClientMessage,
  encodeAcknowledge,
  encodeClientMessage,
  isProtocolError,
  MessageFlags,
  MessageType,
  PayloadType,
} from '@postern/ssm-protocol';
import { INBOX_BYTES, INCOMING_MESSAGES } from './constants.ts';
import { OutgoingMessages } from './outgoing-messages.ts';

/**
 * What the session made of a stream message: `true` to acknowledge it and go on, `false` when nobody can take it
 * yet ("handler not ready"): then it stays unacknowledged and the client has to send it again.
 */
export type Handling = boolean | Promise<boolean>;

export interface DataChannelOptions {
  /** Hands one encoded message to the gateway. */
  send: (bytes: Buffer) => void;
  /** A stream message whose turn has come. */
  handle: (message: ClientMessage) => Handling;
  /** The service said that the session is over. */
  cancelled: () => void;
  /** Publication was paused or started. */
  publicationChanged: () => void;
  /** Agents before 3.2.1041.0 do not acknowledge duplicates. */
  reackDuplicates: boolean;
}

/**
 * The agent's data channel: its own half of the reliability layer, as the official agent has it. Written against
 * the agent's rules, not shared with any client: it processes before it acknowledges, has one reader that a slow
 * destination blocks altogether, repeats only the oldest message, and has no window.
 */
export class DataChannel {
  readonly #options: DataChannelOptions;
  readonly #outgoing: OutgoingMessages;
  readonly #incoming = new Map<number, ClientMessage>();
  #inbox: Buffer[] = [];
  #inboxBytes = 0;
  #reading = false;
  #expected = 0;
  #closed = false;
  #onReady: (() => void) | undefined;

  constructor(options: DataChannelOptions) {
    this.#options = options;
    this.#outgoing = new OutgoingMessages(options.send);
  }

  get congested(): boolean {
    return this.#inboxBytes > INBOX_BYTES;
  }

  get paused(): boolean {
    return this.#outgoing.paused;
  }

  whenReady(callback: () => void): void {
    this.#onReady = callback;
  }

  /** Sends a message that is neither numbered nor acknowledged. */
  sendControl(messageType: string, payload: Uint8Array): void {
    this.#options.send(
      encodeClientMessage({
        messageType,
        schemaVersion: 1,
        createdDateMs: Date.now(),
        sequenceNumber: 0,
        flags: MessageFlags.control,
        messageId: randomUUID(),
        payloadType: PayloadType.none,
        payload,
      }),
    );
  }

  sendStream(payloadType: number, payload: Uint8Array): void {
    if (!this.#closed) this.#outgoing.send(payloadType, payload);
  }

  /** Fulfils when everything sent was acknowledged, or after a while. */
  drained(): Promise<void> {
    return this.#outgoing.drained();
  }

  receive(bytes: Buffer): void {
    if (this.#closed) return;
    this.#inbox.push(bytes);
    this.#inboxBytes += bytes.length;
    if (!this.#reading) void this.#read();
  }

  close(): void {
    this.#closed = true;
    this.#outgoing.close();
    this.#inbox = [];
    this.#inboxBytes = 0;
    this.#ready();
  }

  /** The only reader. While one message is being worked on nothing else is read: no data, no acknowledgement. */
  async #read(): Promise<void> {
    this.#reading = true;
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      const handling = this.#receive(next);
      if (handling !== undefined) await handling;
    }
    this.#reading = false;
  }

  #take(): Buffer | undefined {
    const bytes = this.#inbox.shift();
    if (bytes === undefined) return undefined;
    this.#inboxBytes -= bytes.length;
    if (!this.congested) this.#ready();
    return bytes;
  }

  #ready(): void {
    const callback = this.#onReady;
    this.#onReady = undefined;
    callback?.();
  }

  #receive(bytes: Buffer): Promise<void> | undefined {
    let message: ClientMessage;
    try {
      // The official agent does not check the digest.
      message = decodeClientMessage(bytes, { verifyDigest: false });
    } catch (error) {
      if (isProtocolError(error)) return undefined;
      throw error;
    }
    switch (message.messageType) {
      case MessageType.inputStreamData:
        this.#setPaused(false);
        return this.#stream(message);
      case MessageType.acknowledge:
        this.#setPaused(false);
        this.#acknowledged(message);
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

  #acknowledged(message: ClientMessage): void {
    try {
      this.#outgoing.acknowledge(decodeAcknowledge(message).sequenceNumber);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
    }
  }

  #stream(message: ClientMessage): Promise<void> | undefined {
    const { sequenceNumber } = message;
    if (sequenceNumber < this.#expected) {
      if (this.#options.reackDuplicates) this.#acknowledge(message);
      return undefined;
    }
    if (sequenceNumber > this.#expected) {
      if (this.#incoming.size >= INCOMING_MESSAGES) return undefined;
      this.#acknowledge(message);
      this.#incoming.set(sequenceNumber, message);
      return undefined;
    }
    const handled = this.#options.handle(message);
    if (typeof handled === 'boolean') return this.#handled(message, handled);
    return handled.then((done) => this.#handled(message, done));
  }

  #handled(message: ClientMessage, done: boolean): Promise<void> | undefined {
    if (!done || this.#closed) return undefined;
    this.#acknowledge(message);
    this.#expected++;
    this.#incoming.delete(message.sequenceNumber);
    return this.#incoming.size === 0 ? undefined : this.#processEarly();
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

  #acknowledge(message: ClientMessage): void {
    if (this.#closed) return;
    this.#options.send(encodeAcknowledge(message, { messageId: randomUUID(), createdDateMs: Date.now() }));
  }
}
