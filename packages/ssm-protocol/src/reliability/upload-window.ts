import {
  BASE_AGE_MS,
  BASE_TOLERANCE_MS,
  INITIAL_WINDOW_BYTES,
  INITIAL_WINDOW_MESSAGES,
  MAX_START_QUEUE_MS,
  MIN_ROUND_TRIP_MS,
  MIN_WINDOW_BYTES,
  MIN_WINDOW_MESSAGES,
  SEVERE_GROWTH,
  SEVERE_SAMPLES,
  TARGET_QUEUE_MS,
} from './constants.ts';

export interface UploadWindowLimits {
  readonly maxBytes: number;
  readonly maxMessages: number;
}

/** What was unacknowledged right after a message was sent for the first time, itself included. */
export interface Flight {
  readonly sequenceNumber: number;
  readonly flightBytes: number;
  readonly flightMessages: number;
}

/** One unit of the window is one message, or this many bytes, whichever of both is reached first. */
const UNIT_BYTES = INITIAL_WINDOW_BYTES / INITIAL_WINDOW_MESSAGES;
const MIN_SIZE = MIN_WINDOW_BYTES / UNIT_BYTES;

/**
 * How much may be unacknowledged, found from round trips alone: the protocol has no window of its own, and an
 * acknowledgement is the only signal (protocol section "Sizes, pacing, throughput").
 *
 * A message that was sent with `f` in flight and acknowledged after `r` ms shows that the path delivers `f / r`.
 * The window that fills such a path and keeps `TARGET_QUEUE_MS` of data waiting in it is
 * `f / r × (base + TARGET_QUEUE_MS)`, where `base` is the least round trip seen lately. So each answer names the
 * window it asks for. Growth follows every answer, up to twice the flight. To shrink, the best answer of a whole
 * round has to ask for less: a late event loop or a few delayed messages change nothing, and a window that shrank by
 * mistake is back after a few round trips.
 *
 * While data flows the queue never empties, so `base` cannot be seen: when it was not confirmed for `BASE_AGE_MS`,
 * or when shrinking did not shorten the round trip, the window is reduced for one round to half of what the path
 * holds, and what is then measured is the new `base`.
 *
 * Loss says little here, because the transport below is TCP: the window shrinks by about the share that was lost.
 * With nothing acknowledged at all it halves for each timeout.
 *
 * Pure: no timer, no clock. The sender feeds it only round trips of messages that were sent once (Karn's rule).
 */
export class UploadWindow {
  readonly #limits: UploadWindowLimits;
  /** In units; with fractions, since small steps have to add up. */
  #size = INITIAL_WINDOW_MESSAGES;
  #base = Number.POSITIVE_INFINITY;
  #baseConfirmedAt = 0;
  /** No queue was seen yet on this path. */
  #starting = true;
  /** Messages below were sent before the last change and say nothing about it. */
  #roundStart = 0;
  /** The round is over when this message or a later one is acknowledged; 0 before its first sample. */
  #roundEnd = 0;
  #leastMs = Number.POSITIVE_INFINITY;
  /** Most units delivered per millisecond. */
  #bestRate = 0;
  #full = false;
  #substantial = false;
  /** When a round last used at least half of the window. */
  #fullAt = 0;
  /** The size to return to when the base was measured. */
  #beforeProbe: number | undefined;
  /** The size when acknowledgements stopped. */
  #beforeStall: number | undefined;
  /** The round trip that the last shrinking has to undercut. */
  #expectedMs = Number.POSITIVE_INFINITY;
  /** Samples in a row above `severeAboveMs`, and the best rate among them. */
  #severe = 0;
  #severeBest = 0;
  #severeAboveMs = 0;
  #delivered = 0;
  #lost = 0;
  #cutAt = Number.NEGATIVE_INFINITY;

  constructor(limits: UploadWindowLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return Math.min(this.#limits.maxBytes, Math.round(this.#size * UNIT_BYTES));
  }

  get messages(): number {
    return Math.min(this.#limits.maxMessages, Math.max(MIN_WINDOW_MESSAGES, Math.round(this.#size)));
  }

  /** The least round trip seen lately; infinite before the first. */
  get baseMs(): number {
    return this.#base;
  }

  /** Begins anew, for a path of which nothing is known. Messages from `nextSequenceNumber` on will tell. */
  restart(nextSequenceNumber: number): void {
    this.#size = INITIAL_WINDOW_MESSAGES;
    this.#base = Number.POSITIVE_INFINITY;
    this.#starting = true;
    this.#beforeProbe = undefined;
    this.#beforeStall = undefined;
    this.#severeAboveMs = 0;
    this.#expectedMs = Number.POSITIVE_INFINITY;
    this.#delivered = 0;
    this.#lost = 0;
    this.#startRound(nextSequenceNumber);
  }

  /** Nothing was under way for long: the old size may be far too much for what the path is now. */
  rested(nextSequenceNumber: number): void {
    this.#size = Math.min(this.#size, INITIAL_WINDOW_MESSAGES);
    this.#beforeProbe = undefined;
    this.#starting = true;
    this.#startRound(nextSequenceNumber);
  }

  /** A message that was sent once came back after `roundTripMs`. */
  acknowledged(flight: Flight, roundTripMs: number, nextSequenceNumber: number, now: number): void {
    const sample = roundTripMs > MIN_ROUND_TRIP_MS ? roundTripMs : MIN_ROUND_TRIP_MS;
    const units = Math.max(flight.flightMessages, flight.flightBytes / UNIT_BYTES);
    this.#delivered++;
    this.#beforeStall = undefined;
    if (sample <= this.#base * 1.05 + BASE_TOLERANCE_MS) {
      this.#baseConfirmedAt = now;
      // The first messages after a rest can be lucky where answers come in batches; the path is what a flight takes.
      const telling = units >= this.#size / 4 || this.#base === Number.POSITIVE_INFINITY;
      if (sample < this.#base && telling) this.#base = sample;
    }
    if (this.#beforeProbe === undefined) {
      if (this.#shrinkEarly(units, sample, flight, nextSequenceNumber)) return;
      const wanted = Math.min(2 * units, (units / sample) * (this.#base + this.#allowedQueueMs()));
      if (wanted > this.#size) this.#resize(wanted);
    }
    if (flight.sequenceNumber < this.#roundStart) return;
    if (this.#roundEnd === 0) this.#roundEnd = nextSequenceNumber;
    if (sample < this.#leastMs) this.#leastMs = sample;
    if (units / sample > this.#bestRate) this.#bestRate = units / sample;
    if (units >= this.#size / 2) this.#full = true;
    if (isSubstantial(flight)) this.#substantial = true;
    if (flight.sequenceNumber >= this.#roundEnd) this.#endRound(nextSequenceNumber, now);
  }

  /**
   * A message came back that was sent more than once. It tells no round trip, but after a time without any
   * acknowledgement it tells that the path is back: up to its old size the window then grows by what arrives.
   */
  recovered(payloadBytes: number): void {
    this.#delivered++;
    if (this.#beforeStall === undefined || this.#size >= this.#beforeStall) return;
    this.#resize(Math.min(this.#beforeStall, this.#size + Math.max(1, payloadBytes / UNIT_BYTES)));
  }

  /**
   * Messages timed out. `sentAt` is when the latest of them was sent: what was sent before the last cut was counted
   * by it, so there is at most one cut for each round trip.
   */
  timedOut(messages: number, sentAt: number, nextSequenceNumber: number, now: number): void {
    this.#lost += messages;
    if (sentAt < this.#cutAt) return;
    const share = this.#lost / (this.#lost + this.#delivered);
    this.#cutAt = now;
    this.#lost = 0;
    this.#delivered = 0;
    // Before the first round trip nobody knows what late means.
    if (this.#base === Number.POSITIVE_INFINITY) return;
    this.#starting = false;
    if (this.#beforeProbe !== undefined || share === 1) this.#startRound(nextSequenceNumber);
    this.#size = this.#beforeProbe ?? this.#size;
    this.#beforeProbe = undefined;
    if (share === 1) this.#beforeStall ??= this.#size;
    this.#resize(this.#size * (1 - Math.min(0.5, share)));
  }

  /**
   * Several messages in a row came back far too late: the path became slower, and the end of a round is too far
   * away to wait for. True when the window was changed.
   */
  #shrinkEarly(units: number, sample: number, flight: Flight, nextSequenceNumber: number): boolean {
    const late =
      sample > Math.max(this.#severeAboveMs, this.#base + 2 * TARGET_QUEUE_MS) && isSubstantial(flight);
    if (!late || this.#starting) {
      this.#severe = 0;
      this.#severeBest = 0;
      return false;
    }
    this.#severeBest = Math.max(this.#severeBest, units / sample);
    if (++this.#severe < SEVERE_SAMPLES) return false;
    const wanted = this.#severeBest * (this.#base + TARGET_QUEUE_MS);
    this.#severe = 0;
    this.#severeBest = 0;
    if (wanted >= 0.9 * this.#size) return false;
    this.#severeAboveMs = sample * SEVERE_GROWTH;
    this.#resize(wanted);
    this.#startRound(nextSequenceNumber);
    return true;
  }

  #endRound(nextSequenceNumber: number, now: number): void {
    if (this.#beforeProbe === undefined) this.#reconsider(now);
    else this.#endProbe(this.#beforeProbe, now);
    this.#startRound(nextSequenceNumber);
  }

  #reconsider(now: number): void {
    const least = this.#leastMs;
    const queueMs = least - this.#base;
    if (queueMs > TARGET_QUEUE_MS / 2) this.#starting = false;
    const aged = now - this.#baseConfirmedAt > BASE_AGE_MS;
    if (this.#full) {
      this.#fullAt = now;
    } else if (now - this.#fullAt > BASE_AGE_MS && this.#size > INITIAL_WINDOW_MESSAGES) {
      // So much was not needed for long, and may be too much by now.
      this.#fullAt = now;
      this.#resize(Math.max(INITIAL_WINDOW_MESSAGES, this.#size / 2));
    }
    if (!this.#full && (aged || least < this.#base)) {
      // Not much was in flight: what it took is the path itself.
      this.#base = least;
      this.#baseConfirmedAt = now;
      return;
    }
    const pathHolds = this.#bestRate * this.#base;
    let futile = false;
    if (queueMs <= TARGET_QUEUE_MS) {
      this.#expectedMs = Number.POSITIVE_INFINITY;
      this.#severeAboveMs = 0;
    } else if (this.#substantial) {
      const factor = Math.max(0.5, (pathHolds + this.#bestRate * TARGET_QUEUE_MS) / this.#size);
      futile = least > this.#expectedMs;
      // Half of the way by which a queue of ours would get shorter.
      this.#expectedMs = factor < 0.9 ? (least * (1 + factor)) / 2 : Number.POSITIVE_INFINITY;
      if (factor < 1) this.#resize(this.#size * factor);
    }
    if (futile || (aged && this.#full)) this.#startProbe(pathHolds / 2);
  }

  #startProbe(size: number): void {
    this.#beforeProbe = this.#size;
    this.#expectedMs = Number.POSITIVE_INFINITY;
    this.#resize(Math.min(this.#size, size));
  }

  #endProbe(before: number, now: number): void {
    // A much longer path wants to be filled as quickly as a new one.
    if (this.#leastMs > 1.5 * this.#base) this.#starting = true;
    this.#base = this.#leastMs;
    this.#baseConfirmedAt = now;
    this.#beforeProbe = undefined;
    this.#size = before;
  }

  /** On long paths a new flow may overshoot, or it would take seconds to fill them. */
  #allowedQueueMs(): number {
    if (!this.#starting) return TARGET_QUEUE_MS;
    return Math.max(TARGET_QUEUE_MS, Math.min(MAX_START_QUEUE_MS, this.#base));
  }

  #startRound(nextSequenceNumber: number): void {
    this.#roundStart = nextSequenceNumber;
    this.#roundEnd = 0;
    this.#leastMs = Number.POSITIVE_INFINITY;
    this.#bestRate = 0;
    this.#full = false;
    this.#substantial = false;
  }

  #resize(size: number): void {
    const { maxBytes, maxMessages } = this.#limits;
    this.#size = Math.max(MIN_SIZE, Math.min(size, Math.max(maxMessages, maxBytes / UNIT_BYTES)));
  }
}

/** Enough in flight that a late answer may be of our own making. */
function isSubstantial({ flightBytes, flightMessages }: Flight): boolean {
  return flightBytes >= MIN_WINDOW_BYTES || flightMessages >= MIN_WINDOW_MESSAGES;
}
