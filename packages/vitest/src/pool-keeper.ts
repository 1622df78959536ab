import type { Pool, PoolConfig } from 'pg';

/** Databases whose sessions stay open between uses; a worker that tests in turns has two. */
const MOST_DATABASES = 4;

/**
 * The pools of the fixtures, by database and role. Between uses of a database its pool stays, so that the next user finds
 * sessions that are connected; those of databases that did not come back are ended.
 */
export class PoolKeeper {
  readonly #create: (config: PoolConfig) => Pool;
  /** In the order of last use. */
  readonly #databases = new Map<string, Map<string, Pool>>();
  readonly #inUse = new Set<string>();

  constructor(create: (config: PoolConfig) => Pool) {
    this.#create = create;
  }

  pool(database: string, role: string, config: () => PoolConfig): Pool {
    const pools = this.#databases.get(database) ?? new Map<string, Pool>();
    this.#databases.delete(database);
    this.#databases.set(database, pools);
    const known = pools.get(role);
    if (known !== undefined && !known.ending) return known;
    const pool = this.#create(config());
    // The server ends sessions when it gives a database up. Whoever is using one gets the error of its statement.
    pool.on('error', () => undefined);
    pool.on('connect', (client) => client.on('error', () => undefined));
    pools.set(role, pool);
    return pool;
  }

  /** A database is used from now on. */
  use(database: string): void {
    this.#inUse.add(database);
  }

  /** It is not used any more. Ends the sessions of those that have not been for longest; that is not waited for. */
  rest(database: string): void {
    this.#inUse.delete(database);
    const resting = [...this.#databases.keys()].filter((name) => !this.#inUse.has(name));
    for (const name of resting.slice(0, -MOST_DATABASES)) void this.end(name);
  }

  /** Ends the sessions of a database. Those that somebody has not given back are not waited for. */
  async end(database: string): Promise<void> {
    const pools = [...(this.#databases.get(database)?.values() ?? [])];
    this.#databases.delete(database);
    await Promise.all(
      pools.map(async (pool) => {
        if (pool.ending) return;
        const ended = pool.end().catch(() => undefined);
        // pg waits for ever for a client that was not given back.
        if (pool.idleCount === pool.totalCount) await ended;
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.#databases.keys()].map((database) => this.end(database)));
  }
}
