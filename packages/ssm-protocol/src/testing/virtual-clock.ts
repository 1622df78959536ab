interface Appointment {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

/** Time for tests: it moves only from one appointment to the next. */
export class VirtualClock {
  /** A binary heap: the next appointment is the first. */
  readonly #appointments: Appointment[] = [];
  #now: number;
  #order = 0;

  constructor(startMs = 1_700_000_000_000) {
    this.#now = startMs;
  }

  /** Milliseconds, with fractions when delays have them. */
  get now(): number {
    return this.#now;
  }

  schedule(delayMs: number, action: () => void): void {
    const heap = this.#appointments;
    const added: Appointment = { at: this.#now + Math.max(0, delayMs), order: this.#order++, action };
    let hole = heap.length;
    while (hole > 0) {
      const parent = heap[(hole - 1) >> 1] as Appointment;
      if (!isBefore(added, parent)) break;
      heap[hole] = parent;
      hole = (hole - 1) >> 1;
    }
    heap[hole] = added;
  }

  /** Runs until `done` says so. False when nothing is left to happen, or the time is up. */
  runUntil(done: () => boolean, limitMs: number): boolean {
    const end = this.#now + limitMs;
    while (!done()) {
      const next = this.#appointments[0];
      if (next === undefined || next.at > end) {
        this.#now = end;
        return false;
      }
      this.#removeFirst();
      this.#now = next.at;
      next.action();
    }
    return true;
  }

  #removeFirst(): void {
    const heap = this.#appointments;
    const moved = heap.pop();
    if (moved === undefined || heap.length === 0) return;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, left)) child++;
      const smaller = heap[child] as Appointment;
      if (!isBefore(smaller, moved)) break;
      heap[hole] = smaller;
      hole = child;
    }
    heap[hole] = moved;
  }
}

function isBefore(one: Appointment, other: Appointment): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
