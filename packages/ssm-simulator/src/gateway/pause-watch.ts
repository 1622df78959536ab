/** One new message in this time may ask whether a pause is still on, in case its end was lost. */
const PROBE_INTERVAL_MS = 500;

/** A client may need a moment to act on a pause. */
const GRACE_MS = 1_000;

/**
 * Whether a client honours `pause_publication`: it keeps new data back until `start_publication` or any
 * acknowledgement. Pings tell when the client has read what was sent: one behind the pause, and another one when it
 * still sends a while later. Only what comes after the answer to the second one counts, so nothing that was under
 * way does, however long it took.
 */
export class PauseWatch {
  readonly #now: () => number;
  readonly #fence: (passed: () => void) => void;
  #pause = 0;
  #heardAtMs: number | undefined;
  #asked = false;
  #countingSinceMs: number | undefined;
  #newMessages = 0;

  /** `fence` calls back when the client has read all that was sent before. */
  constructor(now: () => number, fence: (passed: () => void) => void) {
    this.#now = now;
    this.#fence = fence;
  }

  /** A pause was sent. */
  paused(): void {
    this.over();
    this.#whenRead(() => {
      this.#heardAtMs = this.#now();
    });
  }

  /** Whatever ends a pause was sent, or the connection is another one. */
  over(): void {
    this.#pause++;
    this.#heardAtMs = undefined;
    this.#asked = false;
    this.#countingSinceMs = undefined;
  }

  /** A new message came. How many have come during the pause, when that is more than probes would be. */
  tooMany(): number | undefined {
    if (this.#heardAtMs === undefined || this.#now() - this.#heardAtMs < GRACE_MS) return undefined;
    if (!this.#asked) {
      this.#asked = true;
      this.#whenRead(() => {
        this.#countingSinceMs = this.#now();
        this.#newMessages = 0;
      });
      return undefined;
    }
    if (this.#countingSinceMs === undefined) return undefined;
    this.#newMessages++;
    const probes = 2 + (this.#now() - this.#countingSinceMs) / PROBE_INTERVAL_MS;
    return this.#newMessages > probes ? this.#newMessages : undefined;
  }

  #whenRead(then: () => void): void {
    const pause = this.#pause;
    this.#fence(() => {
      if (pause === this.#pause) then();
    });
  }
}
