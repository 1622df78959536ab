import type { ConnectionBudget } from '../budget/types.ts';
import type { LeaseSession } from '../lease.ts';
import type { PoolEvent } from '../pool/events.ts';
import type {
  AcquireRequest,
  PooledDatabase,
  PoolStatistics,
  ReleasedDatabase,
  ReleaseOptions,
} from '../pool/types.ts';
import type { SweepReport } from '../server/sweep.ts';

/** One open session of a driver, which is yours: `pg.Client` is one. */
export type EngineSession = LeaseSession;

export interface EngineTemplate {
  /**
   * SHA-256, as 64 hexadecimal digits, over everything that `fill` depends on: migrations, seeds, tools. The same hash
   * means the same template for everybody on the server. {@link hashOf} makes one.
   */
  readonly hash: string;
  /**
   * Fills a fresh database: migrations, then seeds. `session` is in it, acting as the owner; other tools may connect
   * to `database` themselves. All sessions have to be closed on return, except the given one.
   */
  fill(session: EngineSession, database: string): Promise<void>;
}

export interface TestDatabasesOptions {
  /**
   * Opens a session as a role that may create databases: in the given database, or, without one, in any that is
   * always there (`postgres`). It has to be a direct connection: poolers such as PgBouncer or RDS Proxy break
   * session locks.
   */
  connect(database?: string): Promise<EngineSession>;
  /** What the databases are for, as 1 to 63 of `a-z0-9_`: it is in the ledger, not in the names. */
  readonly name: string;
  readonly template: EngineTemplate;
  /**
   * Owns the databases and the objects in them. Default: the role of `connect`, who else has to be a member of
   * it.
   */
  readonly owner?: string;
  /** Logins that may connect beside the owner. Default none. */
  readonly logins?: readonly string[];
  /** Workers that ask at once. Default 1. */
  readonly workers?: number;
  /** Machines that share the server for this suite. Default 1. */
  readonly shards?: number;
  /** As {@link ConnectionWishes.sessionsPerWorker}. Default 10. */
  readonly sessionsPerWorker?: number;
  /** As {@link PoolOptions.depth}. */
  readonly depth?: number;
  /** As {@link PoolOptions.maxResets}. */
  readonly maxResets?: number;
  /** As {@link PoolOptions.maxDiscarded}. */
  readonly maxDiscarded?: number;
  /**
   * How long databases that were released with `kept` outlive the run, by the server's clock. Default 10
   * minutes.
   */
  readonly keepMs?: number;
  /** Sweep what dead runs have left, in the background, once. Default true. */
  readonly sweep?: boolean;
  /** How long to wait for somebody else who builds the same template. Default 10 minutes. */
  readonly buildTimeoutMs?: number;
  readonly onEvent?: (event: PoolEvent) => void;
  readonly signal?: AbortSignal;
}

/** Databases of one run on a plain server. */
export interface TestDatabases extends AsyncDisposable {
  readonly run: string;
  /** `built`: this run has built it; else it was there. */
  readonly template: { readonly name: string; readonly built: boolean };
  readonly connections: ConnectionBudget;
  /** As {@link DatabasePool.acquire}; the key defaults to one for all. */
  acquire(request?: Partial<AcquireRequest>): Promise<PooledDatabase>;
  /** As {@link DatabasePool.release}. */
  release(name: string, options?: ReleaseOptions): ReleasedDatabase;
  /**
   * Makes a database that was acquired and filled further the source of others: `acquire({ branch })` gives clones
   * of it. It is given back by that; whoever is still in it is put out.
   */
  branch(name: string, branch: string): Promise<void>;
  /** Fulfils when nothing goes on in the background. */
  idle(): Promise<void>;
  statistics(): PoolStatistics;
  /** Sweeps what dead runs have left. With `dryRun` it only says what it would do. */
  gc(options?: { readonly dryRun?: boolean }): Promise<SweepReport>;
  /** Fulfils when the run is over; `reason` is undefined after `close()`, else what ended it. */
  readonly closed: Promise<{ readonly reason: unknown }>;
  /** Drops the run's databases, except kept ones, and gives the lease back. */
  close(): Promise<void>;
}
