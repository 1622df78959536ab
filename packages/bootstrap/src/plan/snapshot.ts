import {
  type Connect,
  maintenanceDatabase,
  readLedgerVersion,
  type SqlClient,
  withSession,
} from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import { type InnerCatalog, readCluster, readInner } from './catalog.ts';
import type { Snapshot } from './plan.ts';
import { iamRole, rolesOf } from './roles.ts';

/** Reads what a plan needs: one query for the cluster and one per existing database. */
export async function readSnapshot(
  session: SqlClient,
  connect: Connect,
  databases: readonly ManifestDatabase[],
  options: { readonly testDatabases: boolean },
): Promise<Snapshot> {
  const roles = new Set([
    iamRole,
    ...databases.flatMap((database) => rolesOf(database, options.testDatabases)),
  ]);
  const cluster = await readCluster(
    session,
    [...roles],
    [...databases.map(({ name }) => name), maintenanceDatabase],
  );
  const exists = (name: string): boolean => cluster.databases.some((database) => database.name === name);
  const inside: Record<string, InnerCatalog> = {};
  for (const { name, owner, schemas } of databases) {
    if (exists(name))
      inside[name] = await withSession(connect, name, (inner) => readInner(inner, owner, schemas));
  }
  const ledger =
    options.testDatabases && exists(maintenanceDatabase)
      ? await withSession(connect, maintenanceDatabase, readLedgerVersion)
      : 0;
  return { cluster, inside, ledger };
}
