import { ledgerStatements, ledgerVersion, maintenanceDatabase } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { PlannedStatement } from '../contract/response.ts';
import { BootstrapError } from '../errors.ts';
import { type ClusterCatalog, minimumServerVersion } from './catalog.ts';
import { planDatabase, planMaintenance } from './database.ts';
import type { DriftCatalog } from './drift-catalog.ts';
import { freshCatalog, type InnerCatalog } from './inner-catalog.ts';
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
  for (const database of databases) {
    const catalog = inside[database.name] ?? freshCatalog;
    groups.push(
      ...planDatabase(database, cluster),
      planTakeOver(database, catalog),
      planInside(database, catalog),
    );
  }
  if (options.testDatabases) {
    groups.push(...planTestLogins(roles, databases, declared), ...planMaintenance(cluster));
    if (snapshot.ledger < ledgerVersion) {
      groups.push({
        title: 'ledger of test databases',
        database: maintenanceDatabase,
        transaction: true,
        guarded: false,
        statements: ledgerStatements,
      });
    }
  }
  return groups.filter((group) => group.statements.length > 0);
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
