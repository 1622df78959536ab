import type { SqlClient } from '@postern/test-databases/server';
import { checksumsTable, type ManifestMigration, migrationsTable } from '../contract/manifest.ts';
import { BootstrapError } from '../errors.ts';
import { quoteLiteral } from '../plan/statement.ts';
import { type AppliedMigration, booksSql, guardedSql, isUnreadable, toApplied } from './read-untrusted.ts';
import type { MigrationRun } from './run.ts';

const table = `${migrationsTable.schema}.${migrationsTable.name}`;
const checksums = `${checksumsTable.schema}.${checksumsTable.name}`;

/** node-pg-migrate's own lock, so that a run of its command line and one of ours exclude each other. */
const migrationLock = '7241865325823964';

/** How a migrator of its own stands in the books; none of its migrations does. */
export const migratorName = 'migrator';

/** The migrations whose files are not what was applied. */
function changedMigrations(
  applied: readonly AppliedMigration[],
  migrations: readonly ManifestMigration[],
): ManifestMigration[] {
  const sums = new Map(applied.map(({ name, sha256 }) => [name, sha256]));
  return migrations.filter(({ name, sha256 }) => (sums.get(name) ?? sha256) !== sha256);
}

/** How books and artefact compare. */
export interface MigrationState {
  readonly pending: string[];
  /** Applied, but the file has changed since. */
  readonly changed: string[];
  /** Applied, but not in this artefact. */
  readonly unknown: string[];
}

export function migrationState(
  applied: readonly AppliedMigration[],
  { engine, migrations, migratorModule }: MigrationRun['definition'],
): MigrationState {
  const names = new Set(applied.map(({ name }) => name));
  const known = new Set(migrations.map(({ name }) => name));
  const unknown = [...names].filter((name) => !known.has(name) && name !== migratorName);
  if (engine === 'module') {
    const recorded = applied.find(({ name }) => name === migratorName)?.sha256;
    return { pending: recorded === migratorModule?.sha256 ? [] : [migratorName], changed: [], unknown };
  }
  return {
    pending: [...known].filter((name) => !names.has(name)),
    changed: changedMigrations(applied, migrations).map(({ name }) => name),
    unknown,
  };
}

export interface OpenBooks {
  readonly applied: AppliedMigration[];
  /** The role that migrations run as, whatever the one before has done to it. */
  readonly role: string;
}

/**
 * Waits for the lock, makes the tables and reads them, in one round trip. The lock stays until {@link closeBooks} or the
 * session's end. With `dryRun` all of it is in a transaction that is left open.
 */
export async function openBooks(session: SqlClient, run: MigrationRun): Promise<OpenBooks> {
  // The database's own defaults may be anything; what is read after the wait must be what the other run has left.
  const begin = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;\n${guardedSql}`;
  // A transaction that has waited still goes by what the session remembers of the catalog: the wait has one of its own.
  const statements = `${begin};
SET LOCAL lock_timeout = ${Math.max(1, Math.round(run.lockTimeoutMs))};
SELECT pg_advisory_lock(${migrationLock});
COMMIT;
${begin};
SET LOCAL client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS ${migrationsTable.schema};
CREATE TABLE IF NOT EXISTS ${table} (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL);
CREATE TABLE IF NOT EXISTS ${checksums} (name text PRIMARY KEY, sha256 text NOT NULL);
${run.dryRun === true ? '' : `COMMIT; ${guardedSql};`}
SELECT current_setting('role') AS role;
${booksSql.migrations};
${booksSql.checksums}`;
  try {
    const results = (await session.query(statements)) as unknown as Awaited<ReturnType<SqlClient['query']>>[];
    const [role, migrations, sums] = results.slice(-3).map(({ rows }) => rows);
    return { role: role?.[0].role, applied: toApplied(migrations, sums) };
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    if (code !== '42501' && isUnreadable(error)) {
      throw new BootstrapError(
        'BOOTSTRAP_DATABASE_CONFLICT',
        `database "${run.database}": ${table} or ${checksums} is not the table that migrations are recorded in: ${message}`,
        {
          hint: 'Nothing was run. Whoever owns the database has put something else in its place: put the tables back as they were.',
          details: { database: run.database },
          cause: error,
        },
      );
    }
    if (code !== '55P03') throw error;
    throw new BootstrapError('BOOTSTRAP_BUSY', `other migrations of "${run.database}" are still running`, {
      hint: 'Wait for them, then try again.',
      details: { database: run.database },
      cause: error,
    });
  }
}

/**
 * The opposite of {@link openBooks}, when nothing went wrong: the session is as it was. Otherwise the session's end releases
 * the lock.
 */
export async function closeBooks(
  session: SqlClient,
  { role }: OpenBooks,
  { dryRun = false }: MigrationRun,
): Promise<void> {
  await session.query(
    `${dryRun ? 'ROLLBACK; ' : ''}${freshSession(role)}; SELECT pg_catalog.pg_advisory_unlock(${migrationLock})`,
  );
}

/** The session as it started, but for temporary tables. */
export function freshSession(role: string): string {
  return `${setRole(role)}; RESET ALL`;
}

export function setRole(role: string): string {
  return `SET ROLE ${role === 'none' ? 'NONE' : quoteLiteral(role)}`;
}

/** Takes what was applied before there were checksums for what is in the artefact now: nobody can know better. */
export async function adopt(session: SqlClient, books: OpenBooks, run: MigrationRun): Promise<void> {
  const unsummed = new Set(
    books.applied.filter(({ sha256 }) => sha256 === undefined).map(({ name }) => name),
  );
  const known = run.definition.migrations.filter(({ name }) => unsummed.has(name));
  if (known.length === 0) return;
  await session.query(
    `INSERT INTO ${checksums} (name, sha256) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING`,
    [known.map(({ name }) => name), known.map(({ sha256 }) => sha256)],
  );
}

/** Records migrations, in this order; it goes into their own transaction. */
export function recordStatement(migrations: readonly Pick<ManifestMigration, 'name' | 'sha256'>[]): string {
  const names = migrations.map(({ name }) => `(${quoteLiteral(name)}, now())`);
  const sums = migrations.map(({ name, sha256 }) => `(${quoteLiteral(name)}, ${quoteLiteral(sha256)})`);
  return `INSERT INTO ${table} (name, run_on) VALUES ${names.join(', ')};
INSERT INTO ${checksums} (name, sha256) VALUES ${sums.join(', ')}
  ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256`;
}

/** Takes a migration out of the books. */
export function forgetStatement(name: string): string {
  return `DELETE FROM ${table} WHERE name = ${quoteLiteral(name)};
DELETE FROM ${checksums} WHERE name = ${quoteLiteral(name)}`;
}

/** Refuses to go on when the artefact is not a continuation of what the database holds. */
export function checkBooks(applied: readonly AppliedMigration[], run: MigrationRun): void {
  const { migrations } = run.definition;
  const changed = changedMigrations(applied, migrations);
  if (changed.length > 0) throw migrationChanged(changed, applied, run);
  const names = applied.map(({ name }) => name).filter((name) => name !== migratorName);
  // As node-pg-migrate has it: as far as both lists go they are the same.
  for (const [index, name] of names.entries()) {
    const expected = migrations[index]?.name;
    if (expected !== undefined && expected !== name) throw outOfOrder(expected, name, run);
  }
}

function outOfOrder(expected: string, name: string, run: MigrationRun): BootstrapError {
  const ours = run.definition.migrations.some((migration) => migration.name === name);
  return new BootstrapError(
    'BOOTSTRAP_MIGRATION_ORDER',
    `database "${run.database}": Not run migration ${expected} is preceding already run migration ${name}`,
    {
      hint: ours
        ? 'Nothing was run. Give the new migration a later number: migrations are applied in order, never in between.'
        : `Nothing was run. ${name} is not in this artefact: the database was migrated from another branch. Merge it, or take it back there.`,
      details: { database: run.database, migration: expected, before: name },
    },
  );
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

/** The migrations up to `to`, all without one. */
export function wantedMigrations(run: MigrationRun): readonly ManifestMigration[] {
  const { migrations } = run.definition;
  if (run.to === undefined) return migrations;
  const last = migrations.findIndex(({ name }) => name === run.to);
  if (last >= 0) return migrations.slice(0, last + 1);
  throw new BootstrapError(
    'BOOTSTRAP_MIGRATION_UNKNOWN',
    `database "${run.database}" has no migration ${JSON.stringify(run.to)} in this artefact`,
    {
      hint:
        run.definition.engine === 'module'
          ? 'It is migrated by a migrator of its own, whose migrations have no names here.'
          : 'Nothing was run. The name is that of the file without extension, as status shows it.',
      details: { database: run.database, migrations: migrations.map(({ name }) => name) },
    },
  );
}
