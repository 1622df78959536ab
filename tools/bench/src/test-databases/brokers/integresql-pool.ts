import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { PREFIX } from '../methods/method.ts';
import { byTcp, OWNER, type ServerAddress } from '../server/bench-server.ts';

/** IntegreSQL's default: so long after it was handed out a database is not recreated; its client may not be in it yet. */
const MINIMAL_LIFETIME_MS = 250;
/** IntegreSQL's default: a database that somebody is still connected to is looked at again after that long. */
const RETRY_MS = 250;

export interface IntegresqlPoolOptions {
  readonly address: ServerAddress;
  readonly template: string;
  /** Appended to CREATE DATABASE; empty for the server's own choice, as IntegreSQL has it. */
  readonly strategy: string;
}

/**
 * The pool of IntegreSQL with its defaults: as many databases at the start as there are cores, four times as many at
 * most, and as many tasks at once as cores. Each database that is handed out starts a task: while the pool is below its
 * maximum, one that creates a database; and one that recreates (DROP, CREATE) the one that was handed out first.
 * While such a task waits for a database to be old enough, or to be left, it takes no other task's place here.
 */
export class IntegresqlPool {
  readonly #options: IntegresqlPoolOptions;
  readonly #sessions: pg.Pool;
  readonly #limits: { initial: number; max: number; parallel: number };
  readonly #ready: string[] = [];
  readonly #dirty: { readonly name: string; readonly since: number }[] = [];
  readonly #waiting: Array<(name: string) => void> = [];
  readonly #tasks: Array<() => Promise<void>> = [];
  readonly #running = new Set<Promise<void>>();
  #size = 0;
  #closed = false;
  #failure: unknown;

  constructor(options: IntegresqlPoolOptions) {
    this.#options = options;
    const cores = availableParallelism();
    this.#limits = { initial: cores, max: 4 * cores, parallel: cores };
    this.#sessions = new pg.Pool({
      ...byTcp(options.address, { database: 'postgres' }),
      max: cores + 2,
      idleTimeoutMillis: 0,
    });
    this.#sessions.on('error', () => {});
    for (let n = 0; n < this.#limits.initial; n++) this.#add(() => this.#extend());
  }

  /** Fulfils with the next database that is ready. */
  async get(): Promise<string> {
    if (this.#failure !== undefined) throw this.#failure;
    const name = this.#ready.shift() ?? (await new Promise<string>((resolve) => this.#waiting.push(resolve)));
    this.#dirty.push({ name, since: performance.now() });
    if (this.#size < this.#limits.max) this.#add(() => this.#extend());
    if (this.#size >= this.#limits.initial) this.#add(() => this.#recreateOldest());
    return name;
  }

  /** Fulfils when one is ready, without taking it. */
  async firstReady(): Promise<void> {
    while (this.#ready.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      await Promise.race(this.#running);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#tasks.length = 0;
    await Promise.all(this.#running);
    await this.#sessions.end();
  }

  #add(task: () => Promise<void>): void {
    this.#tasks.push(task);
    this.#next();
  }

  #next(): void {
    if (this.#closed || this.#running.size >= this.#limits.parallel) return;
    const task = this.#tasks.shift();
    if (task === undefined) return;
    const running = task()
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#running.delete(running);
        this.#next();
      });
    this.#running.add(running);
  }

  async #extend(): Promise<void> {
    if (this.#size >= this.#limits.max) return;
    const name = `${PREFIX}integresql_${String(this.#size++).padStart(3, '0')}`;
    await this.#create(name);
    this.#give(name);
  }

  async #recreateOldest(): Promise<void> {
    const [oldest] = this.#dirty;
    if (oldest === undefined) return;
    const missingMs = oldest.since + MINIMAL_LIFETIME_MS - performance.now();
    if (missingMs > 0) return this.#later(missingMs);
    this.#dirty.shift();
    const { name } = oldest;
    const { rows } = await this.#sessions.query(
      'SELECT count(pid)::int AS sessions FROM pg_stat_activity WHERE datname = $1',
      [name],
    );
    if (rows[0].sessions > 0) {
      this.#dirty.unshift(oldest);
      return this.#later(RETRY_MS);
    }
    await this.#sessions.query(`DROP DATABASE IF EXISTS ${name}`);
    await this.#create(name);
    this.#give(name);
  }

  #later(ms: number): void {
    void delay(Math.ceil(ms)).then(() => {
      if (!this.#closed) this.#add(() => this.#recreateOldest());
    });
  }

  async #create(name: string): Promise<void> {
    const { template, strategy } = this.#options;
    await this.#sessions.query(`CREATE DATABASE ${name} WITH OWNER ${OWNER} TEMPLATE ${template}${strategy}`);
  }

  #give(name: string): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#ready.push(name);
    else waiting(name);
  }
}
