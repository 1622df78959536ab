import { testLogin } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import { type ClusterCatalog, type Membership, membershipOptionsVersion } from './catalog.ts';

/** A membership that a declaration asks for; those of the master and of rds_iam are a matter of their own. */
export interface WantedMembership {
  readonly role: string;
  readonly member: string;
  /** Whether the member has the role's privileges without SET ROLE. */
  readonly inherit: boolean;
  /** Whether the member may SET ROLE. */
  readonly set: boolean;
  readonly why: string;
}

/** Owns the test databases that a run migrates itself: never the real owner, which could drop the real database. */
export function testOwnerOf(database: ManifestDatabase): string {
  return testLogin(database.owner);
}

/** The login with which a run migrates such a database. */
export function testMigratorOf(database: ManifestDatabase): string {
  return testLogin(database.migrator);
}

/** Who may become the owner. */
export function ownerMemberships(database: ManifestDatabase): WantedMembership[] {
  const { owner, migrator } = database;
  // Without INHERIT a migrator that forgets SET ROLE is refused, instead of owning what it creates.
  const become = { role: owner, inherit: false, set: true };
  return [
    { ...become, member: migrator, why: 'The migrator may become the owner.' },
    ...database.roles
      .filter((role) => role.intent === 'migrator')
      .map(({ name }) => ({
        ...become,
        member: name,
        why: `"${name}" is migrator: it may become the owner.`,
      })),
  ];
}

/** Groups of the declared roles. SET FALSE: they have the group's privileges, and cannot create objects that the group owns. */
export function groupMemberships(database: ManifestDatabase): WantedMembership[] {
  return database.roles.flatMap(({ name, memberOf }) =>
    memberOf.map((role) => ({
      role,
      member: name,
      inherit: true,
      set: false,
      why: `"${name}" is declared a member of "${role}".`,
    })),
  );
}

/** Logins of test runs: they act as one role and have nothing of their own. */
export function actingMemberships(
  database: ManifestDatabase,
  declared: readonly ManifestDatabase[],
): WantedMembership[] {
  const act = (member: string, role: string): WantedMembership => ({
    role,
    member,
    inherit: false,
    set: true,
    why: `"${member}" acts as "${role}" and has nothing of its own.`,
  });
  return [
    ...database.roles
      .filter(({ login }) => login !== 'none')
      .map(({ name }) => act(testLogin(name), actingRole(name, declared))),
    act(testMigratorOf(database), testOwnerOf(database)),
  ];
}

/**
 * The role that the test login of a declared role acts as: the declared role, unless that may become an owner. Code under
 * test must not: from a test database, too, an owner can drop the real one.
 */
function actingRole(name: string, declared: readonly ManifestDatabase[]): string {
  const edges = declared
    .flatMap((database) => [...ownerMemberships(database), ...groupMemberships(database)])
    .map(({ role, member }) => ({ role, member, implicit: false }));
  const owned = declared.find(({ owner }) => reaches(edges, name, owner));
  return owned === undefined ? name : testOwnerOf(owned);
}

/** All of them. */
export function wantedMemberships(databases: readonly ManifestDatabase[]): WantedMembership[] {
  return databases.flatMap((database) => [
    ...ownerMemberships(database),
    ...groupMemberships(database),
    ...actingMemberships(database, databases),
  ]);
}

export type Edge = Pick<Membership, 'role' | 'member' | 'implicit'>;

/** The chain of memberships that leads from `role` to `target`, both included; undefined without one. */
export function chainTo(memberships: readonly Edge[], role: string, target: string): string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[role, undefined]]);
  for (const current of cameFrom.keys()) {
    if (current === target) {
      const chain: string[] = [];
      for (let at: string | undefined = target; at !== undefined; at = cameFrom.get(at)) chain.unshift(at);
      return chain;
    }
    for (const row of memberships) {
      if (row.member === current && !row.implicit && !cameFrom.has(row.role)) cameFrom.set(row.role, current);
    }
  }
  return undefined;
}

/** True when `role` is `target` or reaches it through memberships that count. */
export function reaches(memberships: readonly Edge[], role: string, target: string): boolean {
  return chainTo(memberships, role, target) !== undefined;
}

/**
 * Whether a GRANT or REVOKE of the master changes this row: it does when the row was granted in the name of the role whose
 * ADMIN OPTION the server picks for us (select_best_admin). Before PostgreSQL 16 there is one row only, and RDS lets
 * its master grant rds_iam without any such row.
 */
export function isGrantable(row: Membership, catalog: ClusterCatalog): boolean {
  if (catalog.version < membershipOptionsVersion) return true;
  const { master, memberships } = catalog;
  const roles = new Set([master]);
  for (const current of roles) {
    if (memberships.some(({ member, role, admin }) => member === current && role === row.role && admin))
      return row.grantor === current;
    for (const { member, role, inherit } of memberships) if (member === current && inherit) roles.add(role);
  }
  return true;
}
