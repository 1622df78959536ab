interface Waiter {
  readonly test: () => boolean;
  readonly settle: (met: boolean) => void;
}

/** Waits for conditions that are looked at again after each event. */
export class Waiters {
  readonly #waiting = new Set<Waiter>();

  /** True when the condition came true in time, false when not. Rejects with the signal's reason. */
  until(test: () => boolean, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (test()) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const settle = (met: boolean): void => {
        stop();
        resolve(met);
      };
      const waiter: Waiter = { test, settle };
      const onAbort = (): void => {
        stop();
        reject(signal.reason);
      };
      const timer = setTimeout(() => settle(test()), timeoutMs);
      const stop = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(waiter);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(waiter);
    });
  }

  check(): void {
    for (const waiter of this.#waiting) if (waiter.test()) waiter.settle(true);
  }
}
