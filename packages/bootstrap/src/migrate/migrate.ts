import type { SqlClient } from '@postern/test-databases/server';
import { isBootstrapError } from '../errors.ts';
import { adopt, checkBooks, closeBooks, openBooks, recordStatement, wantedMigrations } from './books.ts';
import { irreversible } from './failure.ts';
import { loadUnits, type Unit } from './loader.ts';
import { fakeMigrator, runMigrator } from './module.ts';
import { Notices } from './notices.ts';
import { checkOtherBooks } from './other-books.ts';
import { type Direction, type Prepared, perform, prepareDown, type Stage } from './perform.ts';
import { readApplied } from './read-untrusted.ts';
import type { MigrationNotice, MigrationOutcome, MigrationRun, RevertOutcome } from './run.ts';

/**
 * Runs what is pending, each migration in its own transaction unless it declines one, under node-pg-migrate's lock. Stops
 * between two migrations when it is asked to. The session must be the owner's, is used for nothing else and must be closed
 * afterwards: a failed migration leaves it in an aborted transaction, and only the end of the session surely releases the lock.
 */
export async function runMigrations(session: SqlClient, run: MigrationRun): Promise<MigrationOutcome> {
  const wanted = wantedMigrations(run);
  if (run.definition.engine === 'module') return await runMigrator(session, run);
  const applied = await readApplied(session);
  const sums = new Map(applied.map(({ name, sha256 }) => [name, sha256]));
  // Recorded and unchanged: nothing to do, and nobody to wait for.
  if (wanted.every(({ name, sha256 }) => sums.get(name) === sha256)) {
    return { applied: [], notices: [], pending: [] };
  }
  checkBooks(applied, run);
  if (applied.length === 0) await checkOtherBooks(session, run);
  const books = await openBooks(session, run);
  checkBooks(books.applied, run);
  await adopt(session, books, run);
  const done = new Set(books.applied.map(({ name }) => name));
  const pending = new Set(wanted.map(({ name }) => name).filter((name) => !done.has(name)));
  const units = await loadUnits(run, pending);
  const outcome = await performAll(
    { session, run, role: books.role, direction: 'up' },
    units.map((unit) => ({ unit })),
  );
  await closeBooks(session, books, run);
  return { applied: outcome.done, notices: outcome.notices, pending: outcome.left };
}

/**
 * Takes back the last `count` migrations, newest first, each in its own transaction unless it declines one. Those that cannot be
 * taken back are refused before anything runs. The session as for {@link runMigrations}.
 */
export async function revertMigrations(
  session: SqlClient,
  run: MigrationRun & { readonly count: number },
): Promise<RevertOutcome> {
  if (run.definition.engine === 'module') {
    throw irreversible(
      run,
      run.definition.migratorModule?.path ?? '',
      'a migrator of its own only goes forward',
    );
  }
  const books = await openBooks(session, run);
  checkBooks(books.applied, run);
  await adopt(session, books, run);
  const names = books.applied
    .map(({ name }) => name)
    .slice(-run.count)
    .reverse();
  const known = new Set(run.definition.migrations.map(({ name }) => name));
  for (const name of names) {
    if (!known.has(name)) throw irreversible(run, name, 'it is not in this artefact');
  }
  const units = new Map(
    (await loadUnits(run, new Set(names))).map((unit) => [unit.migration.name, unit] as const),
  );
  const work: Work[] = [];
  for (const name of names) {
    const unit = units.get(name) as Unit;
    const prepared = await prepareDown(unit, run);
    work.push({ unit, ...(prepared === undefined ? {} : { prepared }) });
  }
  const outcome = await performAll({ session, run, role: books.role, direction: 'down' }, work);
  await closeBooks(session, books, run);
  return { reverted: outcome.done, notices: outcome.notices, done: outcome.left.length === 0 };
}

/** Records what is pending as applied without running it; gives the names. The session as for {@link runMigrations}. */
export async function fakeMigrations(session: SqlClient, run: MigrationRun): Promise<string[]> {
  const wanted = wantedMigrations(run);
  if (run.definition.engine === 'module') return await fakeMigrator(session, run);
  const books = await openBooks(session, run);
  checkBooks(books.applied, run);
  await adopt(session, books, run);
  const done = new Set(books.applied.map(({ name }) => name));
  const pending = wanted.filter(({ name }) => !done.has(name));
  if (pending.length > 0) await session.query(recordStatement(pending));
  await closeBooks(session, books, run);
  return pending.map(({ name }) => name);
}

interface Work {
  readonly unit: Unit;
  readonly prepared?: Prepared;
}

const states: Readonly<Record<Direction, 'applied' | 'reverted'>> = { up: 'applied', down: 'reverted' };

async function performAll(
  stage: Stage,
  work: readonly Work[],
): Promise<{ done: string[]; left: string[]; notices: MigrationNotice[] }> {
  const { session, run, direction } = stage;
  using notices = new Notices(session, run.onProgress);
  const names = work.map(({ unit }) => unit.migration.name);
  const done: string[] = [];
  for (const { unit, prepared } of work) {
    // At least one, so that a run that is asked again and again comes to its end.
    if (done.length > 0 && run.stop?.() === true) break;
    const { name } = unit.migration;
    notices.current = name;
    run.onProgress?.({ event: 'migration', name, state: 'started' });
    const start = performance.now();
    const tried = await perform(stage, unit, prepared).catch((error: unknown) => {
      if (run.dryRun === true && done.length > 0 && needsCommit(error)) return false;
      throw error;
    });
    if (!tried) break;
    const durationMs = performance.now() - start;
    done.push(name);
    run.onProgress?.({ event: 'migration', name, state: states[direction], durationMs });
  }
  return { done, left: names.slice(done.length), notices: notices.list };
}

/** The value that an earlier migration has added to an enum type is of use only when that one is committed. */
function needsCommit(error: unknown): boolean {
  return isBootstrapError(error) && error.details['sqlState'] === '55P04';
}

export { migrationState } from './books.ts';
export { type AppliedMigration, readApplied } from './read-untrusted.ts';
export type {
  MigrationEvent,
  MigrationOutcome,
  MigrationRun,
  RevertOutcome,
} from './run.ts';
export { seedDatabase } from './seed.ts';
