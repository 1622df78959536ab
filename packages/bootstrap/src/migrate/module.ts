import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SqlClient } from '@postern/test-databases/server';
import type { ManifestFile } from '../contract/manifest.ts';
import type { Migrator } from '../contract/migrator.ts';
import { BootstrapError } from '../errors.ts';
import { closeBooks, forgetStatement, migratorName, openBooks, recordStatement } from './books.ts';
import { migrationFailed } from './failure.ts';
import { Notices } from './notices.ts';
import { settings } from './perform.ts';
import { readApplied } from './read-untrusted.ts';
import type { MigrationOutcome, MigrationRun } from './run.ts';

const nothing: MigrationOutcome = { applied: [], notices: [], pending: [] };

/**
 * Lets a service's own migrator do the work when its hash is not the one that the books have. What it does cannot be
 * stopped in between, and not be tried: it begins and ends its transactions itself.
 */
export async function runMigrator(session: SqlClient, run: MigrationRun): Promise<MigrationOutcome> {
  const module = moduleOf(run);
  if ((await recordedHash(session)) === module.sha256) return nothing;
  if (run.dryRun === true) return { ...nothing, pending: [migratorName] };
  const books = await openBooks(session, run);
  if (books.applied.find(({ name }) => name === migratorName)?.sha256 === module.sha256) {
    await closeBooks(session, books, run);
    return nothing;
  }
  using notices = new Notices(session, run.onProgress);
  notices.current = migratorName;
  const start = performance.now();
  try {
    const migrator = await load(run, module);
    run.onProgress?.({ event: 'migration', name: migratorName, state: 'started' });
    await session.query(settings(books.role, run, 'SET'));
    const applied = namesIn(await migrator.migrate(lent(session)));
    await checkTransaction(session);
    await session.query(`${settings(books.role, run, 'SET')}; BEGIN; ${recorded(module)}; COMMIT`);
    const durationMs = performance.now() - start;
    run.onProgress?.({ event: 'migration', name: migratorName, state: 'applied', durationMs });
    await closeBooks(session, books, run);
    return { applied, notices: notices.list, pending: [] };
  } catch (error) {
    throw migrationFailed(error, run, { file: basename(module.path), transaction: false, migrator: true });
  }
}

/** Records the migrator's hash without running it. */
export async function fakeMigrator(session: SqlClient, run: MigrationRun): Promise<string[]> {
  const module = moduleOf(run);
  const books = await openBooks(session, run);
  const pending = books.applied.find(({ name }) => name === migratorName)?.sha256 !== module.sha256;
  if (pending) await session.query(recorded(module));
  await closeBooks(session, books, run);
  return pending ? [migratorName] : [];
}

async function recordedHash(session: SqlClient): Promise<string | undefined> {
  return (await readApplied(session)).find(({ name }) => name === migratorName)?.sha256;
}

/** One row, of the last time. */
function recorded({ sha256 }: ManifestFile): string {
  return `${forgetStatement(migratorName)}; ${recordStatement([{ name: migratorName, sha256 }])}`;
}

function moduleOf({ definition, database }: MigrationRun): ManifestFile {
  if (definition.migratorModule !== undefined) return definition.migratorModule;
  throw new BootstrapError('BOOTSTRAP_ARTEFACT_INVALID', `database "${database}" has no migrator module`, {
    hint: 'Build the artefact again.',
  });
}

async function load(run: MigrationRun, module: ManifestFile): Promise<Migrator> {
  const url = pathToFileURL(join(run.folder, basename(module.path))).href;
  const migrator: Partial<Migrator> | undefined = (await import(/* @vite-ignore */ url)).default;
  if (typeof migrator?.migrate === 'function') return migrator as Migrator;
  throw new Error('its default export has no function "migrate"');
}

/** The session itself, but for its end: pools that tools wrap around it would end it. */
function lent(session: SqlClient): SqlClient {
  return new Proxy(session, {
    get(target, property) {
      if (property === 'end') return async () => undefined;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/**
 * What it says that it has applied. Tools differ: Kysely's does not throw, it answers with its error. Only an answer that is
 * understood may go into the books, since with it the migrator is not called again.
 */
function namesIn(answer: unknown): string[] {
  if (answer === undefined) return [migratorName];
  if (Array.isArray(answer) && answer.every((name) => typeof name === 'string')) return [...answer];
  const { error } = Object(answer) as { error?: unknown };
  if (error) throw error;
  const what = Array.isArray(answer) ? 'a list of something else' : answer === null ? 'null' : typeof answer;
  throw new Error(`migrate() must give a list of names or nothing, and gave ${what}`);
}

/** What is not committed now never will be: the books would say that it was. */
async function checkTransaction(session: SqlClient): Promise<void> {
  const { rows } = await session.query('SELECT now() < statement_timestamp() AS open');
  if (rows[0].open) throw new Error('migrate() returned with a transaction still open');
}
