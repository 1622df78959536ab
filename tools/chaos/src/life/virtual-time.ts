import { performance as realPerformance } from 'node:perf_hooks';
import { type Clock, install } from '@sinonjs/fake-timers';

/** Turns of the event loop without any input or output, after which nothing is under way on loopback. */
const QUIET_TURNS = 64;

/** Requests to the system that end by themselves: their answer is awaited before time goes on. */
const REQUEST = /(Req\w*|ConnectWrap|WriteWrap|ShutdownWrap)$/;

/** Taken now: while time is virtual the global of that name is another object. */
const { nodeTiming } = realPerformance;

/**
 * Time that passes only when nothing else happens. Sockets are real; Date, timers and `performance` are not. The
 * loop lets input and output settle, and then goes to the next timer. Replaces the globals until it is disposed.
 */
export class VirtualTime implements Disposable {
  readonly #clock: Clock;
  readonly startedAtMs: number;
  #steps = 0;

  constructor(startAtMs: number) {
    this.startedAtMs = startAtMs;
    this.#clock = install({
      now: startAtMs,
      toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
    });
  }

  get elapsedMs(): number {
    return this.#clock.now - this.startedAtMs;
  }

  /** How often time was moved. */
  get steps(): number {
    return this.#steps;
  }

  /** Timers that are running, whether they would hold a process open or not. */
  get timers(): number {
    return this.#clock.countTimers();
  }

  /** A point in time, as milliseconds since the start. */
  until(elapsedMs: number): Promise<void> {
    return new Promise((resolve) => {
      setTimeout(resolve, elapsedMs - this.elapsedMs);
    });
  }

  /** Lets time pass until the work is done. Rejects as the work does, and when it waits for something else than time. */
  async run<T>(work: Promise<T>): Promise<T> {
    let over = false;
    const end = (): void => {
      over = true;
    };
    work.then(end, end);
    for (;;) {
      await settled();
      if (over) return work;
      if (this.#clock.countTimers() === 0) throw new Error('nothing happens any more, and no timer is set');
      this.#clock.next();
      this.#steps++;
    }
  }

  [Symbol.dispose](): void {
    this.#clock.uninstall();
  }
}

/** Fulfils when the event loop has been idle for a while. */
async function settled(): Promise<void> {
  let events = -1;
  for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    const seen = nodeTiming.uvMetricsInfo.events;
    if (seen !== events || process.getActiveResourcesInfo().some((type) => REQUEST.test(type))) quiet = 0;
    events = seen;
  }
}
