type Timers = Pick<typeof globalThis, 'setTimeout' | 'setInterval' | 'clearTimeout' | 'clearInterval'>;

/**
 * Puts itself in front of the global timers and knows which are running. Node's own list leaves out those that do
 * not hold the process open, which is nearly all of a library's.
 */
export class TimerWatch {
  readonly #real: Timers = { setTimeout, setInterval, clearTimeout, clearInterval };
  readonly #live = new Map<unknown, string>();

  constructor() {
    const {
      setTimeout: timeout,
      setInterval: interval,
      clearTimeout: clearOne,
      clearInterval: clearAll,
    } = this.#real;
    const live = this.#live;
    const follow = (timer: unknown): void => {
      live.set(timer, caller());
    };
    const watched: Timers = {
      setTimeout: dressed(timeout, (callback, delay, ...args) => {
        const timer = timeout(() => {
          live.delete(timer);
          callback(...args);
        }, delay);
        follow(timer);
        return timer;
      }),
      setInterval: dressed(interval, (callback, delay, ...args) => {
        const timer = interval(callback, delay, ...args);
        follow(timer);
        return timer;
      }),
      clearTimeout: (timer) => {
        live.delete(timer);
        clearOne(timer);
      },
      clearInterval: (timer) => {
        live.delete(timer);
        clearAll(timer);
      },
    };
    Object.assign(globalThis, watched);
  }

  /** Where the running ones were started, each place once. */
  live(): string[] {
    return [...new Set(this.#live.values())];
  }

  /** A pause that is not watched. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#real.setTimeout(resolve, ms);
    });
  }

  stop(): void {
    Object.assign(globalThis, this.#real);
  }
}

type AnyTimer = (
  callback: (...args: unknown[]) => void,
  delay?: number,
  ...args: unknown[]
) => NodeJS.Timeout;

/** With everything else that the original function carries, such as its promisified form. */
function dressed<Original extends object>(original: Original, replacement: AnyTimer): Original {
  const {
    length: _length,
    name: _name,
    ...rest
  } = Object.getOwnPropertyDescriptors(original) as Record<string, PropertyDescriptor>;
  return Object.defineProperties(replacement, rest) as unknown as Original;
}

/** The file that asked for the timer: the first line of the stack outside of this one. */
function caller(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 4;
  const lines = new Error('here').stack?.split('\n') ?? [];
  Error.stackTraceLimit = limit;
  return lines.at(4)?.trim().replace(/^at /, '') ?? 'unknown';
}
