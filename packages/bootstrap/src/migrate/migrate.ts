import type { SqlClient } from '@postern/test-databases/server';
import type { ClientBase } from 'pg';
import { checksumsTable, type ManifestMigration, migrationsTable } from '../contract/manifest.ts';
import { BootstrapError } from '../errors.ts';
import { loaderStrategies, type Progress } from './loader.ts';

const table = `${migrationsTable.schema}.${migrationsTable.name}`;
const checksums = `${checksumsTable.schema}.${checksumsTable.name}`;

interface MigrationRun {
  /** The database's name, for messages. */
  readonly database: string;
  /** Absolute path of the folder with the compiled files. */
  readonly folder: string;
  readonly migrations: readonly ManifestMigration[];
  /** How long another run of migrations is waited for. */
  readonly lockTimeoutMs: number;
}

export interface AppliedMigration {
  readonly name: string;
  readonly at: string;
  /** Missing for one that was applied before checksums were kept. */
  readonly sha256?: string;
}

/** What the database says was applied, oldest first. */
export async function readApplied(session: SqlClient): Promise<AppliedMigration[]> {
  const { rows } = await session.query(
    `SELECT to_regclass('${table}') IS NOT NULL AS there, to_regclass('${checksums}') IS NOT NULL AS summed`,
  );
  const { there, summed } = rows[0];
  if (!there) return [];
  const [column, join] = summed ? ['c.sha256', `LEFT JOIN ${checksums} c USING (name)`] : ['NULL::text', ''];
  const applied = await session.query(
    `SELECT name, to_char(run_on, 'YYYY-MM-DD"T"HH24:MI:SS') AS at, ${column} AS sha256
       FROM ${table} ${join} ORDER BY run_on, id`,
  );
  return applied.rows.map(({ name, at, sha256 }) => ({ name, at, ...(sha256 === null ? {} : { sha256 }) }));
}

/** The migrations whose files are not what was applied. */
export function changedMigrations(
  applied: readonly AppliedMigration[],
  migrations: readonly ManifestMigration[],
): ManifestMigration[] {
  const sums = new Map(applied.map(({ name, sha256 }) => [name, sha256]));
  return migrations.filter(({ name, sha256 }) => (sums.get(name) ?? sha256) !== sha256);
}

/**
 * Runs what is pending, each migration in its own transaction unless it declines one, under node-pg-migrate's lock. The session must
 * be the owner's, is used for nothing else and must be closed afterwards: a failed migration leaves it in an
 * aborted transaction, and only the end of the session surely releases the lock.
 */
export async function runMigrations(session: SqlClient, run: MigrationRun): Promise<string[]> {
  const applied = await readApplied(session);
  const changed = changedMigrations(applied, run.migrations);
  if (changed.length > 0) throw migrationChanged(changed, applied, run);
  const sums = new Map(applied.map(({ name, sha256 }) => [name, sha256]));
  // Recorded and summed: nothing to do.
  if (run.migrations.every(({ name }) => sums.get(name) !== undefined)) return [];
  // A third of the artefact's start-up time, which most invocations do not need.
  const { PG_MIGRATE_LOCK_ID, runner } = await import('node-pg-migrate');
  await takeLock(session, run, PG_MIGRATE_LOCK_ID);
  await adopt(session, run);
  const progress: Progress = { file: undefined, sql: undefined, inTransaction: () => true };
  try {
    const done = await runner({
      dbClient: session as unknown as ClientBase,
      dir: run.folder,
      direction: 'up',
      migrationsSchema: migrationsTable.schema,
      createMigrationsSchema: true,
      migrationsTable: migrationsTable.name,
      singleTransaction: false,
      migrationLoaderStrategies: loaderStrategies(progress, (file) => recordOf(file, run)),
      logger: { info: quiet, warn: quiet, error: quiet },
    });
    return done.map((migration) => migration.name);
  } catch (error) {
    throw migrationFailed(error, run, progress);
  }
}

function quiet(): void {}

/**
 * Makes the table of checksums, and takes what was applied before there was one for what is in the artefact now: nobody
 * can know better.
 */
async function adopt(session: SqlClient, run: MigrationRun): Promise<void> {
  await session.query(`SET client_min_messages = warning`);
  await session.query(`CREATE SCHEMA IF NOT EXISTS ${checksumsTable.schema}`);
  await session.query(
    `CREATE TABLE IF NOT EXISTS ${checksums} (name text PRIMARY KEY, sha256 text NOT NULL)`,
  );
  await session.query(`RESET client_min_messages`);
  const applied = new Set((await readApplied(session)).map(({ name }) => name));
  const known = run.migrations.filter(({ name }) => applied.has(name));
  await session.query(
    `INSERT INTO ${checksums} (name, sha256) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING`,
    [known.map(({ name }) => name), known.map(({ sha256 }) => sha256)],
  );
}

/** What goes into the migration's own transaction. A file name is letters, digits, "_", "-" and ".", a sum is hex. */
function recordOf(file: string, run: MigrationRun): string | undefined {
  const migration = run.migrations.find((candidate) => candidate.file === file);
  return migration === undefined
    ? undefined
    : `INSERT INTO ${checksums} (name, sha256) VALUES ('${migration.name}', '${migration.sha256}')
         ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256`;
}

function migrationChanged(
  changed: readonly ManifestMigration[],
  applied: readonly AppliedMigration[],
  run: MigrationRun,
): BootstrapError {
  const files = changed.map(({ source }) => source);
  const at = applied.find(({ name }) => name === changed[0]?.name)?.at;
  const more = files.length > 1 ? ` (and ${files.length - 1} more)` : '';
  return new BootstrapError(
    'BOOTSTRAP_MIGRATION_CHANGED',
    `database "${run.database}": migration ${files[0]}${more} was changed after it was applied at ${at}`,
    {
      hint: 'Nothing was run. Restore the file as it was, and write the change as a new migration.',
      details: { database: run.database, files },
    },
  );
}

/** The runner itself either fails at once or waits for ever; it finds the lock held by its own session. */
async function takeLock(session: SqlClient, run: MigrationRun, lockId: number): Promise<void> {
  try {
    await session.query(`SELECT set_config('lock_timeout', $1, false)`, [
      `${Math.round(run.lockTimeoutMs)}ms`,
    ]);
    await session.query('SELECT pg_advisory_lock($1)', [lockId]);
    await session.query(`SELECT set_config('lock_timeout', '0', false)`);
  } catch (error) {
    if ((error as { code?: string }).code !== '55P03') throw error;
    throw new BootstrapError('BOOTSTRAP_BUSY', `other migrations of "${run.database}" are still running`, {
      hint: 'Wait for them, then try again.',
      cause: error,
    });
  }
}

function migrationFailed(error: unknown, run: MigrationRun, progress: Progress): BootstrapError {
  const { message, code, position, detail } = error as {
    message: string;
    code?: string;
    position?: string;
    detail?: string;
  };
  if (/^Not run migration .* is preceding already run migration/.test(message)) {
    return new BootstrapError('BOOTSTRAP_MIGRATION_ORDER', `database "${run.database}": ${message}`, {
      hint: 'Give the new migration a later number: migrations are applied in order, never in between.',
      cause: error,
    });
  }
  const migration = run.migrations.find((candidate) => candidate.file === progress.file);
  const file = migration?.source ?? progress.file;
  const sqlState = /^[0-9A-Z]{5}$/.test(code ?? '') ? code : undefined;
  const line = lineOf(progress, position);
  const transaction = progress.inTransaction();
  const where = file === undefined ? '' : ` ${file}${line === undefined ? '' : `:${line}`}`;
  return new BootstrapError(
    'BOOTSTRAP_MIGRATION_FAILED',
    `database "${run.database}": migration${where}: ${message}${sqlState ? ` (${sqlState})` : ''}`,
    {
      hint: transaction
        ? 'The migration was rolled back; those before it stay. Correct it and apply again.'
        : 'It runs outside of a transaction (pgm.noTransaction): what it did before the error is kept, an index that was being built concurrently stays behind invalid, and all of it runs again with the next apply. Make it repeatable (IF NOT EXISTS, DROP … IF EXISTS first), then apply again.',
      details: {
        database: run.database,
        ...(file === undefined ? {} : { file }),
        ...(line === undefined ? {} : { line }),
        transaction,
        ...(sqlState ? { sqlState } : {}),
        ...(position === undefined ? {} : { position: Number(position) }),
        ...(detail === undefined ? {} : { detail }),
        message,
      },
      cause: error,
    },
  );
}

/** The line of an SQL file that the server complained about; positions count characters from 1. */
function lineOf(progress: Progress, position: string | undefined): number | undefined {
  if (progress.sql === undefined || position === undefined) return undefined;
  return progress.sql.firstLine + progress.sql.text.slice(0, Number(position) - 1).split('\n').length - 1;
}
