import { quoteIdentifier } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { DriftItem } from '../contract/response.ts';
import { type ClusterCatalog, type Membership, membershipOptionsVersion } from './catalog.ts';
import type { DriftCatalog } from './drift-catalog.ts';
import { kinds, privilegesIn } from './inside.ts';
import { isGrantable, reaches } from './memberships.ts';
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

/** The service waits no longer than this for one table that is handed over; then nothing has happened. */
const lockTimeout = '2s';

/**
 * What the master can run to hand the objects over, in one transaction: it becomes a member of their owner for a moment,
 * which must leave rds_iam for that time. The declared roles, the former owner perhaps among them, get what the owner's
 * default privileges would have given them. None where the former owner would stay in rds_iam, over other roles or because
 * somebody else put it there: the master would be an IAM-only login.
 */
function handOver(
  from: string,
  owned: Owned,
  database: ManifestDatabase,
  cluster: ClusterCatalog,
): string | undefined {
  const { memberships } = cluster;
  const isIam = (row: Membership): boolean => row.role === iamRole && row.member === from && !row.implicit;
  const iam = memberships.filter(isIam);
  const others = memberships.filter((row) => !isIam(row));
  if (reaches(others, from, iamRole) || !iam.every((row) => isGrantable(row, cluster))) return undefined;
  const role = quoteIdentifier(from);
  const [join, leave] = membershipOf(from, cluster);
  return [
    'BEGIN',
    `SET LOCAL lock_timeout = '${lockTimeout}'`,
    ...(iam.length > 0 ? [`REVOKE ${iamRole} FROM ${role}`] : []),
    ...join,
    ...owned
      .filter(({ free }) => free)
      .flatMap(({ keyword, names }) =>
        names.map((name) => `ALTER ${keyword} ${name} OWNER TO ${quoteIdentifier(database.owner)}`),
      ),
    ...declaredGrants(owned, database),
    ...leave,
    ...(iam.length > 0 ? [`GRANT ${iamRole} TO ${role}`] : []),
    'COMMIT',
  ].join('; ');
}

/** What makes the master inherit from a role, and what gives back the membership that it had before. */
function membershipOf(role: string, cluster: ClusterCatalog): [join: string[], leave: string[]] {
  const found = cluster.memberships.filter(
    (row) => row.role === role && row.member === cluster.master && !row.implicit,
  );
  // Before PostgreSQL 16 there is one row without options: a GRANT changes nothing, a REVOKE would take it away.
  const options = cluster.version >= membershipOptionsVersion;
  if (options ? found.some(({ inherit }) => inherit) : found.length > 0) return [[], []];
  const quoted = quoteIdentifier(role);
  const grant = `GRANT ${quoted} TO CURRENT_USER`;
  const before = found.find((row) => isGrantable(row, cluster));
  return [
    [`${grant}${options ? ' WITH INHERIT TRUE' : ''}`],
    [before ? `${grant} WITH INHERIT FALSE` : `REVOKE ${quoted} FROM CURRENT_USER`],
  ];
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
