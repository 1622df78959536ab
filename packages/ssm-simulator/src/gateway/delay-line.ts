/** A path that takes time: what goes in comes out later, in the same order. */
export class DelayLine {
  readonly #delayMs: number;
  #waiting: Array<{ dueMs: number; arrive: () => void }> = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** Calls back after the delay; at once when there is none. */
  push(arrive: () => void): void {
    if (this.#delayMs === 0) {
      arrive();
      return;
    }
    this.#waiting.push({ dueMs: performance.now() + this.#delayMs, arrive });
    if (this.#timer === undefined) this.#arm();
  }

  /** What is under way is lost. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
  }

  /** Everything arrives now. */
  flush(): void {
    const waiting = this.#waiting;
    this.clear();
    for (const { arrive } of waiting) arrive();
  }

  #arm(): void {
    const [first] = this.#waiting;
    this.#timer =
      first === undefined
        ? undefined
        : setTimeout(() => this.#arrived(), Math.max(0, first.dueMs - performance.now())).unref();
  }

  #arrived(): void {
    this.#timer = undefined;
    const now = performance.now();
    const late = this.#waiting.findIndex(({ dueMs }) => dueMs > now);
    // Timers may fire a fraction of a millisecond early; then nothing is due yet.
    for (const { arrive } of this.#waiting.splice(0, late === -1 ? this.#waiting.length : late)) arrive();
    if (this.#timer === undefined) this.#arm();
  }
}
