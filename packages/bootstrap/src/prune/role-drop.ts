import { quoteIdentifier } from '@postern/test-databases/server';
import { membershipOptionsVersion } from '../plan/catalog.ts';
import { reaches } from '../plan/memberships.ts';
import { iamRole } from '../plan/role-plan.ts';
import { briefLockTimeoutMs, type PlanGroup, type Statement } from '../plan/statement.ts';
import type { MarkedRole, PruneCatalog } from './catalog.ts';

/**
 * How a role goes: one transaction in each database where something depends on it, the last of which drops it.
 *
 * DROP OWNED needs the privileges of the role, and a master that is a member of an IAM role cannot log in with its password any
 * more. Hence the order, rds_iam away first, and the bracket: within each transaction the master becomes a member and stops being
 * one, so that nobody ever sees it as one, wherever the run is cut off.
 */
export function planRoleDrop(
  role: MarkedRole,
  catalog: PruneCatalog,
  /** The owner of a declared database; undefined for databases that are about to be dropped. */
  ownerOf: (database: string) => string | undefined,
): PlanGroup[] {
  const name = quoteIdentifier(role.name);
  const found = catalog.dependencies.filter((dependency) => dependency.role === role.name);
  const inside = found.flatMap(({ kind, database }) =>
    kind === 'inside' && database !== undefined && ownerOf(database) !== undefined ? [database] : [],
  );
  // What belongs to the cluster (grants on databases, memberships granted) is undone from anywhere.
  const elsewhere = found.some(({ kind, database }) =>
    kind === 'access' ? database !== undefined && ownerOf(database) !== undefined : kind === 'cluster',
  );
  const places = inside.length > 0 ? [...new Set(inside)] : elsewhere ? ['postgres'] : [];
  const first = [...outOfIam(role, catalog), ...handedOn(role, catalog)];
  if (places.length === 0) return [group(role, 'postgres', [...first, drop(role, catalog)])];
  return places.map((database, index) => {
    const owner = ownerOf(database);
    return group(role, database, [
      ...(index === 0 ? first : []),
      {
        sql: `GRANT ${name} TO CURRENT_USER${catalog.version < membershipOptionsVersion ? '' : ' WITH INHERIT TRUE, SET FALSE'}`,
        why: 'DROP OWNED needs the privileges of the role. It is no IAM role any more, and the membership ends with this transaction.',
      },
      ...(owner === undefined
        ? []
        : [
            {
              sql: `REASSIGN OWNED BY ${name} TO ${quoteIdentifier(owner)}`,
              why: 'What it owns is not lost: the owner of the database takes it over.',
            },
          ]),
      { sql: `DROP OWNED BY ${name}`, why: 'Takes its grants and default privileges away.' },
      ...(index < places.length - 1
        ? [{ sql: `REVOKE ${name} FROM CURRENT_USER`, why: 'The master stays a member of nothing.' }]
        : [drop(role, catalog)]),
    ]);
  });
}

function group(role: MarkedRole, database: string, statements: readonly Statement[]): PlanGroup {
  return {
    title: `role ${role.name}`,
    database,
    transaction: true,
    guarded: true,
    lockTimeoutMs: briefLockTimeoutMs,
    statements,
  };
}

/** Takes the role out of rds_iam and of every role that leads there. */
function outOfIam(role: MarkedRole, catalog: PruneCatalog): Statement[] {
  const leading = catalog.memberships.filter(
    (row) => row.member === role.name && !row.implicit && reaches(catalog.memberships, row.role, iamRole),
  );
  return [...new Set(leading.map((row) => row.role))].map((above) => ({
    sql: `REVOKE ${quoteIdentifier(above)} FROM ${quoteIdentifier(role.name)}`,
    why: 'Before anything else: as a member of an IAM role the master could no longer log in with its password.',
  }));
}

/** PostgreSQL 15 forgets who granted a membership; since 16 DROP OWNED takes those along that the role has granted. */
function handedOn(role: MarkedRole, catalog: PruneCatalog): Statement[] {
  if (catalog.version >= membershipOptionsVersion) return [];
  return catalog.memberships
    .filter((row) => row.grantor === role.name && row.member !== role.name)
    .map((row) => ({
      sql: `REVOKE ${quoteIdentifier(row.role)} FROM ${quoteIdentifier(row.member)}`,
      why: `Granted by "${role.name}": goes with it.`,
    }));
}

function drop(role: MarkedRole, catalog: PruneCatalog): Statement {
  const members = catalog.memberships
    .filter((row) => row.role === role.name && row.member !== catalog.master)
    .map((row) => `"${row.member}"`);
  return {
    sql: `DROP ROLE ${quoteIdentifier(role.name)}`,
    why: [
      'Made by the bootstrap and declared no longer.',
      ...(members.length > 0 ? [`Members lose what it gave them: ${[...new Set(members)].join(', ')}.`] : []),
      ...(role.sessions > 0
        ? [
            role.sessions === 1
              ? '1 session of it stays open, without any right.'
              : `${role.sessions} sessions of it stay open, without any right.`,
          ]
        : []),
    ].join(' '),
  };
}
