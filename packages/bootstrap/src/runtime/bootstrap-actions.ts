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
import { type AppliedMigration, migrationState, readApplied } from '../migrate/migrate.ts';
import { applyGroups } from '../plan/apply.ts';
import { findDrift } from '../plan/drift.ts';
import { flatten, plan, type Snapshot } from '../plan/plan.ts';
import { roleStatus } from '../plan/role-status.ts';
import { readSnapshot, type SnapshotOptions } from '../plan/snapshot.ts';
import type { PlanGroup } from '../plan/statement.ts';
import { locked } from './apply-lock.ts';
import { selectDatabases } from './artefact.ts';
import type { Invocation } from './invocation.ts';
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
    const { groups, snapshot, books } = await look(session, databases, invocation);
    const readable = databases.filter(({ name }) => !(name in (snapshot.unreadable ?? {})));
    const migrations = readable.map((database) => {
      const { pending, changed } = migrationState(books.get(database.name) ?? [], database);
      return { database: database.name, pending, changed };
    });
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
    const migrated = migrations.some(({ applied }) => applied.length > 0);
    // Also when the time was up before the first migration: statements that never hold would use it up again in each invocation.
    if (done ? statements.length > 0 || migrated : !migrated) {
      const { groups: left } = await makePlan(session, databases, invocation);
      if (flatten(left).length > 0) throw notConverged(left);
    }
    return { statements, migrations, done, manifest: manifest.hash };
  });
}

export async function status(request: RequestOf<'status'>, invocation: Invocation): Promise<StatusResult> {
  const { manifest } = invocation.artefact;
  const selected = selectDatabases(manifest, request.databases);
  return await withSession(invocation.connect, 'postgres', async (session) => {
    const { groups, snapshot, books } = await look(session, selected, invocation);
    const databases = selected.map((database) => {
      const { name } = database;
      const applied = books.get(name) ?? [];
      const exists = snapshot.cluster.databases.some(
        (found) => found.name === name && found.allowsConnections,
      );
      // Nothing is known of one that could not be looked into; the drift says so.
      if (name in (snapshot.unreadable ?? {}))
        return { name, exists, applied, changed: [], pending: [], unknown: [] };
      return { name, exists, applied, ...migrationState(applied, database) };
    });
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

/** Everything that is to be known, in one session for each database. */
async function look(
  session: SqlClient,
  databases: readonly ManifestDatabase[],
  invocation: Invocation,
): Promise<{ groups: PlanGroup[]; snapshot: Snapshot; books: ReadonlyMap<string, AppliedMigration[]> }> {
  const books = new Map<string, AppliedMigration[]>();
  const planned = await makePlan(session, databases, invocation, {
    drift: true,
    inner: async (name, inner) => void books.set(name, await readApplied(inner)),
  });
  return { ...planned, books };
}

async function makePlan(
  session: SqlClient,
  databases: readonly ManifestDatabase[],
  invocation: Invocation,
  more: Pick<SnapshotOptions, 'drift' | 'inner'> = {},
): Promise<{ groups: PlanGroup[]; snapshot: Snapshot }> {
  const { testDatabases } = invocation.config;
  const declared = invocation.artefact.manifest.databases;
  const options = { testDatabases, declared, ...more };
  const snapshot = await readSnapshot(session, invocation.connect, databases, options);
  return { groups: plan(databases, snapshot, { testDatabases }), snapshot };
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
