interface Appointment {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

/** Time for tests: it moves only from one appointment to the next. */
export class VirtualClock {
  readonly #appointments: Appointment[] = [];
  #now: number;
  #order = 0;

  constructor(startMs = 1_700_000_000_000) {
    this.#now = startMs;
  }

  get now(): number {
    return this.#now;
  }

  /** Whole milliseconds, so that `now` can be a message's date. */
  schedule(delayMs: number, action: () => void): void {
    this.#appointments.push({
      at: this.#now + Math.max(0, Math.ceil(delayMs)),
      order: this.#order++,
      action,
    });
  }

  /** Runs until `done` says so. False when nothing is left to happen, or the time is up. */
  runUntil(done: () => boolean, limitMs: number): boolean {
    const end = this.#now + limitMs;
    while (!done()) {
      let next: Appointment | undefined;
      for (const it of this.#appointments) {
        if (next === undefined || it.at < next.at || (it.at === next.at && it.order < next.order)) next = it;
      }
      if (next === undefined || next.at > end) return false;
      this.#appointments.splice(this.#appointments.indexOf(next), 1);
      this.#now = next.at;
      next.action();
    }
    return true;
  }
}
