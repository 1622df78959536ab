/** Longer than any recovery takes: a cut may lose a thousand messages, and the agent repeats ten a second. */
const PATIENCE_MS = 300_000;

const LOOK_EVERY_MS = 5_000;

/** Calls back once when nothing moves any more, so that a run ends with a report and not never. */
export class StallWatch implements Disposable {
  readonly #timer: NodeJS.Timeout;
  #movedAt: number = performance.now();

  constructor(onStall: () => void) {
    this.#timer = setInterval(() => {
      if (performance.now() - this.#movedAt < PATIENCE_MS) return;
      clearInterval(this.#timer);
      onStall();
    }, LOOK_EVERY_MS);
  }

  progress(): void {
    this.#movedAt = performance.now();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
