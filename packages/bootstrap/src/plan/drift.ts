import type { ManifestDatabase } from '../contract/manifest.ts';
import type { DriftItem } from '../contract/response.ts';
import type { CatalogDatabase } from './catalog.ts';
import { driftInside, driftOfDatabase } from './drift-inside.ts';
import { driftOfMemberships } from './drift-memberships.ts';
import { driftOfMarked, driftOfRoles } from './drift-roles.ts';
import type { Snapshot } from './plan.ts';

/**
 * What is on the cluster that nobody declared, about the selected databases and their roles. Pure. What `apply` would
 * correct is not in it, that is the plan; nor are the rights that PostgreSQL gives PUBLIC. The snapshot must have been
 * read with `drift`.
 */
export function findDrift(
  databases: readonly ManifestDatabase[],
  snapshot: Snapshot,
  options: { readonly testDatabases: boolean },
): DriftItem[] {
  const { cluster, beyond = {} } = snapshot;
  return [
    ...driftOfMarked(databases, snapshot),
    ...driftOfRoles(databases, snapshot, options.testDatabases),
    ...driftOfMemberships(databases, snapshot, options.testDatabases),
    ...databases.flatMap((database) => {
      const found = cluster.databases.find(({ name }) => name === database.name);
      const inner = snapshot.inside[database.name];
      const more = beyond[database.name];
      return [
        ...(found ? driftOfDatabase(database, found, cluster) : []),
        ...(found ? unreadable(found, snapshot) : []),
        ...(inner && more ? driftInside(database, inner, more, cluster) : []),
      ];
    }),
  ];
}

/** What could not be looked at is said, so that silence always means that all is well. */
function unreadable({ name, connectionLimit }: CatalogDatabase, snapshot: Snapshot): DriftItem[] {
  const reason = snapshot.unreadable?.[name];
  if (reason === undefined) return [];
  const limit = connectionLimit === -1 ? '' : `; its limit of sessions is ${connectionLimit}`;
  const object = `database "${name}"`;
  return [{ kind: 'database', database: name, object, found: `${reason}${limit}`, prunable: false }];
}
