import { TestDatabaseError } from '../errors.ts';
import type { PoolBackend } from '../pool/backend.ts';
import type { ResetOutcome } from '../pool/outcome.ts';
import { findBranch } from '../server/branches.ts';
import { ensureClones } from '../server/clones.ts';
import { dropRun } from '../server/drops.ts';
import { resetDatabase, warmReset } from '../server/reset/reset-database.ts';
import type { Template } from '../server/templates.ts';
import { grantsOf } from './roles.ts';
import { SessionSlot } from './session-slot.ts';
import type { EngineSession, TestDatabasesOptions } from './types.ts';

/** For the work lock of our own run, which nobody else should hold for long. */
export const workTimeoutMs = 60_000;

export interface SqlBackendOptions {
  readonly run: string;
  readonly options: TestDatabasesOptions;
  readonly template: Template;
  /** In the maintenance database. */
  readonly work: SessionSlot;
  /** Sessions that may stay open for resets. */
  readonly resetSessions: number;
}

export interface Branch {
  readonly hash: string;
  readonly from: string;
}

/**
 * What a pool works on where there is nothing but a server: statements, and a session in each database in use.
 */
export class SqlBackend implements PoolBackend {
  readonly #given: SqlBackendOptions;
  readonly #branches = new Map<string, Branch>();
  readonly #resetSlots = new Map<string, SessionSlot>();

  constructor(given: SqlBackendOptions) {
    this.#given = given;
  }

  hasBranch(name: string): boolean {
    return this.#branches.has(name);
  }

  addBranch(name: string, branch: Branch): void {
    this.#branches.set(name, branch);
  }

  async clone(request: { first: number; count: number; branch?: string }): Promise<readonly string[]> {
    const { run, options, work } = this.#given;
    const { name, logins, template } = options;
    const { first, count } = request;
    const cloning = async (session: EngineSession): Promise<readonly string[]> => {
      const source = await this.#source(session, request.branch);
      const { databases } = await ensureClones(session, {
        run,
        database: name,
        hash: source.branch?.hash ?? template.hash,
        template: source.name,
        owner: source.owner,
        ...(source.branch && { source: source.branch.from }),
        first,
        count,
        grants: grantsOf(logins),
        lockTimeoutMs: workTimeoutMs,
      });
      return databases;
    };
    return await work.use(cloning, { repeatable: true });
  }

  async #source(
    session: EngineSession,
    name: string | undefined,
  ): Promise<Template & { readonly branch?: Branch }> {
    const { run, options, template } = this.#given;
    if (name === undefined) return template;
    const branch = this.#branches.get(name);
    if (!branch) throw noBranch(name);
    return { ...(await findBranch(session, { run, database: options.name, ...branch })), branch };
  }

  /** Opens the session for the reset that is going to come, while the database is in use. */
  prepareReset(database: string): void {
    if (this.#resetSlots.has(database) || this.#resetSlots.size >= this.#given.resetSessions) return;
    // A failure shows at the reset.
    this.#resetSlot(database)
      .use(warmReset)
      .catch(() => undefined);
  }

  async reset(database: string, options: { readonly keep: readonly number[] }): Promise<ResetOutcome> {
    const slot = this.#resetSlot(database);
    try {
      const outcome = await slot.use((session) => resetDatabase(session, options), { repeatable: true });
      if (outcome.status === 'discard' || this.#resetSlots.size > this.#given.resetSessions) {
        await this.forget(database);
      }
      return outcome;
    } catch (error) {
      await this.forget(database);
      throw error;
    }
  }

  async drop(databases: readonly string[]): Promise<void> {
    await Promise.all(databases.map((name) => this.forget(name)));
    const { run, work, options } = this.#given;
    const { connect } = options;
    await work.use((session) => dropRun(session, { run, databases, connect, lockTimeoutMs: workTimeoutMs }), {
      repeatable: true,
    });
  }

  /** Ends the session in a database that will not be reset any more. */
  async forget(database: string): Promise<void> {
    const slot = this.#resetSlots.get(database);
    this.#resetSlots.delete(database);
    await slot?.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#resetSlots.keys()].map((name) => this.forget(name)));
  }

  #resetSlot(database: string): SessionSlot {
    let slot = this.#resetSlots.get(database);
    if (!slot) {
      slot = new SessionSlot(() => this.#given.options.connect(database));
      this.#resetSlots.set(database, slot);
    }
    return slot;
  }
}

function noBranch(name: string): TestDatabaseError {
  return new TestDatabaseError('TESTDB_BRANCH_INVALID', `this run has no branch "${name}"`, {
    kind: 'not-found',
    hint: 'Make it first: acquire a database, fill it, call branch().',
  });
}
