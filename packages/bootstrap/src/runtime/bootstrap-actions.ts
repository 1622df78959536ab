import { maintenanceDatabase, type SqlClient, withSession } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { RequestOf } from '../contract/request.ts';
import type {
  ApplyResult,
  MigrateResult,
  PingResult,
  PlannedStatement,
  PlanResult,
  StatusResult,
} from '../contract/response.ts';
import { BootstrapError } from '../errors.ts';
import { type AppliedMigration, changedMigrations, readApplied, runMigrations } from '../migrate/migrate.ts';
import { applyGroups } from '../plan/apply.ts';
import { flatten, plan } from '../plan/plan.ts';
import { readSnapshot } from '../plan/snapshot.ts';
import type { PlanGroup } from '../plan/statement.ts';
import { selectDatabases } from './artefact.ts';
import { type Invocation, lockTimeoutMs } from './invocation.ts';

export async function ping(invocation: Invocation): Promise<PingResult> {
  const { config, artefact } = invocation;
  const { rows } = await withSession(invocation.connect, 'postgres', (session) =>
    session.query(`SELECT current_setting('server_version_num')::int AS version, session_user AS "user"`),
  );
  return {
    manifest: artefact.manifest.hash,
    databases: artefact.manifest.databases.map(({ name, templateHash }) => ({ name, templateHash })),
    actions: config.allowedActions,
    testDatabases: config.testDatabases,
    server: rows[0],
  };
}

export async function planAction(request: RequestOf<'plan'>, invocation: Invocation): Promise<PlanResult> {
  const databases = selectDatabases(invocation.artefact.manifest, request.databases);
  return await withSession(invocation.connect, 'postgres', async (session) => {
    const { groups, existing } = await makePlan(session, databases, invocation);
    const migrations: PlanResult['migrations'][number][] = [];
    for (const database of databases) {
      const { pending, changed } = await migrationState(database, existing, invocation);
      migrations.push({ database: database.name, pending, changed });
    }
    return { statements: flatten(groups), migrations };
  });
}

/**
 * Plan, apply, migrate, and look again: when the catalog still asks for statements afterwards that is an error.
 * Runs under an advisory lock of the database `postgres`, so that concurrent applies wait for each other.
 */
export async function apply(request: RequestOf<'apply'>, invocation: Invocation): Promise<ApplyResult> {
  const { manifest } = invocation.artefact;
  const databases = selectDatabases(manifest, request.databases);
  return await locked(invocation, async (session) => {
    const { groups } = await makePlan(session, databases, invocation);
    const statements: PlannedStatement[] = [];
    await applyGroups(session, invocation.connect, groups, (group, { sql, why }) => {
      statements.push({ group: group.title, database: group.database, sql, why });
      invocation.log({ event: 'statement', group: group.title, sql });
    });
    const migrations = await migrateAll(databases, invocation);
    if (statements.length > 0 || migrations.some((done) => done.applied.length > 0)) {
      const { groups: left } = await makePlan(session, databases, invocation);
      if (left.length > 0) throw notConverged(left);
    }
    return { statements, migrations, manifest: manifest.hash };
  });
}

export async function migrate(request: RequestOf<'migrate'>, invocation: Invocation): Promise<MigrateResult> {
  const databases = selectDatabases(invocation.artefact.manifest, request.databases);
  return await locked(invocation, async () => ({ migrations: await migrateAll(databases, invocation) }));
}

export async function status(request: RequestOf<'status'>, invocation: Invocation): Promise<StatusResult> {
  const { manifest } = invocation.artefact;
  const selected = selectDatabases(manifest, request.databases);
  return await withSession(invocation.connect, 'postgres', async (session) => {
    const { groups, existing } = await makePlan(session, selected, invocation);
    const databases: StatusResult['databases'][number][] = [];
    for (const database of selected) {
      const state = await migrationState(database, existing, invocation);
      databases.push({ name: database.name, exists: existing.has(database.name), ...state });
    }
    return { manifest: manifest.hash, outstanding: flatten(groups).length, databases };
  });
}

async function makePlan(
  session: SqlClient,
  databases: readonly ManifestDatabase[],
  invocation: Invocation,
): Promise<{ groups: PlanGroup[]; existing: ReadonlySet<string> }> {
  const { testDatabases } = invocation.config;
  const snapshot = await readSnapshot(session, invocation.connect, databases, { testDatabases });
  const groups = plan(databases, snapshot, { testDatabases });
  return { groups, existing: new Set(snapshot.cluster.databases.map((database) => database.name)) };
}

async function migrationState(
  database: ManifestDatabase,
  existing: ReadonlySet<string>,
  invocation: Invocation,
): Promise<{ applied: AppliedMigration[]; pending: string[]; changed: string[]; unknown: string[] }> {
  const applied = existing.has(database.name)
    ? await withSession(invocation.connect, database.name, readApplied)
    : [];
  const names = new Set(applied.map((migration) => migration.name));
  const known = new Set(database.migrations.map((migration) => migration.name));
  return {
    applied,
    pending: [...known].filter((name) => !names.has(name)),
    changed: changedMigrations(applied, database.migrations).map(({ name }) => name),
    unknown: [...names].filter((name) => !known.has(name)),
  };
}

async function migrateAll(
  databases: readonly ManifestDatabase[],
  invocation: Invocation,
): Promise<{ database: string; applied: string[] }[]> {
  const migrations: { database: string; applied: string[] }[] = [];
  for (const database of databases) {
    const asOwner = (name: string): Promise<SqlClient> => invocation.connect(name, { role: database.owner });
    const applied = await withSession(asOwner, database.name, (session) =>
      runMigrations(session, {
        database: database.name,
        folder: invocation.artefact.migrationsFolder(database),
        migrations: database.migrations,
        lockTimeoutMs: lockTimeoutMs(invocation),
      }),
    ).catch((error: unknown) => {
      throw (error as { code?: string }).code === '3D000' ? notApplied(`database "${database.name}"`) : error;
    });
    for (const name of applied) invocation.log({ event: 'migration', database: database.name, name });
    migrations.push({ database: database.name, applied });
  }
  return migrations;
}

/** The lock belongs to the session and goes with it, also when the function is killed. */
async function locked<T>(invocation: Invocation, work: (session: SqlClient) => Promise<T>): Promise<T> {
  return await withSession(invocation.connect, 'postgres', async (session) => {
    await session.query(`SELECT set_config('lock_timeout', $1, false)`, [
      `${Math.round(lockTimeoutMs(invocation))}ms`,
    ]);
    try {
      await session.query(`SELECT pg_advisory_lock(hashtextextended('postern.apply', 0))`);
    } catch (cause) {
      if ((cause as { code?: string }).code !== '55P03') throw cause;
      throw new BootstrapError('BOOTSTRAP_BUSY', 'another apply is still running', {
        hint: 'Wait for it, then try again.',
        cause,
      });
    }
    await session.query(`SELECT set_config('lock_timeout', '0', false)`);
    return await work(session);
  });
}

/** `what` is missing because the bootstrap has not run, or ran without test databases. */
export function notApplied(what: string): BootstrapError {
  return new BootstrapError('BOOTSTRAP_NOT_APPLIED', `${what} is missing on this cluster`, {
    hint: `Run the bootstrap's apply first${what.includes(maintenanceDatabase) ? ', with POSTERN_TEST_DATABASES=true' : ''}.`,
  });
}

function notConverged(groups: readonly PlanGroup[]): BootstrapError {
  const left = flatten(groups);
  return new BootstrapError(
    'BOOTSTRAP_NOT_CONVERGED',
    `after the apply ${left.length} statements are still due`,
    {
      hint: 'Something else changes the same roles or databases, or the server ignored a statement (REVOKE only warns). Run plan and compare.',
      details: { statements: left },
    },
  );
}
