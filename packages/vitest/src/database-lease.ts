import type { AcquiredDatabase, HostClient } from '@postern/connect/host';
import type { Client, Pool, PoolConfig } from 'pg';
import { epoch, now } from './clock.ts';
import type { SessionLeak } from './observe/observed-session.ts';
import type { SessionObserver } from './observe/observer.ts';
import type { TestSettings } from './options.ts';
import type { PoolKeeper } from './pool-keeper.ts';
import type { PosternKept, PosternMeta, PosternSpan } from './reporter/meta.ts';
import { type Sql, sqlOn } from './sql.ts';
import {
  roleOf,
  sessionConfig,
  type TestDatabase,
  type TestDatabaseParts,
  testDatabase,
  transactionOnly,
} from './test-database.ts';
import { type TestTransaction, TransactionSessions } from './transaction-sessions.ts';
import { WarmSession } from './warm-session.ts';

export interface LeaseParts {
  readonly host: HostClient;
  readonly acquired: AcquiredDatabase;
  /** Of whoever asked for it first; what others may say differently they say to `view`. */
  readonly settings: TestSettings;
  readonly observer: SessionObserver;
  readonly pools: PoolKeeper;
  /** Of pg, as this package has it. */
  readonly Client: new (
    config?: unknown,
  ) => Client;
  /** True: the database goes back when the lease ends. False: it stays with its key until the run ends. */
  readonly owned: boolean;
  /** True: sessions stay open for whoever gets the database next in this process. */
  readonly keepSessions: boolean;
  /** When it was asked for, and how long that took. */
  readonly span: PosternSpan;
  /** Takes another declared database, for as long as this lease. */
  readonly takeOther: (database: string) => Promise<DatabaseLease>;
}

/** Why a lease ends, and whether its database stays for a person to look into. */
export interface LeaseEnd {
  readonly failed: boolean;
  readonly keep: boolean;
}

/** What the end of a lease has found. */
export interface LeaseReport {
  readonly leaks: readonly SessionLeak[];
  readonly kept: PosternKept | undefined;
  /** It was to be kept, and as many as may be are kept already. */
  readonly notKept: string | undefined;
  readonly span: PosternSpan;
}

/** A database as tests with certain settings have it. */
export interface DatabaseView {
  readonly database: TestDatabase;
  readonly settings: TestSettings;
  /** The pool of the test's role. */
  pool(): Pool;
  sql(): Sql;
  /** A session of the test's role in a transaction. */
  begin(): Promise<TestTransaction>;
  /** A database of another service, given back together with this one. */
  other(database: string): Promise<TestDatabase>;
}

/** A database from when it was acquired until it is given back, and the sessions of the fixtures in it. */
export class DatabaseLease {
  readonly #parts: LeaseParts;
  readonly #others = new Map<string, Promise<DatabaseLease>>();
  readonly #transactions = new Map<string, TransactionSessions>();
  #warm: { readonly role: string; readonly session: WarmSession } | undefined;
  readonly #told = new Set<SessionLeak['pid']>();
  #ending: Promise<LeaseReport> | undefined;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
    parts.pools.use(parts.acquired.name);
  }

  get name(): string {
    return this.#parts.acquired.name;
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

  /** Tests that share a database may act as different roles. */
  view(settings: TestSettings): DatabaseView {
    const transactionOnlyMode = settings.isolation === 'transaction';
    const parts = this.#database(settings);
    const pool = (): Pool => {
      if (transactionOnlyMode) throw transactionOnly('`pool`');
      return this.#pool(parts);
    };
    return {
      settings,
      database: testDatabase({ ...parts, transactionOnly: transactionOnlyMode }),
      pool,
      sql: () => sqlOn(pool()),
      begin: async () => await this.#sessions(parts).begin(),
      other: async (name) => await this.#other(name),
    };
  }

  #database({ role }: Pick<TestSettings, 'role'>): TestDatabaseParts {
    const { host, acquired, observer } = this.#parts;
    const offer = (of: string, config: PoolConfig): PoolConfig =>
      this.#warm?.role === of ? this.#warm.session.offer(config, this.#parts.Client) : config;
    return { host, acquired, observer, role, transactionOnly: false, offer };
  }

  #pool(parts: TestDatabaseParts): Pool {
    const role = roleOf(parts);
    return this.#parts.pools.pool(this.name, role, () => sessionConfig(parts, role));
  }

  #sessions(parts: TestDatabaseParts): TransactionSessions {
    const role = roleOf(parts);
    const known = this.#transactions.get(role);
    if (known !== undefined) return known;
    const sessions = new TransactionSessions(async () => {
      const client = new this.#parts.Client(sessionConfig(parts, role));
      client.on('error', () => undefined); // the statement that needed the session fails
      await client.connect();
      return client;
    });
    this.#transactions.set(role, sessions);
    return sessions;
  }

  /** Has a URL of `fileUrl` lead here, as the role of these settings. Gives how many sessions it had led elsewhere. */
  async lead(alias: string, settings: TestSettings): Promise<number> {
    const { host, acquired } = this.#parts;
    const role = roleOf({ acquired, role: settings.role });
    return (await host.leadUrl({ alias, name: this.name, role })).left;
  }

  async #other(name: string): Promise<TestDatabase> {
    const other = this.#others.get(name) ?? this.#parts.takeOther(name);
    this.#others.set(name, other);
    other.catch(() => this.#others.delete(name));
    const { settings } = this.#parts;
    return (await other).view({ ...settings, role: undefined, isolation: 'reset' }).database;
  }

  /** Opens a session of the pool, so that the first statement need not wait for it. Failures show when it is used. */
  async connectAhead(): Promise<void> {
    try {
      const client = await this.#pool(this.#database(this.#parts.settings)).connect();
      client.release();
    } catch {
      // told to whoever uses it
    }
  }

  /**
   * Opens a session for the first pool that is made with the default role, whether the fixtures make it or the suite does.
   * In vain where there is no such role or pool.
   */
  warmUp(): void {
    const { acquired, settings, Client } = this.#parts;
    const role = settings.role ?? acquired.defaultRole;
    if (role === undefined || settings.isolation === 'transaction' || this.#warm !== undefined) return;
    if (!Object.hasOwn(acquired.roles, role)) return;
    const config = sessionConfig(this.#database({ role }), role);
    const Class = (config.Client as unknown as typeof Client | undefined) ?? Client;
    this.#warm = { role, session: new WarmSession(new Class(config)) };
  }

  /** Leaks are told once. */
  untold(leaks: readonly SessionLeak[]): SessionLeak[] {
    const untold = leaks.filter(({ pid }) => pid === undefined || !this.#told.has(pid));
    for (const { pid } of untold) this.#told.add(pid);
    return untold;
  }

  /** Ends the fixtures' sessions and gives the database back, or keeps it for a person. Twice is once. */
  end(options: LeaseEnd): Promise<LeaseReport> {
    this.#ending ??= this.#end(options);
    return this.#ending;
  }

  async #end({ failed, ...asked }: LeaseEnd): Promise<LeaseReport> {
    const { observer, pools, owned, keepSessions, settings } = this.#parts;
    const keep = asked.keep && settings.scope !== 'run'; // other workers are using it
    const startedAt = epoch(now());
    const others = await Promise.allSettled(this.#others.values());
    const reports = await Promise.all(
      others.map((other) => (other.status === 'fulfilled' ? other.value.end({ failed, keep }) : undefined)),
    );
    await this.#warm?.session.end();
    await Promise.all([...this.#transactions.values()].map((sessions) => sessions.close()));
    if (!keepSessions || keep) await pools.end(this.name);
    const settled = await observer.settle(this.name);
    const kept = owned || keep ? await this.#giveBack({ sessions: settled.keep, failed, keep }) : undefined;
    pools.rest(this.name);
    return {
      leaks: [...this.untold(settled.leaks), ...reports.flatMap((report) => report?.leaks ?? [])],
      kept,
      notKept: keep && kept === undefined ? this.name : undefined,
      span: { phase: 'release', startedAt, durationMs: epoch(now()) - startedAt },
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
    const open = openCommand(name, process.env);
    return {
      database: name,
      open,
      ...(released.keptMs === undefined ? {} : { until: Date.now() + released.keptMs }),
    };
  }
}

/** What decides which host is asked; postern-url would otherwise ask that of the default environment. */
const OF_THE_HOST = ['POSTERN_ENV', 'POSTERN_LOCAL_PATH'];

export function openCommand(database: string, env: NodeJS.ProcessEnv): string {
  const chosen = OF_THE_HOST.filter((name) => /^[\w.-]+$/.test(env[name] ?? ''));
  const settings = chosen.map((name) => `${name}=${env[name]} `).join('');
  return `psql "$(${settings}npx postern-url ${database})"`;
}
