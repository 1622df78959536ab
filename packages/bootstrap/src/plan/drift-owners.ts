import { quoteIdentifier } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { DriftItem } from '../contract/response.ts';
import { type ClusterCatalog, membershipOptionsVersion } from './catalog.ts';
import type { DriftCatalog } from './drift-catalog.ts';
import { kinds, privilegesIn } from './inside.ts';
import { reaches } from './memberships.ts';
import { iamRole } from './role-plan.ts';
import { identifiers } from './statement.ts';

type Owned = DriftCatalog['owners'];

/** Objects in declared schemas that belong to neither the owner nor the master: one item for each who owns any. */
export function driftOfOwners(
  database: ManifestDatabase,
  more: DriftCatalog,
  cluster: ClusterCatalog,
): DriftItem[] {
  return [...new Set(more.owners.map(({ owner }) => owner))].map((owner): DriftItem => {
    const owned = more.owners.filter((objects) => objects.owner === owner);
    const names = owned
      .filter(({ free }) => free)
      .flatMap((objects) => objects.names.map((name) => `${objects.keyword.toLowerCase()} ${name}`));
    const sql = owned.some(({ superuser }) => superuser)
      ? undefined
      : handOver(owner, owned, database, cluster);
    return {
      kind: 'owner',
      database: database.name,
      object:
        names.length > 10
          ? `${names.slice(0, 10).join(', ')} and ${names.length - 10} more`
          : names.join(', '),
      found: `${names.length === 1 ? 'belongs' : 'belong'} to "${owner}"; migrations run as "${database.owner}" cannot change ${names.length === 1 ? 'it' : 'them'}`,
      prunable: false,
      ...(sql === undefined ? {} : { sql }),
    };
  });
}

/**
 * What the master can run to hand the objects over, in one transaction: it becomes a member of their owner for a moment,
 * which must leave rds_iam for that time. The declared roles, the former owner perhaps among them, get what the owner's
 * default privileges would have given them. None where the former owner reaches rds_iam over other roles.
 */
function handOver(
  from: string,
  owned: Owned,
  database: ManifestDatabase,
  cluster: ClusterCatalog,
): string | undefined {
  const { memberships, master, version } = cluster;
  const isIam = memberships.some((row) => row.role === iamRole && row.member === from && !row.implicit);
  const others = memberships.filter((row) => !(row.role === iamRole && row.member === from));
  if (reaches(others, from, iamRole)) return undefined;
  const statements = owned
    .filter(({ free }) => free)
    .flatMap(({ keyword, names }) =>
      names.map((name) => `ALTER ${keyword} ${name} OWNER TO ${quoteIdentifier(database.owner)}`),
    );
  statements.push(...declaredGrants(owned, database));
  const role = quoteIdentifier(from);
  const inherits = (row: (typeof memberships)[number]): boolean =>
    row.role === from && row.member === master && row.inherit && !row.implicit;
  if (!memberships.some(inherits)) {
    const options = version >= membershipOptionsVersion ? ' WITH INHERIT TRUE' : '';
    statements.unshift(`GRANT ${role} TO CURRENT_USER${options}`);
    statements.push(`REVOKE ${role} FROM CURRENT_USER`);
  }
  if (isIam) {
    statements.unshift(`REVOKE ${iamRole} FROM ${role}`);
    statements.push(`GRANT ${iamRole} TO ${role}`);
  }
  return statements.join('; ');
}

function declaredGrants(owned: Owned, database: ManifestDatabase): string[] {
  return (['r', 'S', 'f'] as const).flatMap((kind) =>
    database.schemas.flatMap((schema) => {
      const names = owned
        .filter((objects) => objects.kind === kind && objects.schema === schema)
        .flatMap((objects) => objects.names);
      if (names.length === 0) return [];
      return database.roles.flatMap((role) => {
        const privileges = privilegesIn(role, schema, kind);
        if (privileges.length === 0) return [];
        return `GRANT ${privileges.join(', ')} ON ${kinds[kind].one} ${names.join(', ')} TO ${identifiers([role.name])}`;
      });
    }),
  );
}
