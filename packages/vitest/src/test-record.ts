import { now } from './clock.ts';
import type { DatabaseLease } from './database-lease.ts';
import type { SessionCounters } from './observe/observed-session.ts';
import type { QueryLog } from './observe/wire-log.ts';
import type { TestSettings } from './options.ts';
import { queryText } from './query-text.ts';
import { say } from './say.ts';
import { slowWait } from './slow-wait.ts';
import { addMeta, countersMeta, hasFailed, type RunningTest } from './task-meta.ts';
import type { WorkerSession } from './worker-session.ts';

/** What a test does with its databases, for the reporter. */
export class TestRecord {
  readonly #worker: WorkerSession;
  readonly #settings: TestSettings;
  readonly #task: RunningTest;
  readonly #before: SessionCounters | undefined;
  readonly #log: QueryLog | undefined;

  constructor(worker: WorkerSession, settings: TestSettings, task: RunningTest) {
    this.#worker = worker;
    this.#settings = settings;
    this.#task = task;
    this.#before = worker.observer?.counters();
    this.#log = settings.queryLog ? worker.observer?.startLog() : undefined;
  }

  /** Takes a database for this test alone. */
  async waiting(take: () => Promise<DatabaseLease>): Promise<DatabaseLease> {
    const startedAt = now();
    const lease = await slowWait('a database for this test', take());
    addMeta(this.#task, { ...lease.meta, acquireMs: now() - startedAt });
    return lease;
  }

  finish(): void {
    const task = this.#task;
    const slot = this.#worker.openSlot(this.#settings);
    const failed = hasFailed(task);
    if (slot !== undefined) {
      slot.tell(task.file);
      slot.note(this.#settings, failed);
      const waitedMs = slot.takeWaited();
      if (waitedMs !== undefined) addMeta(task, { acquireMs: waitedMs });
    }
    const counters = this.#worker.count(this.#before);
    if (counters !== undefined) addMeta(task, countersMeta(counters, this.#worker.observer?.takeConnects()));
    this.#log?.stop();
    if (failed && this.#log !== undefined) say(queryText(this.#log));
  }
}
