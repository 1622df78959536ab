import { connectionBudget, connectionDemand } from '../budget/connection-budget.ts';
import type { ConnectionBudget, ConnectionWishes } from '../budget/types.ts';
import { isTestDatabaseError, TestDatabaseError } from '../errors.ts';
import { openPool } from '../pool/pool.ts';
import type {
  AcquireRequest,
  DatabasePool,
  PooledDatabase,
  PoolStatistics,
  ReleasedDatabase,
  ReleaseOptions,
} from '../pool/types.ts';
import { newRunId } from '../run-id.ts';
import { sealBranch } from '../server/branches.ts';
import { claimConnections } from '../server/claims.ts';
import { dropRun } from '../server/drops.ts';
import { dropHalfBuilt } from '../server/half-built.ts';
import { maintenanceDatabase } from '../server/names.ts';
import { type SweepReport, sweep } from '../server/sweep.ts';
import { templateKey } from '../server/template-key.ts';
import type { Template } from '../server/templates.ts';
import { SqlBackend, workTimeoutMs } from './backend.ts';
import { hashOf } from './hash.ts';
import { type KeptLease, keepLease } from './lease-keeper.ts';
import { openMaintenance } from './ledger.ts';
import { checkOptions } from './options.ts';
import type { Identity } from './roles.ts';
import { SessionSlot } from './session-slot.ts';
import { finish, provideTemplate } from './template.ts';
import type { EngineSession, TestDatabases, TestDatabasesOptions } from './types.ts';

/**
 * Opens a run on a plain PostgreSQL server, version 14 or newer, and starts to clone. Everything that it needs
 * there (the maintenance database `postern` with the ledger, the template of the hash) is made if missing, by one
 * of those who come at once.
 *
 * @throws TestDatabaseError `TESTDB_OPTION_INVALID`, `TESTDB_DENIED`, `TESTDB_CONNECTIONS`, `TESTDB_NAME_TAKEN`,
 * `TESTDB_BUSY` (somebody else builds the template for longer than `buildTimeoutMs`), and whatever `fill` and
 * `connect` throw
 */
export async function openTestDatabases(given: TestDatabasesOptions): Promise<TestDatabases> {
  checkOptions(given);
  const { signal } = given;
  signal?.throwIfAborted();
  const options = { ...given, connect: quietly(given.connect) };
  const run = newRunId();
  let first: EngineSession | undefined = await openMaintenance(options.connect);
  const work = new SessionSlot(async () => {
    const session = first ?? (await options.connect(maintenanceDatabase));
    first = undefined;
    return session;
  });
  // Somebody else may be building the template for minutes.
  let interrupted: Promise<void> | undefined;
  const interrupt = (): void => {
    interrupted = work.interrupt();
  };
  signal?.addEventListener('abort', interrupt);
  let lease: KeptLease | undefined;
  try {
    signal?.throwIfAborted();
    const identity = await work.use((session) => identify(session, options));
    lease = await keepLease({
      run,
      connect: () => options.connect(maintenanceDatabase),
      ...(signal && { signal }),
    });
    const connections = await budget(work, run, options);
    const template = await work.use((session) => {
      signal?.throwIfAborted(); // an abort from here on finds this session, and ends it
      return provideTemplate(session, options, identity);
    });
    signal?.throwIfAborted();
    const databaseBytes = await work.use((session) => sizeOf(session, template.name));
    return new OpenRun({ options, run, work, lease, connections, identity, template, databaseBytes });
  } catch (error) {
    await interrupted;
    if (lease) {
      await work
        .use((session) => dropRun(session, { run, connect: options.connect, lockTimeoutMs: workTimeoutMs }))
        .catch(() => undefined);
      await lease.close();
      // With the session its locks are gone. What cannot be dropped now is left to the sweep.
      await work
        .use(async (session) =>
          dropHalfBuilt(session, (await templateKey(session, options.template.hash)).key),
        )
        .catch(() => undefined);
    }
    await work.close();
    // Nobody has used it yet.
    await first?.end().catch(() => undefined);
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
}

/** A session whose end nobody listens to must not end the process: what it does next fails, and says so. */
function quietly(connect: TestDatabasesOptions['connect']): TestDatabasesOptions['connect'] {
  return async (database) => {
    const session = await connect(database);
    session.on('error', () => undefined);
    return session;
  };
}

async function identify(session: EngineSession, { owner }: TestDatabasesOptions): Promise<Identity> {
  const { rows } = await session.query('SELECT current_user AS master');
  const { master } = rows[0];
  return { master, owner: owner ?? master };
}

async function sizeOf(session: EngineSession, database: string): Promise<number> {
  const { rows } = await session.query('SELECT pg_database_size($1::name)::float8 AS bytes', [database]);
  return rows[0].bytes;
}

/** The lease, the working session, the sweeper's, and one for each database that is in use or about to be. */
function ownSessions({ workers = 1 }: TestDatabasesOptions): number {
  return 3 + resetSessions(workers);
}

/** A database in use and one fetched ahead for each worker. */
function resetSessions(workers: number): number {
  return 2 * workers;
}

async function budget(
  work: SessionSlot,
  run: string,
  options: TestDatabasesOptions,
): Promise<ConnectionBudget> {
  const { workers = 1, shards = 1, sessionsPerWorker } = options;
  const wishes: ConnectionWishes = {
    workers,
    own: ownSessions(options),
    ...(sessionsPerWorker !== undefined && { sessionsPerWorker }),
  };
  const claim = await work.use((session) =>
    claimConnections(session, { run, shards, ...connectionDemand(wishes) }),
  );
  return connectionBudget({ ...wishes, ...claim, shards });
}

interface Opened {
  readonly options: TestDatabasesOptions;
  readonly run: string;
  readonly work: SessionSlot;
  readonly lease: KeptLease;
  readonly connections: ConnectionBudget;
  readonly identity: Identity;
  readonly template: Template & { readonly built: boolean };
  readonly databaseBytes: number;
}

class OpenRun implements TestDatabases {
  readonly run: string;
  readonly template: { readonly name: string; readonly built: boolean };
  readonly connections: ConnectionBudget;
  readonly closed: Promise<{ readonly reason: unknown }>;
  readonly #opened: Opened;
  readonly #backend: SqlBackend;
  readonly #pool: DatabasePool;
  readonly #kept: string[] = [];
  readonly #sweeping: Promise<unknown>;
  /** What ended the run, if that was not `close()`. */
  #over: unknown;
  #closing: Promise<void> | undefined;

  constructor(opened: Opened) {
    const { options, run, work, lease, connections, template } = opened;
    const { workers = 1, depth, maxResets, maxDiscarded, onEvent } = options;
    this.#opened = opened;
    this.run = run;
    this.connections = connections;
    this.template = { name: template.name, built: template.built };
    this.#backend = new SqlBackend({ run, options, template, work, resetSessions: resetSessions(workers) });
    this.#pool = openPool({
      backend: this.#backend,
      workers,
      // Clones of one run come one after the other: they share the run's lock.
      producers: 1,
      databaseBytes: opened.databaseBytes,
      ...(depth !== undefined && { depth }),
      ...(maxResets !== undefined && { maxResets }),
      ...(maxDiscarded !== undefined && { maxDiscarded }),
      ...(onEvent && { onEvent }),
    });
    this.closed = lease.closed;
    // Whose run is over gets no more databases.
    void lease.closed.then(async ({ reason }) => {
      this.#over = reason;
      if (reason !== undefined) await this.#pool.close();
    });
    this.#sweeping = options.sweep === false ? Promise.resolve() : this.gc().catch(() => undefined);
  }

  async acquire(request: Partial<AcquireRequest> = {}): Promise<PooledDatabase> {
    const database = await this.#pool.acquire({ key: '', ...request }).catch((error: unknown) => {
      const closed = isTestDatabaseError(error) && error.code === 'TESTDB_POOL_CLOSED';
      throw closed && this.#over !== undefined ? this.#over : error;
    });
    if (request.isolation !== 'clone') this.#backend.prepareReset(database.name);
    return database;
  }

  release(name: string, options: ReleaseOptions = {}): ReleasedDatabase {
    const released = this.#pool.release(name, options);
    if (released.will === 'keep') this.#kept.push(name);
    if (released.will !== 'reset') void this.#backend.forget(name);
    return released;
  }

  async branch(name: string, branch: string): Promise<void> {
    if (this.#backend.hasBranch(branch)) {
      throw new TestDatabaseError('TESTDB_BRANCH_INVALID', `this run has a branch "${branch}" already`, {
        kind: 'conflict',
        hint: 'Acquire clones of it, or choose another name.',
      });
    }
    this.#pool.release(name, { kept: true });
    await this.#backend.forget(name);
    const { options, run, work, identity } = this.#opened;
    const hash = hashOf(options.template.hash, branch);
    await work.use((session) =>
      sealBranch(session, {
        run,
        database: options.name,
        hash,
        from: name,
        lockTimeoutMs: workTimeoutMs,
        seal: (database) => finish(options.connect, identity, database),
      }),
    );
    this.#backend.addBranch(branch, { hash, from: name });
  }

  idle(): Promise<void> {
    return this.#pool.idle();
  }

  statistics(): PoolStatistics {
    return this.#pool.statistics();
  }

  /** In a session of its own: it may have much to do, and clones are not to wait for it. */
  async gc(options: { readonly dryRun?: boolean } = {}): Promise<SweepReport> {
    const { connect } = this.#opened.options;
    const session = await connect(maintenanceDatabase);
    try {
      return await sweep(session, { ...options, connect, lockTimeoutMs: 1_000 });
    } finally {
      await session.end().catch(() => undefined);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { run, work, lease, options } = this.#opened;
    await this.#pool.close();
    await this.#sweeping;
    await this.#backend.close();
    try {
      await work.use(
        (session) =>
          dropRun(session, {
            run,
            keep: this.#kept,
            connect: options.connect,
            ...(options.keepMs !== undefined && { keepMs: options.keepMs }),
            lockTimeoutMs: workTimeoutMs,
          }),
        { repeatable: true },
      );
    } finally {
      await lease.close();
      await work.close();
    }
  }
}
