/** How much of a moving average the newest value is. */
const weight = 0.2;
/** Before so many of each the averages say nothing. */
const enough = 3;
/** While clones are cheaper, every so-many-th release is reset all the same: circumstances change. */
const probeEvery = 16;
/**
 * The first reset of a database (a new session, which knows nothing yet) takes several times as long as those
 * that follow.
 */
const resetsPerDatabase = 10;

/**
 * What clones and resets cost on this server, as moving averages, and what follows: a reset is worth trying only while
 * it costs less than a clone, counting that a reset that ends in a discard costs the clone as well. A first reset is an
 * investment: it counts as what it makes of the following ones.
 */
export class Costs {
  cloneMs: number | undefined;
  discardRate: number | undefined;
  #firstMs: number | undefined;
  #laterMs: number | undefined;
  #clones = 0;
  #resets = 0;
  #skipped = 0;

  cloned(ms: number): void {
    this.#clones++;
    this.cloneMs = average(this.cloneMs, ms);
  }

  /** @param before how often the database was reset before */
  reset(ms: number, before: number, discarded: boolean): void {
    this.#resets++;
    if (before === 0) this.#firstMs = average(this.#firstMs, ms);
    else this.#laterMs = average(this.#laterMs, ms);
    this.discardRate = average(this.discardRate, discarded ? 1 : 0);
  }

  /** In the long run. */
  get resetMs(): number | undefined {
    const first = this.#firstMs ?? this.#laterMs;
    const later = this.#laterMs ?? 0;
    return first === undefined ? undefined : later + (first - later) / resetsPerDatabase;
  }

  get strategy(): 'reset' | 'clone' {
    return this.#cheaper(this.resetMs);
  }

  /** Whether to reset a database that was reset so often before. */
  decide(before: number): 'reset' | 'clone' {
    const choice = this.#cheaper(before === 0 ? this.resetMs : this.#laterMs);
    this.#skipped = choice === 'reset' ? 0 : this.#skipped + 1;
    return this.#skipped % probeEvery === 0 ? 'reset' : choice;
  }

  /** Why a database is not reset, in numbers. */
  toString(): string {
    const ms = (value: number | undefined): string => `${(value ?? 0).toFixed(1)} ms`;
    const share = Math.round((this.discardRate ?? 0) * 100);
    return `a reset takes ${ms(this.resetMs)} and ${share} % of them fail, a clone takes ${ms(this.cloneMs)}`;
  }

  #cheaper(resetMs = 0): 'reset' | 'clone' {
    if (this.#clones < enough || this.#resets < enough) return 'reset';
    const { cloneMs = 0, discardRate = 0 } = this;
    return resetMs + discardRate * cloneMs <= cloneMs ? 'reset' : 'clone'; // sessions survive a reset
  }
}

function average(before: number | undefined, value: number): number {
  return before === undefined ? value : before + weight * (value - before);
}
