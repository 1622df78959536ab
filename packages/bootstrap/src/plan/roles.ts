import { leaseRole, maintenanceDatabase, testLogin } from '@postern/test-databases/server';
import type { ManifestDatabase, ManifestRole } from '../contract/manifest.ts';
import { BootstrapError } from '../errors.ts';
import { type ClusterCatalog, membershipOptionsVersion } from './catalog.ts';
import {
  actingMemberships,
  groupMemberships,
  ownerMemberships,
  testOwnerOf,
  wantedMemberships,
} from './memberships.ts';
import type { RolePlan } from './role-plan.ts';
import type { PlanGroup } from './statement.ts';

export { testMigratorOf, testOwnerOf } from './memberships.ts';

/** Every role that the declaration leads to. */
export function rolesOf(database: ManifestDatabase, testDatabases: boolean): string[] {
  const { owner, migrator, roles } = database;
  const declared = [owner, migrator, ...roles.map(({ name }) => name)];
  if (!testDatabases) return declared;
  const logins = roles.filter(({ login }) => login !== 'none').map(({ name }) => name);
  return [...declared, ...[owner, migrator, ...logins].map(testLogin), leaseRole];
}

/** Everybody who is to log in with tokens, test logins included. */
function iamLoginsOf(declared: readonly ManifestDatabase[]): string[] {
  const logins = declared.flatMap(({ migrator, roles }) => [
    migrator,
    ...roles.filter(({ login }) => login === 'iam').map(({ name }) => name),
  ]);
  const tested = declared.flatMap(({ migrator, roles }) => [migrator, ...roles.map(({ name }) => name)]);
  return [...logins, ...tested.map(testLogin), leaseRole];
}

/**
 * Owners, migrators and the declared roles with their memberships. `declared`: all databases of the artefact, because
 * a role may be what it is for the sake of one that is not selected.
 */
export function planRoles(
  plan: RolePlan,
  databases: readonly ManifestDatabase[],
  declared: readonly ManifestDatabase[],
  catalog: ClusterCatalog,
): PlanGroup[] {
  const groups = new Set(declared.flatMap(({ roles }) => roles.flatMap(({ memberOf }) => memberOf)));
  for (const database of databases) {
    const { owner, migrator, name } = database;
    plan.begin(`roles of ${name}`);
    const ownerWhy = `Owns the database "${name}" and its objects; nobody logs in as the owner.`;
    plan.role({ name: owner, login: false, madeFor: name, why: ownerWhy });
    plan.toMaster(owner);
    const migratorWhy = `Runs migrations of "${name}" by hand or over a tunnel.`;
    plan.role({ name: migrator, login: true, inherit: false, madeFor: name, why: migratorWhy });
    plan.iam(migrator, true);
    for (const role of database.roles) {
      const { connectionLimit, settings } = role;
      plan.role({
        name: role.name,
        login: role.login !== 'none',
        connectionLimit,
        settings,
        inherit: inheritOf(role, declared, catalog),
        granted: role.login === 'none' || groups.has(role.name),
        madeFor: name,
        why: `Declared by database "${name}" (${role.intent === 'none' ? 'no grants of its own' : role.intent}).`,
      });
      plan.iam(role.name, role.login === 'iam');
    }
    for (const membership of ownerMemberships(database)) plan.membership(membership);
  }
  // A group may be declared by a database that comes later.
  plan.begin('memberships');
  for (const database of databases) {
    for (const membership of groupMemberships(database)) plan.membership(membership);
  }
  for (const { role, member } of withdrawals(databases, declared, catalog)) plan.withdraw(role, member);
  plan.checkLogins(iamLoginsOf(declared));
  return plan.take();
}

/** The logins of test runs: they act as the declared roles, but only in test databases. */
export function planTestLogins(
  plan: RolePlan,
  databases: readonly ManifestDatabase[],
  declared: readonly ManifestDatabase[],
): PlanGroup[] {
  const acting = databases.flatMap((database) => actingMemberships(database, declared));
  for (const database of databases) {
    plan.begin(`test logins of ${database.name}`);
    const owner = testOwnerOf(database);
    const madeFor = database.name;
    plan.role({ name: owner, login: false, madeFor, why: 'Owns test databases that a run migrates itself.' });
    plan.toMaster(owner);
    const settings = new Map(database.roles.map((role) => [testLogin(role.name), role.settings]));
    for (const { member, role } of actingMemberships(database, declared)) {
      plan.role({
        name: member,
        login: true,
        // The role of every session, also after RESET ROLE and DISCARD ALL.
        settings: { ...settings.get(member), role },
        onlySettings: true,
        inherit: false,
        madeFor,
        why: `Test runs act as "${role}" through this login.`,
      });
      plan.iam(member, true);
    }
  }
  plan.begin('roles of test logins');
  for (const membership of acting) plan.membership(membership);
  plan.begin('lease role');
  plan.role({
    name: leaseRole,
    login: true,
    madeFor: maintenanceDatabase,
    why: 'Holds the leases of test runs and resets their databases; may connect nowhere else.',
  });
  plan.iam(leaseRole, true);
  plan.checkLogins(iamLoginsOf(declared));
  return plan.take();
}

/** Memberships between declared roles that no declaration names (any more). */
export function withdrawals(
  databases: readonly ManifestDatabase[],
  declared: readonly ManifestDatabase[],
  catalog: ClusterCatalog,
): { role: string; member: string }[] {
  const names = (list: readonly ManifestDatabase[]): Set<string> =>
    new Set(list.flatMap((database) => rolesOf(database, true)));
  const [selected, known] = [names(databases), names(declared)];
  const wanted = new Set(wantedMemberships(declared).map(({ role, member }) => `${role} → ${member}`));
  const found = catalog.memberships.filter(
    ({ role, member, implicit, grantor }) =>
      !implicit &&
      selected.has(member) &&
      known.has(role) &&
      !wanted.has(`${role} → ${member}`) &&
      // What somebody else granted is drift.
      (grantor === catalog.master || catalog.version < membershipOptionsVersion),
  );
  return found.map(({ role, member }) => ({ role, member }));
}

/** Before PostgreSQL 16 a role inherits from all its groups or from none. */
function inheritOf(
  role: ManifestRole,
  declared: readonly ManifestDatabase[],
  catalog: ClusterCatalog,
): boolean | undefined {
  const migrator = declared.some((database) =>
    database.roles.some(({ name, intent }) => name === role.name && intent === 'migrator'),
  );
  if (migrator && role.memberOf.length > 0 && catalog.version < membershipOptionsVersion) {
    throw new BootstrapError(
      'BOOTSTRAP_SERVER_UNSUPPORTED',
      `role "${role.name}" is migrator and a member of "${role.memberOf.join('", "')}": before PostgreSQL 16 a role inherits from all its roles or from none`,
      { hint: 'Declare two roles, or upgrade the cluster.' },
    );
  }
  if (migrator) return false;
  return role.memberOf.length > 0 ? true : undefined;
}
