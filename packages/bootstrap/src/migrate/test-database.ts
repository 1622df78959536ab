import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SqlClient } from '@postern/test-databases/server';
import { readFromZip } from '../build/zip.ts';
import type { ManifestDatabase } from '../contract/manifest.ts';
import { BootstrapError, isBootstrapError } from '../errors.ts';
import { runMigrations } from './migrate.ts';

export interface TestDatabaseMigration {
  /** The zip of `buildArtifact()`. */
  readonly zip: Uint8Array;
  /** The database in its manifest. */
  readonly database: ManifestDatabase;
  /** Where the compiled files are unpacked while they run. Made, and removed afterwards; used by nobody else. */
  readonly folder: string;
  /** How long another run of migrations in the same database is waited for, in milliseconds. Default 10 s. */
  readonly lockTimeoutMs?: number;
}

/**
 * Runs an artefact's migrations without the function, in the empty database that `prepare` answered `unknown` with.
 * `session` is of the login of that answer; it is used for nothing else and must be closed afterwards. Gives the names
 * in order, as `publish` wants them.
 *
 * @throws BootstrapError `BOOTSTRAP_MIGRATION_FAILED` with file, line and SQLSTATE in `details`,
 * `BOOTSTRAP_ARTEFACT_INVALID` when a file is not in the zip
 */
export async function migrateTestDatabase(session: SqlClient, run: TestDatabaseMigration): Promise<string[]> {
  const { database, folder, lockTimeoutMs = 10_000 } = run;
  const { name, migrations } = database;
  try {
    await unpack(run);
    await runMigrations(session, { database: name, folder, migrations, lockTimeoutMs });
    return migrations.map((migration) => migration.name);
  } catch (error) {
    throw isBootstrapError(error) && error.code === 'BOOTSTRAP_MIGRATION_FAILED' ? ofThisRun(error) : error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function unpack({ zip, database, folder }: TestDatabaseMigration): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const { file } of database.migrations) {
    const contents = readFromZip(zip, `migrations/${database.name}/${file}`);
    if (contents === undefined) {
      throw new BootstrapError(
        'BOOTSTRAP_ARTEFACT_INVALID',
        `migration ${file} of "${database.name}" is not in the artefact`,
        { hint: 'Use the zip that buildArtifact() made, unchanged.' },
      );
    }
    await writeFile(join(folder, file), contents);
  }
}

/** The same error; but nothing has to be mended on a database that is dropped with its run. */
function ofThisRun({ code, message, details, cause }: BootstrapError): BootstrapError {
  return new BootstrapError(code, message, {
    hint: 'It ran in an empty database of this test run, which is dropped; nothing else was touched. Correct it and run again.',
    details,
    cause,
  });
}
