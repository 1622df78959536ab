import { encodeClientMessageOf } from '../message/client-message.ts';
import { MessageFlags } from '../message/constants.ts';
import {
  DEFAULT_MAX_UNACKED_BYTES,
  DEFAULT_MAX_UNACKED_MESSAGES,
  MAX_BACKOFF_MS,
  MAX_SEQUENCE_SPAN,
  MIN_RETRANSMISSION_MS,
  PAUSE_PROBE_MS,
} from './constants.ts';
import { RttEstimator } from './rtt-estimator.ts';

export interface ReliableSenderOptions {
  /** `input_stream_data` for a client, `output_stream_data` for an agent. */
  messageType: string;
  /** Makes a fresh UUID for each message. */
  newMessageId: () => string;
  /** Flags of message 0. Default 0; an agent's is 1. */
  firstMessageFlags?: number;
  /** Payload bytes that may be unacknowledged. Default 256 KiB. */
  maxUnackedBytes?: number;
  /** Messages that may be unacknowledged. Default 256. */
  maxUnackedMessages?: number;
}

export interface SenderStatistics {
  messages: number;
  payloadBytes: number;
  retransmissions: number;
  unackedMessages: number;
  unackedBytes: number;
  smoothedRttMs: number;
}

interface Unacked {
  readonly bytes: Buffer;
  readonly payloadBytes: number;
  readonly firstSentAt: number;
  sentAt: number;
  /** Transmissions after the first. */
  repeats: number;
  dueAt: number;
}

/**
 * The sending half of the reliability layer: numbers messages, keeps them until each is acknowledged, and
 * says what to send again and when. It owns no timer; `now` is Unix time in milliseconds from a clock that
 * never runs backwards.
 *
 * Everything here survives the loss of the WebSocket: a reopened channel goes on with `resendAll`.
 */
export class ReliableSender {
  readonly #options: Required<ReliableSenderOptions>;
  readonly #rtt = new RttEstimator();
  /** In sequence order, because that is the order of insertion. */
  readonly #unacked = new Map<number, Unacked>();
  #next = 0;
  #unackedBytes = 0;
  #paused = false;
  /** The pause is long and nothing is unacknowledged: one new message may go out to see whether it is over. */
  #probing = false;
  /** Not later than the earliest `dueAt`. May be earlier: an acknowledgement does not look for the next one. */
  #deadline: number | undefined;
  #payloadBytes = 0;
  #retransmissions = 0;

  constructor(options: ReliableSenderOptions) {
    this.#options = {
      firstMessageFlags: MessageFlags.none,
      maxUnackedBytes: DEFAULT_MAX_UNACKED_BYTES,
      maxUnackedMessages: DEFAULT_MAX_UNACKED_MESSAGES,
      ...options,
    };
  }

  get nextSequenceNumber(): number {
    return this.#next;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get unackedMessages(): number {
    return this.#unacked.size;
  }

  /** When the oldest unacknowledged message was first sent. */
  get oldestUnackedSince(): number | undefined {
    for (const entry of this.#unacked.values()) return entry.firstSentAt;
    return undefined;
  }

  get statistics(): SenderStatistics {
    return {
      messages: this.#next,
      payloadBytes: this.#payloadBytes,
      retransmissions: this.#retransmissions,
      unackedMessages: this.#unacked.size,
      unackedBytes: this.#unackedBytes,
      smoothedRttMs: this.#rtt.smoothedMs,
    };
  }

  /** Whether the window has room for another message of that size. Data must wait while it has not. */
  canSend(payloadBytes: number): boolean {
    if (this.#paused) return this.#probing;
    if (this.#unacked.size === 0) return true;
    return (
      this.#unacked.size < this.#options.maxUnackedMessages &&
      this.#unackedBytes + payloadBytes <= this.#options.maxUnackedBytes &&
      this.#next - this.#oldest() < MAX_SEQUENCE_SPAN
    );
  }

  /**
   * Gives the payload the next sequence number and returns the bytes to send now. Does not ask `canSend`:
   * the few control messages (handshake, flags) may go out past the window. The payload's parts are copied.
   */
  send(payloadType: number, payloadParts: readonly Uint8Array[], now: number): Buffer {
    const sequenceNumber = this.#next;
    const bytes = encodeClientMessageOf(
      {
        messageType: this.#options.messageType,
        schemaVersion: 1,
        createdDateMs: Math.floor(now),
        sequenceNumber,
        flags: sequenceNumber === 0 ? this.#options.firstMessageFlags : MessageFlags.none,
        messageId: this.#options.newMessageId(),
        payloadType,
      },
      payloadParts,
    );
    let payloadBytes = 0;
    for (const part of payloadParts) payloadBytes += part.length;
    const dueAt = now + this.#timeoutMs();
    this.#unacked.set(sequenceNumber, {
      bytes,
      payloadBytes,
      firstSentAt: now,
      sentAt: now,
      repeats: 0,
      dueAt,
    });
    this.#next++;
    this.#probing = false;
    this.#payloadBytes += payloadBytes;
    this.#unackedBytes += payloadBytes;
    this.#deadline = Math.min(this.#deadline ?? dueAt, dueAt);
    return bytes;
  }

  /**
   * Takes one acknowledgement; only the sequence number counts. It also ends a pause, as with the official
   * agent. False when no such message is waiting, which is normal after a retransmission.
   */
  acknowledge(sequenceNumber: number, now: number): boolean {
    const entry = this.#unacked.get(sequenceNumber);
    if (entry === undefined) return false;
    this.#unacked.delete(sequenceNumber);
    this.#unackedBytes -= entry.payloadBytes;
    if (entry.repeats === 0) this.#rtt.sample(Math.max(0, now - entry.sentAt));
    if (this.#unacked.size === 0) this.#deadline = undefined;
    if (this.#paused) this.resume(now);
    return true;
  }

  /** `pause_publication`: hold new data and retransmissions, keep everything. */
  pause(now: number): void {
    this.#paused = true;
    this.#probing = false;
    this.#deadline = now + PAUSE_PROBE_MS;
  }

  /** `start_publication`. */
  resume(now: number): void {
    this.#paused = false;
    this.#probing = false;
    this.#deadline = this.#unacked.size > 0 ? now : undefined;
  }

  /** When `due` should be called. It may then find nothing to do. */
  nextDeadline(): number | undefined {
    return this.#deadline;
  }

  /**
   * Messages whose time is up, to be sent again as they are. While paused: the oldest, now and then; when there is
   * none, `canSend` allows one new message instead, since the end of the pause may have been lost.
   */
  due(now: number): Buffer[] {
    if (this.#paused) return this.#probe(now);
    const bytes: Buffer[] = [];
    let deadline: number | undefined;
    for (const entry of this.#unacked.values()) {
      if (entry.dueAt <= now) bytes.push(this.#repeat(entry, now));
      deadline = Math.min(deadline ?? entry.dueAt, entry.dueAt);
    }
    this.#deadline = deadline;
    return bytes;
  }

  /** Every unacknowledged message in order: what to send at once on a channel that was reopened. */
  resendAll(now: number): Buffer[] {
    this.#paused = false;
    this.#probing = false;
    const bytes: Buffer[] = [];
    for (const entry of this.#unacked.values()) {
      entry.repeats = 0;
      bytes.push(this.#repeat(entry, now));
    }
    this.#deadline = bytes.length === 0 ? undefined : now + this.#timeoutMs();
    return bytes;
  }

  #probe(now: number): Buffer[] {
    if ((this.#deadline ?? now) > now) return [];
    for (const entry of this.#unacked.values()) {
      this.#deadline = now + PAUSE_PROBE_MS;
      return [this.#repeat(entry, now)];
    }
    this.#probing = true;
    this.#deadline = undefined;
    return [];
  }

  #repeat(entry: Unacked, now: number): Buffer {
    entry.repeats++;
    entry.sentAt = now;
    entry.dueAt = now + Math.min(MAX_BACKOFF_MS, this.#timeoutMs() * 2 ** Math.min(entry.repeats, 10));
    this.#retransmissions++;
    return entry.bytes;
  }

  #timeoutMs(): number {
    return Math.max(MIN_RETRANSMISSION_MS, this.#rtt.timeoutMs);
  }

  #oldest(): number {
    for (const sequenceNumber of this.#unacked.keys()) return sequenceNumber;
    return this.#next;
  }
}
