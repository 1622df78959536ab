import type { ClientMessage } from '../message/client-message.ts';
import { DEFAULT_MAX_BUFFERED_BYTES, DEFAULT_MAX_BUFFERED_MESSAGES } from './constants.ts';

export interface ReliableReceiverOptions {
  /** Messages held while one before them is missing. Default 100,000, as the agent keeps. */
  maxBufferedMessages?: number;
  /** Their payload bytes. Default 128 MiB. */
  maxBufferedBytes?: number;
}

export interface Reception {
  /**
   * - `accepted`: it was the next one.
   * - `buffered`: it came early and is held.
   * - `duplicate`: it was received before. It is acknowledged again all the same: the peer repeats the oldest
   *   message until it sees an acknowledgement, and recovers nothing else meanwhile.
   * - `refused`: no room for it. It must not be acknowledged; the peer will send it again.
   */
  outcome: 'accepted' | 'buffered' | 'duplicate' | 'refused';
  /** Whether to send an acknowledgement for this message now. */
  acknowledge: boolean;
  /** Messages to process, in order, each exactly once. */
  ready: readonly ClientMessage[];
}

const NOTHING: readonly ClientMessage[] = [];

/** The receiving half of the reliability layer: puts messages in order and each one through once. */
export class ReliableReceiver {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #buffered = new Map<number, ClientMessage>();
  #bufferedBytes = 0;
  #expected = 0;
  #duplicates = 0;

  constructor(options: ReliableReceiverOptions = {}) {
    this.#maxMessages = options.maxBufferedMessages ?? DEFAULT_MAX_BUFFERED_MESSAGES;
    this.#maxBytes = options.maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES;
  }

  /** The sequence number that comes next. */
  get expectedSequenceNumber(): number {
    return this.#expected;
  }

  get bufferedMessages(): number {
    return this.#buffered.size;
  }

  get duplicates(): number {
    return this.#duplicates;
  }

  receive(message: ClientMessage): Reception {
    const { sequenceNumber } = message;
    if (sequenceNumber < this.#expected || this.#buffered.has(sequenceNumber)) {
      this.#duplicates++;
      return { outcome: 'duplicate', acknowledge: true, ready: NOTHING };
    }
    if (sequenceNumber > this.#expected) return this.#hold(message);
    this.#expected++;
    if (this.#buffered.size === 0) return { outcome: 'accepted', acknowledge: true, ready: [message] };
    const ready = [message];
    for (;;) {
      const next = this.#buffered.get(this.#expected);
      if (next === undefined) break;
      this.#buffered.delete(this.#expected);
      this.#bufferedBytes -= next.payload.length;
      this.#expected++;
      ready.push(next);
    }
    return { outcome: 'accepted', acknowledge: true, ready };
  }

  #hold(message: ClientMessage): Reception {
    const full =
      message.sequenceNumber > this.#expected + this.#maxMessages ||
      this.#buffered.size >= this.#maxMessages ||
      this.#bufferedBytes + message.payload.length > this.#maxBytes;
    if (full) return { outcome: 'refused', acknowledge: false, ready: NOTHING };
    // Copied, because a held view would keep the whole chunk alive that the socket delivered.
    this.#buffered.set(message.sequenceNumber, { ...message, payload: Uint8Array.from(message.payload) });
    this.#bufferedBytes += message.payload.length;
    return { outcome: 'buffered', acknowledge: true, ready: NOTHING };
  }
}
