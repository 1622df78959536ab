/** What the service does to a session because of the time. 0 switches one off. */
export interface SessionTimes {
  readonly idleTimeoutMs: number;
  readonly maxSessionDurationMs: number;
  readonly closeChannelsEveryMs: number;
}

export interface SessionClockEvents {
  idle(): void;
  tooOld(): void;
  closeChannels(): void;
}

/** The timers of one session. `active` is cheap: the idle timer is set anew when it fires, not at each message. */
export class SessionClock {
  readonly #times: SessionTimes;
  readonly #events: SessionClockEvents;
  readonly #timers: NodeJS.Timeout[] = [];
  #idleTimer: NodeJS.Timeout | undefined;
  #activeAtMs: number;

  constructor(times: SessionTimes, events: SessionClockEvents) {
    this.#times = times;
    this.#events = events;
    this.#activeAtMs = performance.now();
    if (times.idleTimeoutMs > 0) this.#waitForIdle(times.idleTimeoutMs);
    if (times.maxSessionDurationMs > 0)
      this.#timers.push(setTimeout(() => events.tooOld(), times.maxSessionDurationMs).unref());
    if (times.closeChannelsEveryMs > 0)
      this.#timers.push(setInterval(() => events.closeChannels(), times.closeChannelsEveryMs).unref());
  }

  /** The client did something. */
  active(): void {
    this.#activeAtMs = performance.now();
  }

  stop(): void {
    clearTimeout(this.#idleTimer);
    for (const timer of this.#timers) clearInterval(timer);
  }

  #waitForIdle(delayMs: number): void {
    this.#idleTimer = setTimeout(() => {
      const left = this.#activeAtMs + this.#times.idleTimeoutMs - performance.now();
      if (left <= 0) this.#events.idle();
      else this.#waitForIdle(Math.ceil(left));
    }, delayMs).unref();
  }
}
