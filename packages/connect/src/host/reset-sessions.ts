import type { ResetOutcome } from '@postern/test-databases';

/** A session in a test database that can put it back, and nothing else. */
export interface ResetSession {
  /** One round trip. `keep`: pids of idle sessions that survive it. */
  reset(options: { readonly keep: readonly number[] }): Promise<ResetOutcome>;
  /** Fulfils when it has ended, for whatever reason. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

export interface ResetSessionsOptions {
  open: (database: string) => Promise<ResetSession>;
  /** How many stay open. The one that was used longest ago makes room. */
  max: number;
}

/**
 * One open session for each database of a run that is in use: far away, opening one takes many times as long as the
 * reset itself.
 */
export class ResetSessions {
  readonly #options: ResetSessionsOptions;
  /** By database; the one that was used last comes last. */
  readonly #sessions = new Map<string, Promise<ResetSession>>();
  readonly #busy = new Set<string>();
  #closed = false;

  constructor(options: ResetSessionsOptions) {
    this.#options = options;
  }

  get open(): number {
    return this.#sessions.size;
  }

  /** Opens the session of a database that will need one. Failures show when it is needed. */
  openAhead(database: string): void {
    if (!this.#closed) void this.#session(database).catch(() => undefined);
  }

  /** A session that turns out to be broken is replaced once: the tunnel below it may have been. */
  async reset(database: string, options: { readonly keep: readonly number[] }): Promise<ResetOutcome> {
    this.#busy.add(database);
    try {
      const known = this.#sessions.has(database);
      try {
        return await (await this.#session(database)).reset(options);
      } catch (error) {
        if (!known || this.#closed || isAnswer(error)) throw error;
        await this.forget(database);
        return await (await this.#session(database)).reset(options);
      }
    } finally {
      this.#busy.delete(database);
      this.#makeRoom();
    }
  }

  /** Ends the session of a database that is about to go, or to become a branch. */
  async forget(database: string): Promise<void> {
    const session = this.#sessions.get(database);
    this.#sessions.delete(database);
    await session?.then((open) => open.close()).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#sessions.keys()].map((database) => this.forget(database)));
  }

  #session(database: string): Promise<ResetSession> {
    const session = this.#sessions.get(database) ?? this.#options.open(database);
    const isNew = !this.#sessions.has(database);
    this.#sessions.delete(database);
    this.#sessions.set(database, session);
    if (isNew) {
      const gone = (): void => {
        if (this.#sessions.get(database) === session) this.#sessions.delete(database);
      };
      session.then((open) => open.ended).then(gone, gone);
      this.#makeRoom();
    }
    return session;
  }

  #makeRoom(): void {
    for (const database of this.#sessions.keys()) {
      if (this.#sessions.size <= this.#options.max) return;
      if (!this.#busy.has(database)) void this.forget(database);
    }
  }
}

/** Whether the server has said it, over a connection that works: an SQLSTATE, but not that of an ended session. */
function isAnswer(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('57P');
}
