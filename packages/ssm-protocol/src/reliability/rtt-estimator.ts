import {
  CLOCK_GRANULARITY_MS,
  INITIAL_RTO_MS,
  INITIAL_SRTT_MS,
  MAX_RTO_MS,
  RTT_ALPHA,
  RTT_BETA,
} from './constants.ts';

/** Smoothed round-trip time and the retransmission timeout that follows from it. */
export class RttEstimator {
  #smoothedMs = INITIAL_SRTT_MS;
  #variationMs = 0;
  #timeoutMs = INITIAL_RTO_MS;

  get smoothedMs(): number {
    return this.#smoothedMs;
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** Feed only round trips of messages that were sent once (Karn's rule). */
  sample(roundTripMs: number): void {
    this.#variationMs += RTT_BETA * (Math.abs(this.#smoothedMs - roundTripMs) - this.#variationMs);
    this.#smoothedMs += RTT_ALPHA * (roundTripMs - this.#smoothedMs);
    this.#timeoutMs = Math.min(
      MAX_RTO_MS,
      this.#smoothedMs + Math.max(CLOCK_GRANULARITY_MS, 4 * this.#variationMs),
    );
  }
}
