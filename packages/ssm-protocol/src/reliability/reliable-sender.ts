import { MESSAGE_HEADER_BYTES, MessageFlags } from '../message/constants.ts';
import { StreamEnvelope } from '../message/stream-envelope.ts';
import {
  BASE_AGE_MS,
  CLOCK_GRANULARITY_MS,
  DEFAULT_MAX_UNACKED_BYTES,
  DEFAULT_MAX_UNACKED_MESSAGES,
  MAX_BACKOFF_MS,
  MAX_OLDEST_BACKOFF_MS,
  MAX_SEQUENCE_SPAN,
  MIN_RETRANSMISSION_MS,
  MIN_WINDOW_BYTES,
  MIN_WINDOW_MESSAGES,
  PAUSE_PROBE_MS,
} from './constants.ts';
import { RttEstimator } from './rtt-estimator.ts';
import { type Flight, UploadWindow } from './upload-window.ts';

export interface ReliableSenderOptions {
  /** `input_stream_data` for a client, `output_stream_data` for an agent. */
  messageType: string;
  /** Makes a fresh UUID for each message. */
  newMessageId: () => string;
  /** Flags of message 0. Default 0; an agent's is 1. */
  firstMessageFlags?: number;
  /** Payload bytes that may ever be unacknowledged; the window adapts below. Default 4 MiB. */
  maxUnackedBytes?: number;
  /** Messages that may ever be unacknowledged; the window adapts below. Default 4,096. */
  maxUnackedMessages?: number;
}

export interface SenderStatistics {
  messages: number;
  payloadBytes: number;
  retransmissions: number;
  unackedMessages: number;
  unackedBytes: number;
  /** What may be unacknowledged now, as the path allows (see `UploadWindow`). */
  windowBytes: number;
  windowMessages: number;
  smoothedRttMs: number;
}

interface Unacked extends Flight {
  readonly bytes: Buffer;
  readonly payloadBytes: number;
  readonly firstSentAt: number;
  sentAt: number;
  /** Transmissions after the first. */
  repeats: number;
  /** When it is repeated if nothing is acknowledged at all. */
  dueAt: number;
  /** When it is repeated if a later message was acknowledged: not later than `dueAt`. */
  lossDueAt: number;
}

/**
 * The sending half of the reliability layer: numbers messages, keeps them until each is acknowledged, and
 * says what to send again and when. It owns no timer; `now` is Unix time in milliseconds from a clock that
 * never runs backwards, with fractions where the platform has them: round trips may be far below 1 ms.
 *
 * A message whose time is up is sent again when one that was sent after it was acknowledged, or when nothing at all
 * was acknowledged for as long: a path that is merely slow is not flooded with repetitions. Only the oldest messages
 * that fit into the window are repeated, so a peer that stalls is asked less and less.
 *
 * Everything here survives the loss of the WebSocket: a reopened channel goes on with `resendAll`.
 */
export class ReliableSender {
  readonly #options: Required<ReliableSenderOptions>;
  readonly #envelope: StreamEnvelope;
  readonly #window: UploadWindow;
  readonly #rtt = new RttEstimator();
  /** In sequence order, because that is the order of insertion. */
  readonly #unacked = new Map<number, Unacked>();
  #next = 0;
  /** The oldest unacknowledged number, or the next one. */
  #oldest = 0;
  #highestAcknowledged = -1;
  #unackedBytes = 0;
  #paused = false;
  /** The pause is long and nothing is unacknowledged: one new message may go out to see whether it is over. */
  #probing = false;
  /** Not later than the earliest `dueAt`. May be earlier: an acknowledgement does not look for the next one. */
  #deadline: number | undefined;
  #lastProgressAt: number | undefined;
  /** During a silence only a few were repeated; the first answer brings the rest. */
  #withheld = false;
  /** When the latest of the messages was sent that were delivered. What was sent before and is due was lost. */
  #deliveredSentAt = Number.NEGATIVE_INFINITY;
  #payloadBytes = 0;
  #retransmissions = 0;

  constructor(options: ReliableSenderOptions) {
    this.#options = {
      firstMessageFlags: MessageFlags.none,
      maxUnackedBytes: DEFAULT_MAX_UNACKED_BYTES,
      maxUnackedMessages: DEFAULT_MAX_UNACKED_MESSAGES,
      ...options,
    };
    this.#envelope = new StreamEnvelope(this.#options.messageType);
    this.#window = new UploadWindow({
      maxBytes: this.#options.maxUnackedBytes,
      maxMessages: this.#options.maxUnackedMessages,
    });
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
    return this.#unacked.get(this.#oldest)?.firstSentAt;
  }

  /** Time of the last acknowledgement that removed a message, or of the last `resendAll`. */
  get lastProgressAt(): number | undefined {
    return this.#lastProgressAt;
  }

  get statistics(): SenderStatistics {
    return {
      messages: this.#next,
      payloadBytes: this.#payloadBytes,
      retransmissions: this.#retransmissions,
      unackedMessages: this.#unacked.size,
      unackedBytes: this.#unackedBytes,
      windowBytes: this.#window.bytes,
      windowMessages: this.#window.messages,
      smoothedRttMs: this.#rtt.smoothedMs,
    };
  }

  /** Whether the window has room for another message of that size. Data must wait while it has not. */
  canSend(payloadBytes: number): boolean {
    if (this.#paused) return this.#probing;
    if (this.#unacked.size === 0) return true;
    return (
      this.#unacked.size < this.#window.messages &&
      this.#unackedBytes + payloadBytes <= this.#window.bytes &&
      this.#next - this.#oldest < MAX_SEQUENCE_SPAN
    );
  }

  /**
   * Gives the payload the next sequence number and returns the bytes to send now. Does not ask `canSend`:
   * the few control messages (handshake, flags) may go out past the window. The payload's parts are copied.
   */
  send(payloadType: number, payloadParts: readonly Uint8Array[], now: number): Buffer {
    const sequenceNumber = this.#next;
    const bytes = this.#envelope.encode(
      {
        createdDateMs: Math.floor(now),
        sequenceNumber,
        flags: sequenceNumber === 0 ? this.#options.firstMessageFlags : MessageFlags.none,
        messageId: this.#options.newMessageId(),
        payloadType,
      },
      payloadParts,
    );
    const payloadBytes = bytes.length - MESSAGE_HEADER_BYTES;
    if (this.#unacked.size === 0 && now - (this.#lastProgressAt ?? now) > BASE_AGE_MS) {
      this.#window.rested(sequenceNumber);
    }
    this.#next++;
    this.#probing = false;
    this.#payloadBytes += payloadBytes;
    this.#unackedBytes += payloadBytes;
    const dueAt = now + this.#timeoutMs();
    this.#unacked.set(sequenceNumber, {
      sequenceNumber,
      flightBytes: this.#unackedBytes,
      flightMessages: this.#unacked.size + 1,
      bytes,
      payloadBytes,
      firstSentAt: now,
      sentAt: now,
      repeats: 0,
      dueAt,
      lossDueAt: dueAt,
    });
    if (this.#deadline === undefined || dueAt < this.#deadline) this.#deadline = dueAt;
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
    this.#lastProgressAt = now;
    const elapsed = Math.max(0, now - entry.sentAt);
    if (entry.repeats === 0) {
      this.#rtt.sample(elapsed);
      this.#window.acknowledged(entry, elapsed, this.#next, now);
    } else {
      this.#window.recovered(entry.payloadBytes);
    }
    if (entry.sentAt > this.#deliveredSentAt && this.#isAnswered(entry, elapsed)) {
      this.#deliveredSentAt = entry.sentAt;
    }
    if (sequenceNumber === this.#oldest) this.#findOldest();
    if (sequenceNumber > this.#highestAcknowledged) this.#highestAcknowledged = sequenceNumber;
    if (this.#highestAcknowledged > this.#oldest || this.#withheld) this.#hasten(now);
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

  /** When `due` should be called. It may then find nothing to do. Ask again after `send`, `acknowledge` and `due`. */
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
    const timeout = this.#timeoutMs();
    const silentAt = (this.#lastProgressAt ?? Number.NEGATIVE_INFINITY) + timeout;
    const silent = silentAt <= now;
    let roomBytes = silent ? MIN_WINDOW_BYTES : this.#window.bytes;
    let roomMessages = silent ? MIN_WINDOW_MESSAGES : this.#window.messages;
    let latest = Number.NEGATIVE_INFINITY;
    let deadline: number | undefined;
    for (const entry of this.#unacked.values()) {
      let dueAt = this.#isLost(entry) ? entry.lossDueAt : Math.max(entry.dueAt, silentAt);
      const fits = roomMessages > 0 && roomBytes > 0;
      roomBytes -= entry.payloadBytes;
      roomMessages--;
      if (dueAt <= now && !fits) {
        // Not by the round trip alone: after the machine slept it may be hours.
        const wait = Math.max(CLOCK_GRANULARITY_MS, this.#rtt.smoothedMs);
        dueAt = now + (silent ? timeout : Math.min(timeout, wait));
        entry.dueAt = dueAt;
        if (silent) this.#withheld = true;
        else entry.lossDueAt = dueAt;
      } else if (dueAt <= now) {
        latest = Math.max(latest, entry.sentAt);
        bytes.push(this.#repeat(entry, now));
        dueAt = entry.dueAt;
      }
      if (deadline === undefined || dueAt < deadline) deadline = dueAt;
    }
    this.#deadline = deadline;
    if (bytes.length > 0) this.#window.timedOut(bytes.length, latest, this.#next, now);
    if (bytes.length > 0 && silent) this.#rtt.backOff();
    return bytes;
  }

  /**
   * Every unacknowledged message in order: what to send at once on a channel that was reopened. Never more than the
   * window allowed before. The window starts anew, since the path may be another one.
   */
  resendAll(now: number): Buffer[] {
    this.#paused = false;
    this.#probing = false;
    this.#withheld = false;
    this.#window.restart(this.#next);
    this.#lastProgressAt = now;
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
    const entry = this.#unacked.get(this.#oldest);
    if (entry !== undefined) {
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
    const timeout = Math.max(MIN_RETRANSMISSION_MS, this.#rtt.timeoutMs);
    const longest = entry.sequenceNumber === this.#oldest ? MAX_OLDEST_BACKOFF_MS : MAX_BACKOFF_MS;
    entry.dueAt = now + Math.min(longest, timeout * 2 ** Math.min(entry.repeats, 10));
    entry.lossDueAt = now + timeout;
    this.#retransmissions++;
    return entry.bytes;
  }

  /** An answer to a message sent twice may be to the first copy: then it comes too soon for the second. */
  #isAnswered(entry: Unacked, elapsedMs: number): boolean {
    if (entry.repeats === 0) return true;
    const { baseMs } = this.#window;
    return elapsedMs >= (baseMs === Number.POSITIVE_INFINITY ? entry.sentAt - entry.firstSentAt : baseMs);
  }

  /** It was sent before another one that arrived. */
  #isLost(entry: Unacked): boolean {
    return entry.sentAt < this.#deliveredSentAt;
  }

  /** A message sent after the oldest was acknowledged before it: perhaps the oldest was lost. */
  #hasten(now: number): void {
    if (this.#withheld) this.#deadline = now;
    this.#withheld = false;
    const entry = this.#unacked.get(this.#oldest);
    if (entry === undefined || !this.#isLost(entry)) return;
    if (this.#deadline === undefined || entry.lossDueAt < this.#deadline) this.#deadline = entry.lossDueAt;
  }

  #timeoutMs(): number {
    return Math.max(MIN_RETRANSMISSION_MS, this.#rtt.patientTimeoutMs);
  }

  #findOldest(): void {
    while (this.#oldest < this.#next && !this.#unacked.has(this.#oldest)) this.#oldest++;
  }
}
