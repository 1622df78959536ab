import type { EngineSession } from './types.ts';

/**
 * One session for many uses, one at a time; opened when it is needed, and again after it has broken. Advisory locks
 * belong to the session, so two pieces of work that lock must not share it at the same moment.
 */
export class SessionSlot {
  readonly #open: () => Promise<EngineSession>;
  #session: Promise<EngineSession> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(open: () => Promise<EngineSession>) {
    this.#open = open;
  }

  /** Runs `work` after everything that was asked for before. */
  use<T>(work: (session: EngineSession) => Promise<T>): Promise<T> {
    const result = this.#last.then(async () => await work(await this.#get()));
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Ends the session in the middle of what it does. */
  async interrupt(): Promise<void> {
    const session = await this.#session?.catch(() => undefined);
    await session?.end().catch(() => undefined);
  }

  /** Ends the session after what is under way. */
  async close(): Promise<void> {
    await this.#last;
    const session = await this.#session?.catch(() => undefined);
    this.#session = undefined;
    await session?.end().catch(() => undefined);
  }

  #get(): Promise<EngineSession> {
    if (!this.#session) {
      const opening = this.#open();
      const forget = (): void => {
        if (this.#session === opening) this.#session = undefined;
      };
      this.#session = opening;
      opening.then((session) => {
        session.on('error', forget);
        session.on('end', forget);
      }, forget);
    }
    return this.#session;
  }
}
