import { now } from './clock.ts';
import type { DatabaseLease, LeaseReport } from './database-lease.ts';
import { keeps, type SuiteDefaults } from './options.ts';
import { slowWait } from './slow-wait.ts';
import { addMeta, type RunningFile } from './task-meta.ts';

/** A database that several tests share, opened once and ended by the last who uses it. */
export class DatabaseSlot {
  readonly #acquire: () => Promise<DatabaseLease>;
  #lease: Promise<DatabaseLease> | undefined;
  #users = 0;
  #ended = false;
  #failed = false;
  #keep = false;
  #leaks: SuiteDefaults['leaks'] = 'report';
  /** The file of the last test that used it. */
  file: RunningFile | undefined;
  #waitedMs: number | undefined;
  #opened: DatabaseLease | undefined;
  readonly #told = new WeakSet<RunningFile>();
  #toldAny = false;

  constructor(acquire: () => Promise<DatabaseLease>) {
    this.#acquire = acquire;
  }

  get users(): number {
    return this.#users;
  }

  /** The database, once it is there. */
  get opened(): DatabaseLease | undefined {
    return this.#opened;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Fetches the database, and a session with it, before anybody waits for them. Failures are told to who does. */
  prefetch(): void {
    this.open().then(
      (lease) => lease.warmUp(),
      () => undefined,
    );
  }

  /** What failed is tried again for the next who asks. */
  open(): Promise<DatabaseLease> {
    this.#lease ??= this.#acquire();
    const lease = this.#lease;
    lease.then(
      (opened) => {
        this.#opened = opened;
      },
      () => {
        if (this.#lease === lease) this.#lease = undefined;
      },
    );
    return lease;
  }

  /** The same for somebody who has nothing else to do meanwhile. */
  async wait(): Promise<DatabaseLease> {
    const startedAt = now();
    const lease = await slowWait('the database of this file', this.open());
    this.#waitedMs = (this.#waitedMs ?? 0) + now() - startedAt;
    return lease;
  }

  /** A test or file has ended, and this is what its settings mean for the end of the database. */
  note(settings: SuiteDefaults, failed: boolean): void {
    this.#failed ||= failed;
    this.#keep ||= keeps(settings, failed);
    if (settings.leaks === 'fail') this.#leaks = 'fail';
  }

  get leaks(): SuiteDefaults['leaks'] {
    return this.#leaks;
  }

  /** Leaves in the meta of a file, once, how its database came. */
  tell(file: RunningFile): void {
    this.file = file;
    if (this.#opened === undefined || this.#told.has(file)) return;
    this.#told.add(file);
    const { meta } = this.#opened;
    addMeta(file, this.#toldAny ? { ...meta, origin: 'held', spans: [] } : meta);
    this.#toldAny = true;
  }

  /** How long was waited since the last question. */
  takeWaited(): number | undefined {
    const waitedMs = this.#waitedMs;
    this.#waitedMs = undefined;
    return waitedMs;
  }

  /** The function gives the slot up; for the last one that ends the database, and tells what was found. */
  retain(): () => Promise<LeaseReport | undefined> {
    this.#users += 1;
    let done = false;
    return async () => {
      if (done) return undefined;
      done = true;
      this.#users -= 1;
      return this.#users === 0 ? await this.end() : undefined;
    };
  }

  async end(): Promise<LeaseReport | undefined> {
    this.#ended = true;
    const lease = await this.#lease?.catch(() => undefined);
    return await lease?.end({ failed: this.#failed, keep: this.#keep });
  }
}
