import type { SqlClient } from '@postern/test-databases/server';
import type { MigrationBuilder } from 'node-pg-migrate/migrationBuilder';
import { forgetStatement, freshSession, recordStatement, setRole } from './books.ts';
import { facts, irreversible, migrationFailed } from './failure.ts';
import type { Action, Part, Unit } from './loader.ts';
import type { MigrationRun } from './run.ts';
import { type Statement, send } from './send.ts';

export type Direction = 'up' | 'down';

/** What migrations run in. */
export interface Stage {
  readonly session: SqlClient;
  readonly run: MigrationRun;
  /** The role that each migration starts as. */
  readonly role: string;
  readonly direction: Direction;
}

/** Thrown by a migration that a dry run cannot try, because it declines the transaction that would be rolled back. */
class NotTried extends Error {}

/**
 * Runs one migration and puts it into the books: everything in one transaction and, unless its code asks the database itself, in
 * one message. In a dry run the transaction is there already. Gives false for one that a dry run cannot try.
 */
export async function perform(stage: Stage, unit: Unit, prepared?: Prepared): Promise<boolean> {
  const { run, direction } = stage;
  const scope = new Scope(stage);
  try {
    const part = direction === 'up' ? unit.up : unit.down;
    if (part === undefined) {
      throw new Error(`there is no function "${direction}" in it, or it has disabled it`);
    }
    if (part.kind === 'sql') {
      scope.transaction = part.transaction;
      await scope.finish([part], unit);
    } else if (prepared !== undefined) {
      scope.transaction = prepared.transaction;
      await scope.finish(prepared.statements, unit);
    } else {
      const pgm = await builderFor(scope, unit);
      await call(part.action, pgm);
      scope.transaction = pgm.isUsingTransaction();
      await scope.finish(statementsOf(pgm), unit);
    }
    return true;
  } catch (error) {
    if (error instanceof NotTried) return false;
    throw migrationFailed(error, run, {
      file: unit.migration.source,
      transaction: scope.transaction,
      direction,
    });
  }
}

/** Where the statements of one migration go. */
class Scope {
  readonly #stage: Stage;
  /** Whether the migration wants one; `pgm.noTransaction()` may be called at any time. */
  transaction = true;
  /** What the session was put into so far. */
  #state: 'fresh' | 'transaction' | 'settings' = 'fresh';
  #turn: Promise<void> = Promise.resolve();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /**
   * Before anything that the code sends by itself. node-pg-migrate would send it before the BEGIN, and it would be kept when
   * the migration fails. A migration that then declines its transaction keeps it.
   */
  enter(transaction: boolean): Promise<void> {
    this.transaction = transaction;
    this.#turn = this.#turn.then(async () => {
      const { session } = this.#stage;
      const [before, state] = this.#opening();
      this.#state = state;
      if (before !== '') await session.query(before);
    });
    return this.#turn;
  }

  query(text: unknown, values?: unknown[]): ReturnType<SqlClient['query']> {
    return this.#stage.session.query(text as string, values);
  }

  async finish(statements: readonly Statement[], unit: Unit): Promise<void> {
    await this.#turn;
    // The build reads SQL files; what code makes is known only now.
    if (this.transaction && unit.migration.file.endsWith('.mjs')) {
      for (const { text } of statements) await keepTransaction(text);
    }
    const { session, direction, run, role } = this.#stage;
    const { migration } = unit;
    const entry = direction === 'up' ? recordStatement([migration]) : forgetStatement(migration.name);
    // Whoever it has become, the books are the owner's.
    const books = { text: `${setRole(role)}; ${entry}` };
    const [before, state] = this.#opening();
    const opening = before === '' ? [] : [{ text: before }];
    this.#state = state;
    if (!this.transaction) {
      await send(session, opening);
      for (const statement of statements) await send(session, [statement]);
      return await send(session, [books]);
    }
    // What is deferred to the COMMIT shows in a dry run, too. (Afterwards all that can be is deferred: nearest to the start.)
    const end =
      run.dryRun === true ? 'SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED' : 'COMMIT';
    await send(session, [...opening, ...statements, books, { text: end }]);
  }

  /** What brings the session from the state that it is in to the one that is wanted now. */
  #opening(): [string, 'transaction' | 'settings'] {
    const dryRun = this.#stage.run.dryRun === true;
    if (this.transaction) {
      if (this.#state === 'transaction') return ['', 'transaction'];
      return [`${dryRun ? '' : 'BEGIN; '}${this.#settings('SET LOCAL')}`, 'transaction'];
    }
    if (dryRun) throw new NotTried();
    if (this.#state === 'settings') return ['', 'settings'];
    return [`${this.#state === 'transaction' ? 'COMMIT; ' : ''}${this.#settings('SET')}`, 'settings'];
  }

  /** Each migration finds the session as the first one did, whether that was in the same run or last year. */
  #settings(set: 'SET' | 'SET LOCAL'): string {
    const { role, run } = this.#stage;
    return settings(role, run, set);
  }
}

/** The role, everything as the session started with it, and the time limits. */
export function settings(role: string, run: MigrationRun, set: 'SET' | 'SET LOCAL'): string {
  const { lockMs = 0, statementMs = 0 } = run.timeouts ?? {};
  return [
    freshSession(role),
    ...(lockMs > 0 ? [`${set} lock_timeout = ${Math.ceil(lockMs)}`] : []),
    ...(statementMs > 0 ? [`${set} statement_timeout = ${Math.ceil(statementMs)}`] : []),
  ].join('; ');
}

async function builderFor(scope: Scope, unit: Unit): Promise<MigrationBuilder> {
  // Only this, and only when there is code to run: it is a third of the artefact's start-up time.
  const { MigrationBuilder } = await import('node-pg-migrate/migrationBuilder');
  const query = async (text: unknown, values?: unknown[]): ReturnType<SqlClient['query']> => {
    if (pgm.isUsingTransaction()) await keepTransaction(text);
    await scope.enter(pgm.isUsingTransaction());
    return await scope.query(text, values);
  };
  const db = { query, select: async (...args: Parameters<typeof query>) => (await query(...args)).rows };
  const pgm: MigrationBuilder = new MigrationBuilder(db as never, unit.shorthands, false, quiet);
  return pgm;
}

/**
 * Refuses what would end the transaction that is not the migration's own: what it did so far would be kept, in a dry run also what
 * came before it.
 *
 * @param query as node-postgres takes it
 */
async function keepTransaction(query: unknown): Promise<void> {
  const text = typeof query === 'string' ? query : (Object(query) as { text?: unknown }).text;
  // Almost none has one of the words anywhere, and only those that have need to be taken apart.
  if (typeof text !== 'string' || !/\b(?:COMMIT|END|ABORT|ROLLBACK|PREPARE)\b/i.test(text)) return;
  const { sqlStatements, transactionEnd } = await import('../build/sql-text.ts');
  const end = transactionEnd(sqlStatements(text));
  if (end === undefined) return;
  throw new Error(
    `"${end.words}" would end the transaction that all of the migration runs in, and was not sent: remove it, or call pgm.noTransaction() first`,
  );
}

const quiet = { debug: ignore, info: ignore, warn: ignore, error: ignore };
function ignore(): void {}

async function call(action: Action, pgm: MigrationBuilder): Promise<void> {
  // As node-pg-migrate tells callback migrations: by their two parameters. It takes an error for success.
  if (action.length !== 2) return void (await action(pgm));
  await new Promise<void>((resolve, reject) => {
    action(pgm, (error) => (error ? reject(error) : resolve()));
  });
}

function statementsOf(pgm: MigrationBuilder): Statement[] {
  return pgm.getSqlSteps().map((text) => ({ text }));
}

/** The statements of a `down` that is the reverse of `up`. */
export interface Prepared {
  readonly statements: readonly Statement[];
  readonly transaction: boolean;
}

/**
 * Makes sure that a migration can be taken back, before any is. The reverse of an `up` is made here, since not every `up` has
 * one; it cannot ask the database.
 */
export async function prepareDown(unit: Unit, run: MigrationRun): Promise<Prepared | undefined> {
  const { source } = unit.migration;
  const part: Part | undefined = unit.down;
  if (part === undefined) {
    throw irreversible(
      run,
      source,
      source.endsWith('.sql') ? 'it has no "-- Down Migration" part' : 'it has disabled "down"',
    );
  }
  if (part.kind !== 'inferred') return undefined;
  try {
    const { MigrationBuilder } = await import('node-pg-migrate/migrationBuilder');
    const pgm = new MigrationBuilder({} as never, unit.shorthands, false, quiet);
    pgm.enableReverseMode();
    await call(part.action, pgm);
    return { statements: statementsOf(pgm), transaction: pgm.isUsingTransaction() };
  } catch (error) {
    throw irreversible(run, source, `it has no "down", and ${facts(error).message}`, error);
  }
}
