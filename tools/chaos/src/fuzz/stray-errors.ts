/** What is thrown where nobody waits: in a timer, a tick, a promise that is let go. */
export class StrayErrors implements Disposable {
  #first: Error | undefined;
  readonly #keep = (error: unknown): void => {
    this.#first ??= error instanceof Error ? error : new Error(`thrown: ${String(error)}`);
  };

  constructor() {
    process.on('uncaughtException', this.#keep);
    process.on('unhandledRejection', this.#keep);
  }

  /** The first since the last call. */
  take(): Error | undefined {
    const first = this.#first;
    this.#first = undefined;
    return first;
  }

  [Symbol.dispose](): void {
    process.off('uncaughtException', this.#keep);
    process.off('unhandledRejection', this.#keep);
  }
}
