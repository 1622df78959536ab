import { Bin } from './bin.ts';
import { Costs } from './costs.ts';
import { type Database, fresh, pick, type Waiter } from './database.ts';
import { type Discard, discard } from './discard.ts';
import { type PoolEvent, tell } from './events.ts';
import { countOf, missingClones, ownInReset, wantedStock } from './needs.ts';
import { branchForgotten, notTaken, poolClosed, wrongNames } from './pool-errors.ts';
import { type PoolSettings, poolSettings } from './settings.ts';
import { Shelf } from './shelf.ts';
import type {
  AcquireRequest,
  DatabasePool,
  PooledDatabase,
  PoolOptions,
  PoolStatistics,
  ReleasedDatabase,
  ReleaseOptions,
  ReleaseOutcome,
  ReleaseReason,
} from './types.ts';

/**
 * Opens a pool of databases. It starts to clone at once: one first, so that whoever comes first waits for one clone
 * only, then up to the depth.
 *
 * @throws TestDatabaseError `TESTDB_OPTION_INVALID`
 */
export function openPool(options: PoolOptions): DatabasePool {
  const pool = new Pool(options, poolSettings(options));
  pool.pump();
  return pool;
}

/**
 * The state changes synchronously and in one place, {@link Pool.pump}, which is called after everything that happens:
 * hand out what is ready, refuse who waits in vain, clone what is missing, drop what is too much.
 */
class Pool implements DatabasePool {
  readonly #options: PoolOptions;
  readonly #settings: PoolSettings;
  readonly #costs = new Costs();
  /** Ready, taken or being reset; `#ready` in the order of use. */
  readonly #databases = new Map<string, Database>();
  readonly #ready: Database[] = [];
  readonly #shelves = new Map<string | undefined, Shelf>();
  readonly #waiters: Waiter[] = [];
  /** All names that the backend has ever given, so that none is handed out twice. */
  readonly #known = new Set<string>();
  readonly #bin: Bin;
  readonly #forgotten = new Set<string>();
  readonly #idle: (() => void)[] = [];
  readonly #totals = { acquired: 0, cloned: 0, reset: 0, dropped: 0 };
  readonly #discards: Partial<Record<ReleaseReason, number>> = {};
  #calls = 0;
  #resetting = 0;
  #kept = 0;
  #strategy: 'reset' | 'clone' = 'reset';
  #closing: Promise<void> | undefined;

  constructor(options: PoolOptions, settings: PoolSettings) {
    this.#options = options;
    this.#settings = settings;
    this.#bin = new Bin(settings);
    const initial = options.initial ?? [];
    this.#shelves.set(undefined, new Shelf(undefined, initial.length + 1));
    for (const [index, name] of initial.entries()) this.#add(name, index + 1, undefined);
  }

  acquire(request: AcquireRequest): Promise<PooledDatabase> {
    const { key, isolation = 'reset', branch, waitForOwn = false, signal } = request;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#closing) return Promise.reject(poolClosed());
    if (branch !== undefined && this.#forgotten.has(branch)) return Promise.reject(branchForgotten());
    const since = performance.now();
    return new Promise((resolve, reject) => {
      const patient = waitForOwn && isolation === 'reset';
      const own = patient ? ownInReset(this.#databases.values(), { key, branch }) : undefined;
      const impatience =
        own && setTimeout(() => this.#forgetOwn(waiter), 20 + 3 * (this.#costs.resetMs ?? 0));
      const settle = (): void => {
        clearTimeout(impatience);
        signal?.removeEventListener('abort', abort);
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      };
      const waiter: Waiter = {
        key,
        isolation,
        branch,
        since,
        own,
        resolve: (database) => {
          settle();
          const origin = database.key === undefined ? 'clone' : 'reset';
          database.state = 'taken';
          database.key = key;
          database.isolation = isolation;
          const waitedMs = performance.now() - since;
          this.#totals.acquired++;
          this.#emit({ type: 'acquired', name: database.name, key, origin, waitedMs });
          resolve({ name: database.name, origin, waitedMs });
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const abort = (): void => {
        waiter.reject(signal?.reason);
        this.pump();
      };
      signal?.addEventListener('abort', abort);
      this.#waiters.push(waiter);
      this.#shelf(branch).failure = undefined;
      this.pump();
    });
  }

  release(name: string, options: ReleaseOptions = {}): ReleasedDatabase {
    const database = this.#databases.get(name);
    if (database?.state !== 'taken') throw notTaken(name);
    if (options.kept) {
      this.#databases.delete(name);
      this.#kept++;
      return this.#released(database, 'keep', { status: 'kept' });
    }
    const refusal = this.#refusal(database, options.reuse ?? database.isolation === 'reset');
    if (refusal) return this.#released(database, 'discard', refusal);
    return { will: 'reset', done: this.#reset(database, options.keepSessions ?? []) };
  }

  forgetBranch(branch: string, source?: string): void {
    this.#forgotten.add(branch);
    for (const waiter of this.#waiters.filter((one) => one.branch === branch))
      waiter.reject(branchForgotten());
    for (const database of this.#ready.filter((one) => one.branch === branch)) {
      this.#ready.splice(this.#ready.indexOf(database), 1);
      this.#throwAway(database);
    }
    if (source !== undefined) {
      this.#kept--;
      this.#bin.add({ ...fresh, name: source, n: undefined, branch: undefined });
    }
    this.#removeShelf(this.#shelf(branch));
    this.pump();
  }

  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#settleIdle();
    });
  }

  statistics(): PoolStatistics {
    const { cloneMs, resetMs, discardRate, strategy } = this.#costs;
    return {
      ready: this.#ready.length,
      taken: this.#databases.size - this.#ready.length - this.#resetting,
      waiting: this.#waiters.length,
      cloning: [...this.#shelves.values()].reduce((sum, { cloning }) => sum + cloning, 0),
      resetting: this.#resetting,
      discarded: this.#bin.size,
      kept: this.#kept,
      totals: { ...this.#totals, discards: { ...this.#discards } },
      strategy,
      cloneMs,
      resetMs,
      discardRate,
    };
  }

  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = this.idle();
      for (const waiter of [...this.#waiters]) waiter.reject(poolClosed());
      this.pump();
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  pump(): void {
    for (const waiter of [...this.#waiters]) {
      const database = pick(waiter, this.#ready);
      if (!database) continue;
      this.#ready.splice(this.#ready.indexOf(database), 1);
      waiter.resolve(database);
    }
    if (!this.#closing) {
      this.#refuse();
      this.#produce();
      this.#drop();
    }
    this.#settleIdle();
  }

  /** Who waits for a source that fails, and for whom nothing else is coming, gets the error. */
  #refuse(): void {
    for (const shelf of this.#shelves.values()) {
      if (!shelf.failure || shelf.cloning > 0) continue;
      let coming = countOf(this.#databases.values(), shelf, 'resetting');
      for (const waiter of this.#waiters.filter(({ branch }) => branch === shelf.branch)) {
        if (waiter.isolation === 'reset' && coming > 0) coming--;
        else waiter.reject(shelf.failure.error);
      }
    }
  }

  #produce(): void {
    const { producers, batch } = this.#settings;
    while (this.#calls < producers) {
      const lacking = this.#lacking();
      if (!lacking) return;
      const first = this.#known.size === 0 && this.#calls === 0;
      void this.#clone(lacking.shelf, lacking.shelf.take(first ? 1 : Math.min(batch, lacking.count)));
      if (first) return;
    }
  }

  /** Who waits comes first, in the order of asking; then the stock of clones of the template. */
  #lacking(): { shelf: Shelf; count: number } | undefined {
    const missing = (branch: string | undefined, stock: number): { shelf: Shelf; count: number } => {
      const shelf = this.#shelf(branch);
      return { shelf, count: missingClones(shelf, this.#waiters, this.#databases.values(), stock) };
    };
    const stock = wantedStock(this.#strategy, this.#settings, this.#databases.values());
    const all = [...new Set(this.#waiters.map(({ branch }) => branch))].map((branch) => missing(branch, 0));
    return [...all, missing(undefined, stock)].find(({ count }) => count > 0);
  }

  async #clone(shelf: Shelf, range: { first: number; count: number }): Promise<void> {
    const { branch } = shelf;
    this.#calls++;
    shelf.cloning += range.count;
    const started = performance.now();
    try {
      const names = await this.#options.backend.clone({
        ...range,
        ...(branch === undefined ? {} : { branch }),
      });
      const ms = performance.now() - started;
      const again = names.find((name, index) => this.#known.has(name) || names.indexOf(name) !== index);
      if (again !== undefined || names.length === 0) throw wrongNames(again);
      for (const [index, name] of names.entries()) this.#add(name, range.first + index, branch);
      this.#totals.cloned += names.length;
      this.#costs.cloned(ms / names.length);
      this.#emit({ type: 'cloned', databases: names, branch, ms });
    } catch (error) {
      shelf.fail(range, error);
      this.#emit({ type: 'clone-failed', branch, error });
    } finally {
      this.#calls--;
      shelf.cloning -= range.count;
      this.#removeShelf(shelf);
    }
    this.#reconsider();
    this.pump();
  }

  async #reset(database: Database, keep: readonly number[]): Promise<ReleaseOutcome> {
    const { name } = database;
    database.state = 'resetting';
    this.#resetting++;
    const started = performance.now();
    let outcome: ReleaseOutcome;
    try {
      outcome = await this.#options.backend.reset(name, { keep });
    } catch (error) {
      outcome = discard('failed', error instanceof Error ? error.message : String(error));
    }
    const ms = performance.now() - started;
    this.#resetting--;
    this.#costs.reset(ms, database.resets, outcome.status === 'discard');
    for (const waiter of this.#waiters) if (waiter.own === database) waiter.own = undefined;
    if (outcome.status === 'discard') this.#discard(database, outcome);
    else if (this.#isForgotten(database)) this.#throwAway(database);
    else {
      database.state = 'ready';
      database.resets++;
      this.#totals.reset++;
      this.#ready.push(database);
    }
    this.#emit({ type: 'released', name, outcome, ms });
    this.#reconsider();
    this.pump();
    return outcome;
  }

  /** Why a database is not going to be reset. */
  #refusal(database: Database, reuse: boolean): Discard | undefined {
    const { maxResets } = this.#settings;
    if (this.#closing) return discard('closed', 'the pool is closed');
    if (!reuse) return discard('asked', 'its user did not want it to be used again');
    if (this.#isForgotten(database)) return discard('asked', 'its branch was forgotten');
    if (database.resets >= maxResets) return discard('worn', `it was reset ${maxResets} times`);
    return this.#costs.decide(database.resets) === 'reset'
      ? undefined
      : discard('slower', String(this.#costs));
  }

  #released(
    database: Database,
    will: 'discard' | 'keep',
    outcome: Exclude<ReleaseOutcome, { status: 'reset' }>,
  ): ReleasedDatabase {
    if (outcome.status === 'discard') this.#discard(database, outcome);
    this.#emit({ type: 'released', name: database.name, outcome, ms: 0 });
    this.pump();
    return { will, done: Promise.resolve(outcome) };
  }

  #discard(database: Database, { reason }: Discard): void {
    this.#discards[reason] = (this.#discards[reason] ?? 0) + 1;
    this.#throwAway(database);
  }

  #throwAway(database: Database): void {
    this.#databases.delete(database.name);
    this.#bin.add(database);
  }

  #drop(): void {
    const quiet = this.#waiters.length === 0 && this.#calls === 0 && this.#resetting === 0;
    const going = this.#bin.take(quiet);
    if (going.length > 0) void this.#dropNow(going);
  }

  async #dropNow(going: readonly Database[]): Promise<void> {
    const databases = going.map(({ name }) => name);
    const started = performance.now();
    this.#bin.dropping = true;
    try {
      await this.#options.backend.drop(databases);
      this.#totals.dropped += databases.length;
      for (const { name, n, branch } of going) {
        this.#known.delete(name);
        if (n !== undefined) this.#shelves.get(branch)?.giveBack(n);
      }
      this.#emit({ type: 'dropped', databases, ms: performance.now() - started });
    } catch (error) {
      this.#bin.giveUp(going);
      this.#emit({ type: 'drop-failed', databases, error });
    }
    this.#bin.dropping = false;
    this.pump();
  }

  #add(name: string, n: number, branch: string | undefined): void {
    const database: Database = { ...fresh, name, n, branch };
    this.#known.add(name);
    if (this.#isForgotten(database)) {
      this.#bin.add(database);
      return;
    }
    this.#databases.set(name, database);
    this.#ready.push(database);
  }

  #isForgotten({ branch }: Database): boolean {
    return branch !== undefined && this.#forgotten.has(branch);
  }

  /** Nobody asks for a forgotten branch again. */
  #removeShelf({ branch, cloning }: Shelf): void {
    if (branch !== undefined && this.#forgotten.has(branch) && cloning === 0) this.#shelves.delete(branch);
  }

  #shelf(branch: string | undefined): Shelf {
    let shelf = this.#shelves.get(branch);
    if (!shelf) {
      shelf = new Shelf(branch, 1);
      this.#shelves.set(branch, shelf);
    }
    return shelf;
  }

  #forgetOwn(waiter: Waiter): void {
    waiter.own = undefined;
    this.pump();
  }

  #reconsider(): void {
    const { strategy, cloneMs = 0, resetMs = 0, discardRate = 0 } = this.#costs;
    if (strategy === this.#strategy) return;
    this.#strategy = strategy;
    this.#emit({ type: 'strategy', strategy, cloneMs, resetMs, discardRate });
  }

  #settleIdle(): void {
    if (this.#calls > 0 || this.#resetting > 0 || this.#bin.dropping) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #emit(event: PoolEvent): void {
    tell(event, this.#options.onEvent);
  }
}
