import type { PoolBackend } from './backend.ts';
import type { PoolEvent } from './events.ts';
import type { DiscardReason, EndedSession, ResetOutcome } from './outcome.ts';

export interface PoolOptions {
  readonly backend: PoolBackend;
  /** How many workers ask at once. */
  readonly workers: number;
  /**
   * Clones of the template to have ready before anybody asks; those of branches are made when they are asked for.
   * Default `workers + 2`. Those that are in use and will be reset come
   * back, so they count; `depth - workers`, but at least one, are kept ready beyond them.
   */
  readonly depth?: number;
  /**
   * Calls of `backend.clone` at a time. Default 1, and 2 from 8 cores on: cloning is bound by CPU and file system,
   * more at a time only makes each one late.
   */
  readonly producers?: number;
  /**
   * Databases per call of `backend.clone`. Default 1: each is there as soon as it is made. More where a call is
   * far.
   */
  readonly batch?: number;
  /** Names that exist already, unused, numbers 1 to n. */
  readonly initial?: readonly string[];
  /** After so many resets a database is replaced: dead rows make it slow. Default 200. */
  readonly maxResets?: number;
  /**
   * Discarded databases that may wait for the end of the run. What exceeds it is dropped when nobody waits and nothing
   * is being cloned or reset; from twice as many on (disks are finite) also while somebody waits. Default 20.
   */
  readonly maxDiscarded?: number;
  /** Size of a clone: large ones are dropped earlier by default, so that about 512 MiB of them can come together. */
  readonly databaseBytes?: number;
  readonly onEvent?: (event: PoolEvent) => void;
}

/** `reset`: a database that was used before will do. `clone`: only one that nobody has used. */
export type Isolation = 'reset' | 'clone';

export interface AcquireRequest {
  /** Who asks. The same key gets the database back that it had last, so that its connections can stay open. */
  readonly key: string;
  /** Default `reset`. */
  readonly isolation?: Isolation;
  /** A sealed branch instead of the template. */
  readonly branch?: string;
  /**
   * Wait a moment for the key's own database while it is being reset, although another one is ready. Worth it for whoever
   * still has sessions open in it. Default false.
   */
  readonly waitForOwn?: boolean;
  readonly signal?: AbortSignal;
}

export interface PooledDatabase {
  readonly name: string;
  /** `clone`: nobody has used it. `reset`: it was used and put back. */
  readonly origin: 'clone' | 'reset';
  readonly waitedMs: number;
}

export interface ReleaseOptions {
  /** False: never reset it. Default true, but false for databases acquired with isolation `clone`. */
  readonly reuse?: boolean;
  /** Pids of idle sessions known to hold no state; they survive a reset. */
  readonly keepSessions?: readonly number[];
  /** Somebody wants to look at it: it leaves the pool as it is, and the pool never drops it. */
  readonly kept?: boolean;
}

/**
 * Beyond what a reset answers: `asked` (`reuse: false`, or isolation `clone`), `worn` (`maxResets`), `slower` (a
 * clone is cheaper here), `failed` (the reset could not be made), `closed` (the pool is closed).
 */
export type ReleaseReason = 'asked' | 'worn' | 'slower' | 'failed' | 'closed' | DiscardReason;

export type ReleaseOutcome =
  | Extract<ResetOutcome, { status: 'reset' }>
  | { readonly status: 'kept' }
  | {
      readonly status: 'discard';
      readonly reason: ReleaseReason;
      readonly detail: string;
      readonly ended: readonly EndedSession[];
    };

export interface ReleasedDatabase {
  /** What is going to happen; a reset can still end in a discard. */
  readonly will: 'reset' | 'discard' | 'keep';
  /** What happened. Never rejects. */
  readonly done: Promise<ReleaseOutcome>;
}

/** Counts now, totals since the pool was opened, and what things cost. */
export interface PoolStatistics {
  readonly ready: number;
  readonly taken: number;
  readonly waiting: number;
  readonly cloning: number;
  readonly resetting: number;
  /** Discarded and not dropped yet. */
  readonly discarded: number;
  readonly kept: number;
  readonly totals: {
    readonly acquired: number;
    readonly cloned: number;
    readonly reset: number;
    readonly dropped: number;
    /** Discards by reason. */
    readonly discards: Readonly<Partial<Record<ReleaseReason, number>>>;
  };
  /** What the pool does with released databases, by what it has measured. */
  readonly strategy: 'reset' | 'clone';
  /**
   * Moving averages; undefined until the first one. `discardRate` is the share of resets that end in a discard.
   */
  readonly cloneMs: number | undefined;
  readonly resetMs: number | undefined;
  readonly discardRate: number | undefined;
}

/**
 * Databases of one run: cloned ahead, handed out, reset in the background, never dropped while somebody waits.
 */
export interface DatabasePool extends AsyncDisposable {
  /**
   * Hands out a database, in the order of asking. Prefers the one that the same key had last.
   *
   * Rejects with the backend's error when no database can come any more (the next acquire tries again), with
   * `signal.reason` when it is aborted, and with `TESTDB_POOL_CLOSED`.
   */
  acquire(request: AcquireRequest): Promise<PooledDatabase>;
  /**
   * Gives a database back. Returns at once; the reset happens in the background.
   *
   * @throws TestDatabaseError `TESTDB_NOT_TAKEN` when nobody has it: a second release must not reset what somebody
   * else has by now.
   */
  release(name: string, options?: ReleaseOptions): ReleasedDatabase;
  /**
   * Nobody asks for a branch any more: what there is of it is dropped by and by, and with it the database that holds it, if
   * that was released as `kept` and is named as `source`. Who waits for it is refused.
   */
  forgetBranch(branch: string, source?: string): void;
  /** Fulfils when nothing is being cloned, reset or dropped. */
  idle(): Promise<void>;
  statistics(): PoolStatistics;
  /**
   * Rejects who waits and fulfils when what is under way has settled. Drops nothing: the end of the run does.
   */
  close(): Promise<void>;
}
