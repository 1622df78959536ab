import { BootstrapError } from '../errors.ts';
import type { MigrationRun } from './run.ts';
import { SqlFailure } from './send.ts';

export interface FailedMigration {
  /** As it is called in the repository. */
  readonly file: string;
  /** Whether it had a transaction, which is rolled back. */
  readonly transaction: boolean;
  readonly direction?: 'up' | 'down';
  /** A migrator of its own: what it did before the error, only it knows. */
  readonly migrator?: boolean;
}

/** An error while a migration was loaded or ran, with what the server said and where in the file. */
export function migrationFailed(
  thrown: unknown,
  run: Pick<MigrationRun, 'database' | 'timeouts' | 'dryRun'>,
  { file, transaction, direction = 'up', migrator = false }: FailedMigration,
): BootstrapError {
  const { error, line, position } = thrown instanceof SqlFailure ? thrown : { error: thrown };
  const { message, sqlState, detail } = facts(error);
  const where = `${file}${line === undefined ? '' : `:${line}`}`;
  const lost = isConnectionLost(error, sqlState);
  const what = direction === 'down' ? 'down of migration' : 'migration';
  return new BootstrapError(
    'BOOTSTRAP_MIGRATION_FAILED',
    `database "${run.database}": ${what} ${where}: ${message}${sqlState ? ` (${sqlState})` : ''}`,
    {
      ...(lost ? { kind: 'unavailable' as const } : {}),
      hint: hintFor({
        sqlState,
        lost,
        transaction,
        migrator,
        dryRun: run.dryRun === true,
        timeouts: run.timeouts,
      }),
      details: {
        database: run.database,
        file,
        ...(line === undefined ? {} : { line }),
        ...(direction === 'down' ? { direction } : {}),
        transaction,
        ...(sqlState ? { sqlState } : {}),
        ...(position === undefined ? {} : { position }),
        ...(detail === undefined ? {} : { detail }),
        ...(lost ? { connectionLost: true } : {}),
        message,
      },
      cause: error,
    },
  );
}

/** What an error of the server or of the migration's code says. */
export function facts(error: unknown): {
  message: string;
  sqlState: string | undefined;
  detail: string | undefined;
} {
  if (typeof error !== 'object' || error === null) {
    return { message: String(error), sqlState: undefined, detail: undefined };
  }
  const { message, code, detail } = error as { message?: string; code?: unknown; detail?: string };
  return {
    message: message ?? 'an error without a message',
    sqlState: typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined,
    detail,
  };
}

function isConnectionLost(error: unknown, sqlState: string | undefined): boolean {
  if (sqlState !== undefined && /^(08...|57P0[1-4])$/.test(sqlState)) return true;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return (
    /^(ECONNRESET|EPIPE|ETIMEDOUT)$/.test(String(code)) ||
    /Connection terminated|connection error and is not queryable|Client was closed/.test(String(message))
  );
}

function hintFor(failure: {
  sqlState: string | undefined;
  lost: boolean;
  transaction: boolean;
  migrator: boolean;
  dryRun: boolean;
  timeouts: MigrationRun['timeouts'];
}): string {
  const { sqlState, lost, transaction, timeouts } = failure;
  const outside = failure.migrator
    ? 'What the migrator did before the error is as it left it; it is called again with the next apply.'
    : 'It runs outside of a transaction (pgm.noTransaction, or "-- postern: no-transaction"): what it did before the error is kept, an index that was being built concurrently stays behind invalid, and all of it runs again with the next apply. Make it repeatable (IF NOT EXISTS, DROP … IF EXISTS first), then apply again.';
  if (failure.dryRun) return 'It was a dry run: everything was rolled back, also what came before it.';
  if (lost) {
    return transaction
      ? 'The connection broke. The migration was applied as a whole or not at all, and the books know: apply again.'
      : `The connection broke. ${outside}`;
  }
  const kept = transaction ? 'The migration was rolled back; those before it stay.' : outside;
  if (sqlState === '55P03') {
    const waited = timeouts?.lockMs ? `${timeouts.lockMs} ms` : 'its lock_timeout';
    return `Another session held something that the migration needs for longer than ${waited}: find it in pg_stat_activity (pg_blocking_pids), wait or end it, then apply again. ${kept}`;
  }
  if (sqlState === '57014') {
    const allowed = timeouts?.statementMs ? `${timeouts.statementMs} ms` : 'statement_timeout';
    return `A statement took longer than ${allowed}, or somebody cancelled it. Split the work, or let the migration itself set another statement_timeout (SET LOCAL). ${kept}`;
  }
  return transaction ? `${kept} Correct it and apply again.` : kept;
}

/** `down` of something that has none. */
export function irreversible(
  run: Pick<MigrationRun, 'database'>,
  file: string,
  why: string,
  cause?: unknown,
): BootstrapError {
  return new BootstrapError(
    'BOOTSTRAP_MIGRATION_IRREVERSIBLE',
    `database "${run.database}": migration ${file} cannot be taken back: ${why}`,
    {
      hint: 'Nothing was run. Take back fewer, or write a new migration that undoes what this one did.',
      details: { database: run.database, file },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
