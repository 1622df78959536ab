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

  /**
   * Runs `work` after everything that was asked for before. What is `repeatable` is done once more, in a new
   * session, when the session breaks: often it has been broken for long and only now shows it.
   */
  use<T>(
    work: (session: EngineSession) => Promise<T>,
    { repeatable = false }: { readonly repeatable?: boolean } = {},
  ): Promise<T> {
    const result = this.#last.then(async () => {
      const session = this.#get();
      try {
        return await this.#try(session, work);
      } catch (error) {
        if (!repeatable || this.#session === session) throw error;
      }
      return await this.#try(this.#get(), work);
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Ends the session in the middle of what it does; the next use opens another. */
  async interrupt(): Promise<void> {
    const interrupted = this.#session;
    this.#session = undefined;
    await end(interrupted);
  }

  /** Ends the session after what is under way. */
  async close(): Promise<void> {
    await this.#last;
    await this.interrupt();
  }

  async #try<T>(session: Promise<EngineSession>, work: (session: EngineSession) => Promise<T>): Promise<T> {
    try {
      return await work(await session);
    } catch (error) {
      if (endsSession(error)) this.#forget(session);
      throw error;
    }
  }

  #get(): Promise<EngineSession> {
    if (!this.#session) {
      const opening = this.#open();
      const forget = (): void => this.#forget(opening);
      this.#session = opening;
      opening.then((session) => {
        session.on('error', forget);
        session.on('end', forget);
      }, forget);
    }
    return this.#session;
  }

  #forget(session: Promise<EngineSession>): void {
    if (this.#session === session) this.#session = undefined;
  }
}

/** PostgreSQL, appendix A: class 57P ends sessions (shutdown, termination, idle time-out). */
function endsSession(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code?.toString().startsWith('57P') === true;
}

async function end(opening: Promise<EngineSession> | undefined): Promise<void> {
  const session = await opening?.catch(() => undefined);
  await session?.end().catch(() => undefined);
}
