import type { AcquiredDatabase, HostClient } from '@postern/connect/host';
import type { Client, Pool } from 'pg';
import type { SessionLeak } from './observe/observed-session.ts';
import type { SessionObserver } from './observe/observer.ts';
import type { TestSettings } from './options.ts';
import type { PoolKeeper } from './pool-keeper.ts';
import type { PosternKept, PosternMeta, PosternSpan } from './reporter/meta.ts';
import { type Sql, sqlOn } from './sql.ts';
import { roleOf, sessionConfig, type TestDatabase, testDatabase, transactionOnly } from './test-database.ts';
import { TransactionSessions } from './transaction-sessions.ts';

export interface LeaseParts {
  readonly host: HostClient;
  readonly acquired: AcquiredDatabase;
  readonly settings: TestSettings;
  readonly observer: SessionObserver;
  readonly pools: PoolKeeper;
  readonly connections: number;
  readonly createClient: (config: ReturnType<typeof sessionConfig>) => Client;
  /** True: the database goes back when the lease ends. False: it stays with its key until the run ends. */
  readonly owned: boolean;
  /** True: sessions stay open for whoever gets the database next in this process. */
  readonly keepSessions: boolean;
  /** When it was asked for, and how long that took. */
  readonly span: PosternSpan;
  /** Takes another declared database, for as long as this lease. */
  readonly takeOther: (database: string) => Promise<DatabaseLease>;
}

/** What the end of a lease has found. */
export interface LeaseReport {
  readonly leaks: readonly SessionLeak[];
  readonly kept: PosternKept | undefined;
  readonly span: PosternSpan;
}

/** `performance.now()` as epoch milliseconds. */
export const now = (): number => performance.timeOrigin + performance.now();

/** A database from when it was acquired until it is given back, and the sessions of the fixtures in it. */
export class DatabaseLease {
  readonly #parts: LeaseParts;
  readonly #others = new Map<string, Promise<DatabaseLease>>();
  readonly database: TestDatabase;
  readonly transactions: TransactionSessions;
  #ending: Promise<LeaseReport> | undefined;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
    const { settings } = parts;
    this.database = testDatabase({
      ...this.#session(),
      transactionOnly: settings.isolation === 'transaction',
    });
    this.transactions = new TransactionSessions(async () => {
      const client = parts.createClient(sessionConfig(this.#session(), roleOf(this.#session())));
      client.on('error', () => undefined); // the statement that needed the session fails
      await client.connect();
      return client;
    });
  }

  get name(): string {
    return this.#parts.acquired.name;
  }

  get settings(): TestSettings {
    return this.#parts.settings;
  }

  get observer(): SessionObserver {
    return this.#parts.observer;
  }

  /** How the database came, for the reporter. */
  get meta(): PosternMeta {
    const { acquired, settings, span } = this.#parts;
    const { scope, isolation } = settings;
    return { database: acquired.name, scope, isolation, origin: acquired.origin, spans: [span] };
  }

  #session(): Parameters<typeof testDatabase>[0] {
    const { host, acquired, observer, connections, settings } = this.#parts;
    return { host, acquired, observer, connections, role: settings.role, transactionOnly: false };
  }

  /** The pool of the test's role. */
  pool(): Pool {
    if (this.settings.isolation === 'transaction') throw transactionOnly('`pool`');
    return this.poolOf(roleOf(this.#session()));
  }

  poolOf(role: string): Pool {
    return this.#parts.pools.pool(this.name, role, () => sessionConfig(this.#session(), role));
  }

  sql(): Sql {
    return sqlOn(this.pool());
  }

  /** A database of another service, given back together with this one. */
  async other(database: string): Promise<TestDatabase> {
    const other = this.#others.get(database) ?? this.#parts.takeOther(database);
    this.#others.set(database, other);
    other.catch(() => this.#others.delete(database));
    return (await other).database;
  }

  /** Opens a session of the pool, so that the first statement need not wait for it. Failures show when it is used. */
  async connectAhead(): Promise<void> {
    try {
      const client = await this.pool().connect();
      client.release();
    } catch {
      // told to whoever uses it
    }
  }

  /** Ends the fixtures' sessions and gives the database back. Twice is once. */
  end(options: { failed: boolean }): Promise<LeaseReport> {
    this.#ending ??= this.#end(options.failed);
    return this.#ending;
  }

  async #end(failed: boolean): Promise<LeaseReport> {
    const { settings, observer, pools, owned, keepSessions } = this.#parts;
    const startedAt = now();
    const others = await Promise.allSettled(this.#others.values());
    const reports = await Promise.all(
      others.map((other) => (other.status === 'fulfilled' ? other.value.end({ failed }) : undefined)),
    );
    const keep = settings.keep === 'always' || (settings.keep === 'on-failure' && failed);
    await this.transactions.close();
    if (!keepSessions || keep) await pools.end(this.name);
    const settled = await observer.settle(this.name);
    const kept = owned || keep ? await this.#giveBack({ sessions: settled.keep, failed, keep }) : undefined;
    pools.endOldest();
    return {
      leaks: [...settled.leaks, ...reports.flatMap((report) => report?.leaks ?? [])],
      kept,
      span: { phase: 'release', startedAt, durationMs: now() - startedAt },
    };
  }

  async #giveBack(how: {
    sessions: readonly number[];
    failed: boolean;
    keep: boolean;
  }): Promise<PosternKept | undefined> {
    const { host, acquired, settings } = this.#parts;
    const { run, name } = acquired;
    const reuse = settings.isolation !== 'clone';
    const released = await host.release({ run, name, reuse, ...how });
    if (released.kept !== true) return undefined;
    const open = `psql "$(npx postern-url ${name})"`;
    return {
      database: name,
      open,
      ...(released.keptMs === undefined ? {} : { until: Date.now() + released.keptMs }),
    };
  }
}
