import { type SqlClient, withSession } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { RequestOf } from '../contract/request.ts';
import type {
  AppliedStatement,
  ApplyResult,
  PingResult,
  PlanResult,
  StatusResult,
} from '../contract/response.ts';
import { BootstrapError } from '../errors.ts';
import { type AppliedMigration, changedMigrations, readApplied } from '../migrate/migrate.ts';
import { flatten, plan, type Snapshot } from '../plan/plan.ts';
import { readSnapshot } from '../plan/snapshot.ts';
import type { PlanGroup } from '../plan/statement.ts';
import { locked } from './apply-lock.ts';
import { selectDatabases } from './artefact.ts';
import type { Invocation } from './invocation.ts';
import { applyGroups, findDrift, roleStatus } from './landing.ts';
import { migrateAll } from './migration-actions.ts';

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
    const { groups, snapshot } = await makePlan(session, databases, invocation);
    const migrations: PlanResult['migrations'][number][] = [];
    for (const database of databases) {
      const { pending, changed } = await migrationState(database, snapshot, invocation);
      migrations.push({ database: database.name, pending, changed });
    }
    const drift = findDrift(databases, snapshot, invocation.config);
    return { statements: flatten(groups), migrations, drift };
  });
}

/**
 * Plan, apply, migrate, and look again: when the catalog still asks for statements afterwards that is an error.
 */
export async function apply(request: RequestOf<'apply'>, invocation: Invocation): Promise<ApplyResult> {
  const { manifest } = invocation.artefact;
  const databases = selectDatabases(manifest, request.databases);
  return await locked(invocation, async (session) => {
    const { groups } = await makePlan(session, databases, invocation);
    const statements: AppliedStatement[] = [];
    await applyGroups(session, invocation.connect, groups, (statement) => {
      statements.push(statement);
      invocation.progress({ event: 'statement', ...statement });
    });
    const { migrations, done } = await migrateAll(databases, invocation);
    const changed = statements.length > 0 || migrations.some(({ applied }) => applied.length > 0);
    if (done && changed) {
      const { groups: left } = await makePlan(session, databases, invocation);
      if (left.length > 0) throw notConverged(left);
    }
    return { statements, migrations, done, manifest: manifest.hash };
  });
}

export async function status(request: RequestOf<'status'>, invocation: Invocation): Promise<StatusResult> {
  const { manifest } = invocation.artefact;
  const selected = selectDatabases(manifest, request.databases);
  return await withSession(invocation.connect, 'postgres', async (session) => {
    const { groups, snapshot } = await makePlan(session, selected, invocation);
    const databases: StatusResult['databases'][number][] = [];
    for (const database of selected) {
      const state = await migrationState(database, snapshot, invocation);
      databases.push({ name: database.name, exists: exists(snapshot, database.name), ...state });
    }
    return {
      manifest: manifest.hash,
      outstanding: flatten(groups).length,
      drift: findDrift(selected, snapshot, invocation.config),
      server: { version: snapshot.cluster.version },
      roles: roleStatus(selected, snapshot, invocation.config),
      databases,
    };
  });
}

async function makePlan(
  session: SqlClient,
  databases: readonly ManifestDatabase[],
  invocation: Invocation,
): Promise<{ groups: PlanGroup[]; snapshot: Snapshot }> {
  const { testDatabases } = invocation.config;
  const snapshot = await readSnapshot(session, invocation.connect, databases, { testDatabases });
  return { groups: plan(databases, snapshot, { testDatabases }), snapshot };
}

const exists = ({ cluster }: Snapshot, name: string): boolean =>
  cluster.databases.some((database) => database.name === name);

async function migrationState(
  database: ManifestDatabase,
  snapshot: Snapshot,
  invocation: Invocation,
): Promise<{ applied: AppliedMigration[]; pending: string[]; changed: string[]; unknown: string[] }> {
  const applied = exists(snapshot, database.name)
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
