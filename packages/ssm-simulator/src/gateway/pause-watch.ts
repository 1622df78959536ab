/** One new message in this time may ask whether a pause is still on, in case its end was lost. */
const PROBE_INTERVAL_MS = 500;

/** A client may need a moment to act on a pause. */
const GRACE_MS = 1_000;

/**
 * Whether a client honours `pause_publication`: it keeps new data back until `start_publication` or any
 * acknowledgement. A ping behind the pause tells when the client has read it, so what was under way does not count.
 */
export class PauseWatch {
  readonly #now: () => number;
  #pause = 0;
  #heardAtMs: number | undefined;
  #newMessages = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A pause was sent. To be called when the client has read it: the returned function. */
  paused(): () => void {
    const pause = ++this.#pause;
    this.#heardAtMs = undefined;
    return () => {
      if (pause !== this.#pause || this.#heardAtMs !== undefined) return;
      this.#heardAtMs = this.#now();
      this.#newMessages = 0;
    };
  }

  /** Whatever ends a pause was sent, or the connection is another one. */
  over(): void {
    this.#pause++;
    this.#heardAtMs = undefined;
  }

  /** A new message came. How many have come during the pause, when that is more than probes would be. */
  tooMany(): number | undefined {
    if (this.#heardAtMs === undefined) return undefined;
    const forMs = this.#now() - this.#heardAtMs - GRACE_MS;
    if (forMs < 0) return undefined;
    this.#newMessages++;
    return this.#newMessages > 2 + forMs / PROBE_INTERVAL_MS ? this.#newMessages : undefined;
  }
}
