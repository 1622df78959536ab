import type { ResetOutcome } from './outcome.ts';

/** What a pool works on: a Lambda and reset sessions, or plain SQL. Every call settles in its own time. */
export interface PoolBackend {
  /**
   * Creates the run's databases number `first` to `first + count - 1`, of the template or of a sealed branch, and
   * names them in this order. Asked again for numbers of a call that failed, it finishes or returns what is there.
   */
  clone(request: {
    readonly first: number;
    readonly count: number;
    readonly branch?: string;
  }): Promise<readonly string[]>;
  /** Puts a database back to what its template says. `keep`: pids of idle sessions known to hold no state. */
  reset(database: string, options: { readonly keep: readonly number[] }): Promise<ResetOutcome>;
  /** Drops databases for good. Missing ones are fine. */
  drop(databases: readonly string[]): Promise<void>;
}
