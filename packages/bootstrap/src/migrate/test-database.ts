import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { SqlClient } from '@postern/test-databases/server';
import { readFromZip } from '../build/zip.ts';
import type { ManifestDatabase } from '../contract/manifest.ts';
import { BootstrapError, isBootstrapError } from '../errors.ts';
import { migratorName } from './books.ts';
import { runMigrations } from './migrate.ts';
import { seedDatabase } from './seed.ts';

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
 * Runs an artefact's migrations and its seed without the function, in the empty database that `prepare` answered `unknown` with.
 * `session` is of the login of that answer; it is used for nothing else and must be closed afterwards. Gives the names
 * in order, as `publish` wants them.
 *
 * @throws BootstrapError `BOOTSTRAP_MIGRATION_FAILED` or `BOOTSTRAP_SEED_FAILED` with file, line and SQLSTATE in `details`,
 * `BOOTSTRAP_ARTEFACT_INVALID` when a file is not in the zip
 */
export async function migrateTestDatabase(session: SqlClient, run: TestDatabaseMigration): Promise<string[]> {
  const { database, folder, lockTimeoutMs = 10_000 } = run;
  try {
    await unpack(run);
    await runMigrations(session, {
      database: database.name,
      folder: join(folder, 'migrations'),
      definition: database,
      lockTimeoutMs,
    });
    if (database.seed) await seedDatabase(session, join(folder, 'seeds', basename(database.seed.path)));
    return database.engine === 'module' ? [migratorName] : database.migrations.map(({ name }) => name);
  } catch (error) {
    throw isBootstrapError(error) && /_(MIGRATION|SEED)_FAILED$/.test(error.code) ? ofThisRun(error) : error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function unpack({ zip, database, folder }: TestDatabaseMigration): Promise<void> {
  const { name, migrations, migratorModule, seed } = database;
  // Apart, as in the artefact: a seed is called like its database, which a migration may be, too.
  const parts = {
    migrations: [
      ...migrations.map(({ file }) => `migrations/${name}/${file}`),
      ...(migratorModule ? [migratorModule.path] : []),
    ],
    seeds: seed ? [seed.path] : [],
  };
  for (const [part, paths] of Object.entries(parts)) {
    await mkdir(join(folder, part), { recursive: true, mode: 0o700 });
    for (const path of paths) {
      const contents = readFromZip(zip, path);
      if (contents === undefined) {
        throw new BootstrapError(
          'BOOTSTRAP_ARTEFACT_INVALID',
          `${path} of "${name}" is not in the artefact`,
          {
            hint: 'Use the zip that buildArtifact() made, unchanged.',
          },
        );
      }
      await writeFile(join(folder, part, basename(path)), contents);
    }
  }
}

/** The same error; but nothing has to be mended on a database that is dropped with its run. */
function ofThisRun({ code, kind, message, details, cause }: BootstrapError): BootstrapError {
  return new BootstrapError(code, message, {
    kind,
    hint: 'It ran in an empty database of this test run, which is dropped; nothing else was touched. Correct it and run again.',
    details,
    cause,
  });
}
