/** How much of a moving average the newest value is. */
const weight = 0.2;
/** Before so many of each the averages say nothing. */
const enough = 3;
/** While clones are cheaper, every so-many-th release is reset all the same: circumstances change. */
const probeEvery = 16;

/**
 * What clones and resets cost on this server, as moving averages, and what follows: a reset is worth trying only while
 * it costs less than a clone, counting that a reset that ends in a discard costs the clone as well.
 */
export class Costs {
  cloneMs: number | undefined;
  resetMs: number | undefined;
  discardRate: number | undefined;
  #clones = 0;
  #resets = 0;
  #skipped = 0;

  cloned(ms: number): void {
    this.#clones++;
    this.cloneMs = average(this.cloneMs, ms);
  }

  reset(ms: number, discarded: boolean): void {
    this.#resets++;
    this.resetMs = average(this.resetMs, ms);
    this.discardRate = average(this.discardRate, discarded ? 1 : 0);
  }

  get strategy(): 'reset' | 'clone' {
    if (this.#clones < enough || this.#resets < enough) return 'reset';
    const { cloneMs = 0, resetMs = 0, discardRate = 0 } = this;
    return resetMs + discardRate * cloneMs < cloneMs ? 'reset' : 'clone';
  }

  /** Whether to reset the database that is being released. */
  decide(): 'reset' | 'clone' {
    if (this.strategy === 'reset') {
      this.#skipped = 0;
      return 'reset';
    }
    this.#skipped++;
    return this.#skipped % probeEvery === 0 ? 'reset' : 'clone';
  }

  /** Why a database is not reset, in numbers. */
  toString(): string {
    const ms = (value: number | undefined): string => `${(value ?? 0).toFixed(1)} ms`;
    const share = Math.round((this.discardRate ?? 0) * 100);
    return `a reset takes ${ms(this.resetMs)} and ${share} % of them fail, a clone takes ${ms(this.cloneMs)}`;
  }
}

function average(before: number | undefined, value: number): number {
  return before === undefined ? value : before + weight * (value - before);
}
