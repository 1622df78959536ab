import type { Database } from './database.ts';
import type { PoolSettings } from './settings.ts';

/**
 * Databases that nobody gets any more. Dropping costs as much as cloning and slows it: they go when there is nothing else
 * to do, or when the disk would fill up.
 */
export class Bin {
  readonly #settings: Pick<PoolSettings, 'batch' | 'maxDiscarded' | 'mostDiscarded'>;
  readonly #waiting: Database[] = [];
  #undroppable = 0;
  /** Some are being dropped now. */
  dropping = false;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#waiting.length + this.#undroppable;
  }

  add(database: Database): void {
    this.#waiting.push(database);
  }

  /** What is to be dropped now, if anything. `quiet`: nobody waits for anything else. */
  take(quiet: boolean): readonly Database[] {
    const { batch, maxDiscarded, mostDiscarded } = this.#settings;
    const excess = this.#waiting.length - maxDiscarded;
    if (this.dropping || excess <= 0 || !(quiet || this.#waiting.length > mostDiscarded)) return [];
    return this.#waiting.splice(0, Math.min(batch, excess));
  }

  /** Not again: the end of the run drops everything. */
  giveUp(databases: readonly Database[]): void {
    this.#undroppable += databases.length;
  }
}
