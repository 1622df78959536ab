import type { DatabaseSlot } from './database-slot.ts';
import { endShared } from './end-report.ts';
import { isPosternVitestError } from './errors.ts';
import type { TestSettings } from './options.ts';
import { say } from './say.ts';
import type { RunningFile } from './task-meta.ts';
import type { WorkerSession } from './worker-session.ts';

/** Where the variable leads, for the time being. */
interface Leading {
  readonly settings: TestSettings;
  /** Undefined: nowhere. */
  readonly slot?: DatabaseSlot;
  readonly giveUp?: ReturnType<DatabaseSlot['retain']>;
}

/**
 * Where the variable with the URL leads in one file. The URL is there before the file is imported, with pools made of it on the
 * way; which database its tests have shows when they have been defined.
 */
export class FileDatabaseUrl {
  readonly #worker: WorkerSession;
  readonly #variable: string;
  #leading: Leading | undefined;

  constructor(worker: WorkerSession, variable: string) {
    this.#worker = worker;
    this.#variable = variable;
  }

  /** Leads to what the suite's settings mean. */
  async begin(settings: TestSettings): Promise<void> {
    this.#worker.collected.length = 0;
    process.env[this.#variable] = (await this.#worker.fileUrl()).url;
    this.#leading = await this.#lead(settings);
  }

  /** The tests of the file have been defined: leads to the database of the first that share one. */
  async settle(): Promise<void> {
    const { collected } = this.#worker;
    const settings = collected.find((each) => whyNowhere(each) === undefined) ?? collected[0];
    const before = this.#leading;
    if (settings === undefined || before === undefined || this.#isSame(settings, before)) return;
    this.#leading = await this.#lead(settings);
    if (before.slot !== undefined && before.giveUp !== undefined)
      await endShared(this.#worker, before.slot, before.giveUp);
  }

  /** The file is over. */
  async end(file: RunningFile, failed: boolean): Promise<void> {
    const { settings, slot, giveUp } = this.#leading ?? {};
    this.#leading = undefined;
    if (settings === undefined || slot === undefined || giveUp === undefined) return;
    slot.tell(file);
    slot.note(settings, failed);
    await endShared(this.#worker, slot, giveUp);
  }

  #isSame(settings: TestSettings, { slot, settings: before }: Leading): boolean {
    if (whyNowhere(settings) !== undefined) return slot === undefined && whyNowhere(before) !== undefined;
    return this.#worker.slot(settings) === slot && settings.role === before.role;
  }

  async #lead(settings: TestSettings): Promise<Leading> {
    const why = whyNowhere(settings);
    if (why !== undefined) {
      await this.#worker.leadNowhere(`${this.#variable} is for tests that share a database, and ${why}`);
      return { settings };
    }
    const slot = this.#worker.slot(settings);
    const giveUp = slot.retain();
    try {
      const lease = await slot.wait();
      const { alias } = await this.#worker.fileUrl();
      const moved = await lease.lead(alias, settings).catch(async (error: unknown) => {
        // Tests that name a role of their own do not need that there is one of the suite.
        if (!isPosternVitestError(error) || error.code !== 'VITEST_ROLE_NEEDED') throw error;
        await this.#worker.leadNowhere(`${error.message} ${error.hint}`);
        return 0;
      });
      if (moved > 0 && this.#leading !== undefined)
        say(
          `sessions by ${this.#variable} from before the tests were defined go on in ${lease.name}, the database of the tests; what they wrote is not there`,
        );
      return { settings, slot, giveUp };
    } catch (error) {
      await giveUp();
      throw error;
    }
  }
}

function whyNowhere({ scope, isolation }: TestSettings): string | undefined {
  if (scope === 'test') return "with scope 'test' each has its own";
  if (isolation === 'transaction') return "with isolation 'transaction' nobody sees what they write";
  return undefined;
}
