import type { SqlClient } from '@postern/test-databases/server';
import type { ClientBase } from 'pg';
import { type ManifestMigration, migrationsTable } from '../contract/manifest.ts';
import { BootstrapError } from '../errors.ts';
import { loaderStrategies, type Progress } from './loader.ts';

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
}

/** What the database says was applied, oldest first. */
export async function readApplied(session: SqlClient): Promise<AppliedMigration[]> {
  const { schema, name } = migrationsTable;
  const table = `${schema}.${name}`;
  const { rows } = await session.query(`SELECT to_regclass('${table}') IS NOT NULL AS there`);
  if (!rows[0].there) return [];
  const applied = await session.query(
    `SELECT name, to_char(run_on, 'YYYY-MM-DD"T"HH24:MI:SS') AS at FROM ${table} ORDER BY run_on, id`,
  );
  return applied.rows;
}

/**
 * Runs what is pending, each migration in its own transaction unless it declines one, under node-pg-migrate's lock. The session must
 * be the owner's, is used for nothing else and must be closed afterwards: a failed migration leaves it in an
 * aborted transaction, and only the end of the session surely releases the lock.
 */
export async function runMigrations(session: SqlClient, run: MigrationRun): Promise<string[]> {
  const applied = new Set((await readApplied(session)).map((migration) => migration.name));
  if (run.migrations.every((migration) => applied.has(migration.name))) return [];
  // A third of the artefact's start-up time, which most invocations do not need.
  const { PG_MIGRATE_LOCK_ID, runner } = await import('node-pg-migrate');
  await takeLock(session, run, PG_MIGRATE_LOCK_ID);
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
      migrationLoaderStrategies: loaderStrategies(progress),
      logger: { info: quiet, warn: quiet, error: quiet },
    });
    return done.map((migration) => migration.name);
  } catch (error) {
    throw migrationFailed(error, run, progress);
  }
}

function quiet(): void {}

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
