import { ledgerStatements, ledgerVersion, maintenanceDatabase } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { PlannedStatement } from '../contract/response.ts';
import { BootstrapError } from '../errors.ts';
import { type ClusterCatalog, minimumServerVersion } from './catalog.ts';
import { planDatabase, planMaintenance } from './database.ts';
import type { DriftCatalog } from './drift-catalog.ts';
import { freshCatalog, type InnerCatalog, readInner } from './inner-catalog.ts';
import { planInside, planTakeOver } from './inside.ts';
import { iamRole, RolePlan } from './role-plan.ts';
import { planRoles, planTestLogins } from './roles.ts';
import type { PlanGroup } from './statement.ts';

/** Everything a plan depends on. */
export interface Snapshot {
  readonly cluster: ClusterCatalog;
  /** All databases of the artefact, also those that are not selected. */
  readonly declared: readonly ManifestDatabase[];
  /** By database name; missing for databases that do not exist yet, or admit no connections. */
  readonly inside: Readonly<Record<string, InnerCatalog>>;
  /** Databases that exist and would not let the master in just now, with the reason. */
  readonly unreadable?: Readonly<Record<string, string>>;
  /** What `findDrift` looks at beside it; missing unless it was asked for. */
  readonly beyond?: Readonly<Record<string, DriftCatalog>>;
  /** Version of the ledger in the maintenance database; 0 without one. */
  readonly ledger: number;
}

/**
 * The statements that lead from the catalog to the declaration, in order. Pure: the same input gives the same
 * plan, and a catalog that is as declared gives none. Refuses what could lock the master out or take over
 * what is not ours.
 */
export function plan(
  databases: readonly ManifestDatabase[],
  snapshot: Snapshot,
  options: { readonly testDatabases: boolean },
): PlanGroup[] {
  const { cluster, declared, inside } = snapshot;
  checkServer(cluster);
  const roles = new RolePlan(
    cluster,
    declared.map(({ name }) => name),
  );
  const groups = planRoles(roles, databases, declared, cluster);
  const late: PlanGroup[] = [];
  for (const database of databases) {
    const { name, owner, schemas } = database;
    const within = (catalog: InnerCatalog): PlanGroup[] => [
      ...planTakeOver(database, catalog),
      planInside(database, catalog),
    ];
    groups.push(...planDatabase(database, cluster));
    const known = inside[name];
    if (known) {
      groups.push(...within(known));
      continue;
    }
    const unreadable = name in (snapshot.unreadable ?? {});
    // One that cannot be looked into after all must not keep the others from what they need.
    (unreadable ? late : groups).push({
      title: `inside ${name}`,
      database: name,
      transaction: true,
      guarded: false,
      // As template1 usually makes it.
      statements: unreadable ? [] : within(freshCatalog).flatMap((group) => group.statements),
      again: async (session) => within(await readInner(session, owner, schemas)),
    });
  }
  if (options.testDatabases) {
    groups.push(...planTestLogins(roles, databases, declared), ...planMaintenance(cluster));
    if (snapshot.ledger < ledgerVersion) {
      groups.push({
        title: 'ledger of test databases',
        database: maintenanceDatabase,
        transaction: true,
        guarded: false,
        statements: ledgerStatements(snapshot.ledger),
      });
    }
  }
  return [...groups, ...late].filter((group) => group.statements.length > 0 || group.again);
}

/** The statements as they travel in answers. */
export function flatten(groups: readonly PlanGroup[]): PlannedStatement[] {
  return groups.flatMap((group) =>
    group.statements.map(({ sql, why }) => ({ group: group.title, database: group.database, sql, why })),
  );
}

function checkServer(cluster: ClusterCatalog): void {
  if (cluster.version < minimumServerVersion) {
    throw new BootstrapError('BOOTSTRAP_SERVER_UNSUPPORTED', `the server is version ${cluster.version}`, {
      hint: 'PostgreSQL 15 or newer is needed.',
    });
  }
  if (!cluster.roles.some((role) => role.name === iamRole)) {
    throw new BootstrapError('BOOTSTRAP_SERVER_UNSUPPORTED', `the server has no role "${iamRole}"`, {
      hint: 'IAM logins need RDS or Aurora PostgreSQL (or the local cloud of Postern).',
    });
  }
}
