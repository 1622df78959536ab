import { maintenanceDatabase, type SqlClient, withSession } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { RequestOf } from '../contract/request.ts';
import type { DownResult, FakeResult, MigratedDatabase, MigrateResult } from '../contract/response.ts';
import { BootstrapError } from '../errors.ts';
import {
  fakeMigrations,
  type MigrationRun,
  migrationState,
  readApplied,
  revertMigrations,
  runMigrations,
} from '../migrate/migrate.ts';
import { locked } from './apply-lock.ts';
import { selectDatabase, selectDatabases } from './artefact.ts';
import { type Invocation, lockTimeoutMs } from './invocation.ts';

export async function migrate(request: RequestOf<'migrate'>, invocation: Invocation): Promise<MigrateResult> {
  const { to, dryRun = false } = request;
  const databases = selectDatabases(invocation.artefact.manifest, request.databases);
  if (to !== undefined && databases.length !== 1) {
    throw new BootstrapError('BOOTSTRAP_REQUEST_INVALID', 'to: needs exactly one database', {
      hint: 'Name the database that the migration belongs to.',
    });
  }
  return await locked(invocation, async () => ({
    ...(await migrateAll(databases, invocation, { ...(to === undefined ? {} : { to }), dryRun })),
    dryRun,
  }));
}

export async function down(request: RequestOf<'down'>, invocation: Invocation): Promise<DownResult> {
  const { count, from, dryRun = false } = request;
  const database = selectDatabase(invocation.artefact.manifest, request.database);
  return await locked(invocation, () =>
    asOwner(database, invocation, async (session) => {
      const due =
        from === undefined
          ? count
          : dueSince(
              from,
              count,
              database,
              (await readApplied(session)).map(({ name }) => name),
            );
      if (due === 0) return { database: database.name, reverted: [], done: true, dryRun };
      const run = { ...runOf(database, invocation), count: due, dryRun };
      const { reverted, notices, done } = await revertMigrations(session, run);
      const said = notices.length > 0 ? { notices } : {};
      return { database: database.name, reverted, ...said, done: done || dryRun, dryRun };
    }),
  );
}

/**
 * How many of the `count` migrations that end with `from` are still applied: a request that names its beginning can be
 * repeated and takes nothing back that it did not mean.
 */
function dueSince(
  from: string,
  count: number,
  database: ManifestDatabase,
  applied: readonly string[],
): number {
  const names = database.migrations.map(({ name }) => name);
  const last = names.indexOf(from);
  // A migrator of its own, or one whose file is not in this artefact: refused by that name before anything runs.
  if (last < 0 && applied.at(-1) === from) return 1;
  if (last < 0) {
    throw new BootstrapError(
      'BOOTSTRAP_MIGRATION_UNKNOWN',
      `database "${database.name}" has no migration ${from}`,
      {
        hint: 'from names the newest migration that is to be taken back.',
      },
    );
  }
  const meant = names.slice(Math.max(0, last + 1 - count), last + 1);
  const due = applied.filter((name) => meant.includes(name)).length;
  const others = applied.slice(applied.length - due).filter((name) => !meant.includes(name));
  if (others.length > 0) {
    throw new BootstrapError(
      'BOOTSTRAP_MIGRATION_ORDER',
      `database "${database.name}": ${others.at(-1)} was applied after ${from}`,
      { hint: 'Nothing was run. Take the later ones back first, or name the newest in from.' },
    );
  }
  return due;
}

export async function fake(request: RequestOf<'fake'>, invocation: Invocation): Promise<FakeResult> {
  const { to } = request;
  const database = selectDatabase(invocation.artefact.manifest, request.database);
  return await locked(invocation, () =>
    asOwner(database, invocation, async (session) => {
      const run = { ...runOf(database, invocation), ...(to === undefined ? {} : { to }) };
      const recorded = await fakeMigrations(session, run);
      for (const name of recorded) {
        invocation.progress({ event: 'migration', database: database.name, name, state: 'recorded' });
      }
      return { database: database.name, recorded };
    }),
  );
}

/** Runs what is pending, database by database, until all is done or the invocation has to stop. The caller holds the lock. */
export async function migrateAll(
  databases: readonly ManifestDatabase[],
  invocation: Invocation,
  options: { readonly to?: string; readonly dryRun?: boolean } = {},
): Promise<{ migrations: MigratedDatabase[]; done: boolean }> {
  const migrations: MigratedDatabase[] = [];
  for (const database of databases) {
    const { applied, notices, pending } = await asOwner(database, invocation, async (session) =>
      invocation.stop()
        ? { applied: [], notices: [], pending: await pendingOf(database, session, options.to) }
        : await runMigrations(session, { ...runOf(database, invocation), ...options }),
    );
    migrations.push({
      database: database.name,
      applied,
      ...(notices.length > 0 ? { notices } : {}),
      ...(pending.length > 0 ? { pending } : {}),
    });
  }
  const done = options.dryRun === true || migrations.every(({ pending }) => pending === undefined);
  return { migrations, done };
}

/** What is left for another time where there is none to begin. */
async function pendingOf(
  database: ManifestDatabase,
  session: SqlClient,
  to: string | undefined,
): Promise<string[]> {
  const { pending } = migrationState(await readApplied(session), database);
  const last = to === undefined ? -1 : pending.indexOf(to);
  return last < 0 ? pending : pending.slice(0, last + 1);
}

function runOf(database: ManifestDatabase, invocation: Invocation): MigrationRun {
  return {
    database: database.name,
    folder: invocation.artefact.migrationsFolder(database),
    definition: database,
    lockTimeoutMs: lockTimeoutMs(invocation),
    timeouts: invocation.config.timeouts,
    stop: () => invocation.stop(),
    onProgress: (event) => invocation.progress({ ...event, database: database.name }),
  };
}

async function asOwner<T>(
  database: ManifestDatabase,
  invocation: Invocation,
  work: (session: SqlClient) => Promise<T>,
): Promise<T> {
  const login: { login?: string } =
    invocation.config.migrateAs === 'migrator' ? { login: database.migrator } : {};
  const connect = (name: string): Promise<SqlClient> =>
    invocation.connect(name, { role: database.owner, ...login });
  return await withSession(connect, database.name, work).catch(async (error: unknown) => {
    const { code = '' } = error as { code?: string };
    // A login that does not exist is refused like any other: only the master can tell.
    const refused = /^(BOOTSTRAP_LOGIN_REFUSED|28000|28P01)$/.test(code);
    if (refused && login.login !== undefined && !(await roleExists(login.login, invocation)))
      throw notApplied(`role "${login.login}"`);
    const missing = missingBy[code];
    throw missing === undefined ? error : notApplied(missing(database));
  });
}

async function roleExists(role: string, invocation: Invocation): Promise<boolean> {
  const { rows } = await withSession(invocation.connect, 'postgres', (session) =>
    session.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]),
  );
  return rows.length > 0;
}

/** What a login that fails with this code says about the database. */
const missingBy: Readonly<Record<string, (database: ManifestDatabase) => string>> = {
  '3D000': ({ name }) => `database "${name}"`,
  // "role does not exist", of the option with which the session starts.
  '22023': ({ owner }) => `role "${owner}"`,
  // Not open yet: an apply was cut off between making it and opening it.
  '55000': ({ name }) => `the access to database "${name}"`,
};

/** `what` is missing because the bootstrap has not run, or ran without test databases. */
export function notApplied(what: string): BootstrapError {
  return new BootstrapError('BOOTSTRAP_NOT_APPLIED', `${what} is missing on this cluster`, {
    hint: `Run the bootstrap's apply first${what.includes(maintenanceDatabase) ? ', with POSTERN_TEST_DATABASES=true' : ''}.`,
  });
}
