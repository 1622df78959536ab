import {
  CLOCK_GRANULARITY_MS,
  INITIAL_RTO_MS,
  INITIAL_SRTT_MS,
  MAX_BACKOFF_MS,
  MAX_RTO_MS,
  RTT_ALPHA,
  RTT_BETA,
} from './constants.ts';

/** Smoothed round-trip time and the retransmission timeout that follows from it. */
export class RttEstimator {
  #smoothedMs = INITIAL_SRTT_MS;
  #variationMs = 0;
  #timeoutMs = INITIAL_RTO_MS;
  #backOffs = 0;

  get smoothedMs(): number {
    return this.#smoothedMs;
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /**
   * The timeout for messages not sent before. After `backOff` it is longer, until a round trip is learnt: else, on a
   * path whose round trip is longer than the timeout, every message would be sent twice and none could be measured.
   */
  get patientTimeoutMs(): number {
    return this.#backOffs === 0
      ? this.#timeoutMs
      : Math.min(MAX_BACKOFF_MS, this.#timeoutMs * 2 ** this.#backOffs);
  }

  /** Nothing was acknowledged in time. */
  backOff(): void {
    if (this.#backOffs < 10) this.#backOffs++;
  }

  /** Feed only round trips of messages that were sent once (Karn's rule). */
  sample(roundTripMs: number): void {
    this.#backOffs = 0;
    this.#variationMs += RTT_BETA * (Math.abs(this.#smoothedMs - roundTripMs) - this.#variationMs);
    this.#smoothedMs += RTT_ALPHA * (roundTripMs - this.#smoothedMs);
    this.#timeoutMs = Math.min(
      MAX_RTO_MS,
      this.#smoothedMs + Math.max(CLOCK_GRANULARITY_MS, 4 * this.#variationMs),
    );
  }
}
