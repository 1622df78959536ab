import { randomBytes } from 'node:crypto';
import { attachHost, type FileUrl, type HostClient } from '@postern/connect/host';
import type { Prefetcher } from '@postern/test-databases';
import type { Client, Pool } from 'pg';
import { epoch, now } from './clock.ts';
import { DatabaseLease } from './database-lease.ts';
import { DatabaseSlot } from './database-slot.ts';
import { PosternVitestError } from './errors.ts';
import type { SessionCounters } from './observe/observed-session.ts';
import { openObserver, type SessionObserver } from './observe/observer.ts';
import { projectClient } from './observe/project-client.ts';
import type { TestSettings } from './options.ts';
import { PoolKeeper } from './pool-keeper.ts';
import type { ProvidedPostern } from './provided-context.ts';
import { seedKey } from './seed.ts';
import { seedBranch } from './seed-branch.ts';
import { sqlOn } from './sql.ts';
import { roleOf, sessionConfig, testDatabase } from './test-database.ts';

interface Tools {
  readonly observer: SessionObserver;
  readonly pools: PoolKeeper;
  readonly Client: new (config?: unknown) => Client;
}

/**
 * What a worker process has of the run: one connection to the host, the databases that it holds, the sessions with them. It
 * lives as long as somebody uses it, and longer where files share the process.
 */
export class WorkerSession {
  readonly provided: ProvidedPostern;
  readonly #poolId: string;
  readonly #id: string = randomBytes(4).toString('hex');
  readonly #slots = new Map<string, DatabaseSlot>();
  readonly #branches = new Map<string, Promise<string>>();
  readonly #feeds = new Map<string, Promise<Prefetcher<DatabaseLease>>>();
  /** Of the tests that the file has defined until now, in that order. */
  readonly collected: TestSettings[] = [];
  #fileUrl: Promise<FileUrl> | undefined;
  #host: Promise<HostClient> | undefined;
  #tools: Promise<Tools> | undefined;
  #observer: SessionObserver | undefined;
  #taken = 0;
  #users = 0;
  #counted: SessionCounters = NOTHING;
  #closing: Promise<void> | undefined;
  /** Set when a test has used sessions of the fixtures: the next database gets one ahead. */
  wantsSessions = false;

  constructor(provided: ProvidedPostern, poolId: string | undefined) {
    this.provided = provided;
    this.#poolId = poolId ?? '1';
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Undefined before the first database was asked for. */
  get observer(): SessionObserver | undefined {
    return this.#observer;
  }

  /** The database that all tests with these settings share in this worker; being fetched from now on. */
  slot(settings: TestSettings): DatabaseSlot {
    const key = slotKey(settings);
    const known = this.#slots.get(key);
    if (known !== undefined && !known.ended) return known;
    const slot = new DatabaseSlot(() => this.#acquire(settings));
    this.#slots.set(key, slot);
    return slot;
  }

  /** The same, if somebody has asked for it. */
  openSlot(settings: TestSettings): DatabaseSlot | undefined {
    return this.#slots.get(slotKey(settings));
  }

  /** A database of its own for each caller; the next one is made ready while this one is in use. */
  async next(settings: TestSettings): Promise<DatabaseLease> {
    return await (await this.feed(settings)).next();
  }

  feed(settings: TestSettings): Promise<Prefetcher<DatabaseLease>> {
    const key = slotKey(settings);
    const known = this.#feeds.get(key);
    if (known !== undefined) return known;
    const feed = import('@postern/test-databases').then(({ openPrefetcher }) =>
      openPrefetcher<DatabaseLease>({
        take: async () => {
          const lease = await this.#acquire(settings);
          if (this.wantsSessions) await lease.connectAhead();
          return lease;
        },
        giveBack: async (lease) => void (await lease.end({ failed: false, keep: false })),
      }),
    );
    this.#feeds.set(key, feed);
    return feed;
  }

  /** The URL that the environment of this process has, also for the files to come. */
  fileUrl(): Promise<FileUrl> {
    this.#fileUrl ??= this.#attach().then(async (host) => {
      const { run, defaults } = this.provided;
      const { role } = defaults;
      return await host.fileUrl({ run, ...(role === undefined ? {} : { role }) });
    });
    this.#fileUrl.catch(() => {
      this.#fileUrl = undefined; // the next file tries again
    });
    return this.#fileUrl;
  }

  /** That URL leads nowhere from now on. */
  async leadNowhere(why: string): Promise<void> {
    const { alias } = await this.fileUrl();
    await (await this.#attach()).leadUrl({ alias, why });
  }

  /**
   * What the sessions of this process have done since then, or what has been counted for no test yet. Nothing is counted
   * twice, except for tests that run at once.
   */
  count(before?: SessionCounters): SessionCounters | undefined {
    const counters = this.#observer?.countersSince(before ?? this.#counted);
    if (counters !== undefined) this.#counted = sum(this.#counted, counters);
    return counters;
  }

  /** Keeps the session open until the returned function has been called. */
  retain(): () => Promise<void> {
    this.#users += 1;
    let done = false;
    return async () => {
      if (done) return;
      done = true;
      this.#users -= 1;
      if (this.#users > 0) return;
      // Nobody uses what was fetched ahead any more, and who comes next starts with a new one.
      await this.#endAhead();
      if (!this.provided.sharedProcess) await this.close();
    };
  }

  async #endAhead(): Promise<void> {
    const feeds = [...this.#feeds.values()];
    const slots = [...this.#slots.values()].filter((slot) => slot.users === 0);
    this.#feeds.clear();
    await Promise.allSettled([
      ...feeds.map(async (feed) => await (await feed).close()),
      ...slots.map(async (slot) => await slot.end()),
    ]);
  }

  /** Ends the connection to the host; databases that were not given back go back by that. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#tools?.then(({ pools }) => pools.close()).catch(() => undefined);
      await this.#host?.then((host) => host.close()).catch(() => undefined);
    })();
    return this.#closing;
  }

  async #acquire(settings: TestSettings, other?: string, sharedWith?: string): Promise<DatabaseLease> {
    const startedAt = epoch(now());
    const { provided } = this;
    if (provided.failed !== undefined) throw rerunFailed(provided.failed);
    const [host, tools] = await Promise.all([this.#attach(), this.#load()]);
    const parts = { host, ...tools, settings };
    const key = sharedWith ?? this.#key(settings);
    const branch = other === undefined ? await this.#branch(parts) : undefined;
    const owned = settings.scope === 'file' || settings.scope === 'test';
    const acquired = await host.acquire({
      run: provided.run,
      key: other === undefined ? key : `${key}/${other}`,
      isolation: settings.isolation === 'clone' ? 'clone' : 'reset',
      shared: !owned,
      ...(branch === undefined ? {} : { branch }),
      ...(other === undefined ? {} : { database: other }),
    });
    return new DatabaseLease({
      ...parts,
      acquired,
      owned,
      keepSessions: provided.sharedProcess || settings.scope === 'test',
      span: { phase: 'acquire', startedAt, durationMs: epoch(now()) - startedAt },
      takeOther: async (database) => await this.#acquire({ ...settings, seed: undefined }, database, key),
    });
  }

  async #branch(parts: SeedingParts): Promise<string | undefined> {
    const { host, settings } = parts;
    const { seed } = settings;
    if (seed === undefined) return undefined;
    const key = seedKey(seed);
    const { run } = this.provided;
    const branch =
      this.#branches.get(key) ??
      seedBranch({ host, run, seed, open: (acquired) => seeding(parts, acquired) });
    this.#branches.set(key, branch);
    branch.catch(() => this.#branches.delete(key)); // the next who asks tries again
    return await branch;
  }

  /**
   * `VITEST_POOL_ID` is bounded (1 … maxWorkers) and reused, and the host goes by what is before the colon: a slot gets what
   * it had before. `VITEST_WORKER_ID` grows with every file.
   */
  #key({ scope, seed }: TestSettings): string {
    const seeded = seed === undefined ? '' : `:${seedKey(seed).slice(0, 16)}`;
    if (scope === 'run') return `run${seeded}`;
    if (scope === 'worker') return `${this.#poolId}${seeded}`;
    this.#taken += 1;
    // Tests have two by turns, if both come back: the fixtures have sessions with them.
    const turn = scope === 'test' ? `.${this.#taken % 2}` : '';
    return `${this.#poolId}${turn}:${this.#id}:${this.#taken}`;
  }

  #attach(): Promise<HostClient> {
    this.#host ??= attachHost({ controlSocket: this.provided.controlSocket });
    this.#host.catch(() => {
      this.#host = undefined; // the next who asks tries again
    });
    return this.#host;
  }

  #load(): Promise<Tools> {
    this.#tools ??= (async () => {
      const [{ default: pg }, projectsClient] = await Promise.all([
        import('pg'),
        projectClient(this.provided.root),
      ]);
      const observer = openObserver({ Client: projectsClient });
      this.#observer = observer;
      return {
        observer,
        pools: new PoolKeeper((config): Pool => new pg.Pool(config)),
        Client: pg.Client as unknown as new (config?: unknown) => Client,
      };
    })();
    return this.#tools;
  }
}

function rerunFailed({ message, hint }: NonNullable<ProvidedPostern['failed']>): PosternVitestError {
  return new PosternVitestError('VITEST_SETUP_FAILED', {
    kind: 'invalid',
    message,
    hint: hint ?? 'Correct it and save: the next rerun tries again.',
  });
}

const NOTHING: SessionCounters = {
  queries: 0,
  roundTrips: 0,
  connections: 0,
  failedConnections: 0,
  errors: 0,
  connectMs: 0,
};

function sum(one: SessionCounters, other: SessionCounters): SessionCounters {
  const names = Object.keys(NOTHING) as Array<keyof SessionCounters>;
  return Object.fromEntries(
    names.map((name) => [name, one[name] + other[name]]),
  ) as unknown as SessionCounters;
}

/** Tests with equal settings share a database; role, log and what becomes of it afterwards do not matter for that. */
function slotKey({ scope, isolation, seed }: TestSettings): string {
  return JSON.stringify([scope, isolation, seed === undefined ? '' : seedKey(seed)]);
}

type SeedingParts = Tools & { host: HostClient; settings: TestSettings };

function seeding(
  { pools, settings, ...parts }: SeedingParts,
  acquired: Awaited<ReturnType<HostClient['acquire']>>,
): ReturnType<Parameters<typeof seedBranch>[0]['open']> {
  const role = settings.seed?.role ?? settings.role;
  const database = { ...parts, acquired, role, transactionOnly: false };
  const chosen = roleOf(database);
  const pool = pools.pool(acquired.name, chosen, () => sessionConfig(database, chosen));
  return {
    database: testDatabase(database),
    pool,
    sql: sqlOn(pool),
    close: async () => await pools.end(acquired.name),
  };
}
