import { leaseRole, quoteIdentifier, testLogin } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import { BootstrapError } from '../errors.ts';
import type { ClusterCatalog, Membership } from './catalog.ts';
import { type PlanGroup, quoteLiteral, type Statement } from './statement.ts';

/** The role whose members log in with IAM tokens and nothing else. */
export const iamRole = 'rds_iam';

/** Owns the test databases that a run migrates itself: never the real owner, which could drop the real database. */
export function testOwnerOf(database: ManifestDatabase): string {
  return testLogin(database.owner);
}

/** The login with which a run migrates such a database. */
export function testMigratorOf(database: ManifestDatabase): string {
  return testLogin(database.migrator);
}

/** Every role that the declaration leads to. */
export function rolesOf(database: ManifestDatabase, testDatabases: boolean): string[] {
  const declared = [database.owner, database.migrator, ...database.roles.map((role) => role.name)];
  return testDatabases ? [...declared, ...declared.map(testLogin), leaseRole] : declared;
}

/** Owner, migrator and the declared logins. */
export function planRoles(database: ManifestDatabase, catalog: ClusterCatalog): PlanGroup {
  const { owner, migrator, name } = database;
  const plan = new RolePlan(catalog);
  plan.role(owner, 'NOLOGIN', `Owns the database "${name}" and its objects; nobody logs in as the owner.`);
  plan.toMaster(owner);
  plan.role(migrator, 'LOGIN', `Runs migrations of "${name}" by hand or over a tunnel.`);
  plan.iam(migrator);
  // Without INHERIT a migrator that forgets SET ROLE is refused, instead of owning what it creates.
  plan.membership(owner, migrator, { inherit: false, set: true }, 'The migrator may become the owner.');
  for (const role of database.roles) {
    plan.role(role.name, 'LOGIN', `Declared by database "${name}" (${role.intent}).`);
    plan.iam(role.name);
  }
  return plan.group(`roles of ${name}`);
}

/** The logins of test runs: they act as the declared roles, but only in test databases. */
export function planTestLogins(database: ManifestDatabase, catalog: ClusterCatalog): PlanGroup {
  const plan = new RolePlan(catalog);
  for (const { name } of database.roles) plan.actingLogin(testLogin(name), name);
  const owner = testOwnerOf(database);
  plan.role(owner, 'NOLOGIN', 'Owns test databases that a run migrates itself.');
  plan.toMaster(owner);
  plan.actingLogin(testMigratorOf(database), owner);
  return plan.group(`test logins of ${database.name}`);
}

/** The login that holds leases. */
export function planLeaseRole(catalog: ClusterCatalog): PlanGroup {
  const plan = new RolePlan(catalog);
  plan.role(
    leaseRole,
    'LOGIN',
    'Holds the leases of test runs; may connect to the maintenance database only.',
  );
  plan.iam(leaseRole);
  return plan.group('lease role');
}

/** True when `role` is `target` or reaches it through memberships that count. */
export function reaches(memberships: readonly Membership[], role: string, target: string): boolean {
  const seen = new Set([role]);
  for (const current of seen) {
    if (current === target) return true;
    for (const row of memberships) if (row.member === current && !row.implicit) seen.add(row.role);
  }
  return false;
}

class RolePlan {
  readonly #catalog: ClusterCatalog;
  readonly #statements: Statement[] = [];

  constructor(catalog: ClusterCatalog) {
    this.#catalog = catalog;
  }

  group(title: string): PlanGroup {
    return { title, database: 'postgres', transaction: true, guarded: true, statements: this.#statements };
  }

  role(name: string, login: 'LOGIN' | 'NOLOGIN', why: string): void {
    if (name === this.#catalog.master) {
      throw new BootstrapError(
        'BOOTSTRAP_LOCKOUT_REFUSED',
        `"${name}" is the master: as ${login === 'LOGIN' ? 'a declared login' : 'an owner'} it could no longer log in with its password`,
        { hint: 'Declare another name.' },
      );
    }
    const found = this.#catalog.roles.find((role) => role.name === name);
    if (!found) this.#add(`CREATE ROLE ${quoteIdentifier(name)} ${login}`, why);
    else if (found.superuser) {
      throw conflict(
        `role "${name}" is a superuser`,
        'Postern does not touch superusers: declare another name.',
      );
    } else if (found.login !== (login === 'LOGIN')) {
      this.#add(`ALTER ROLE ${quoteIdentifier(name)} ${login}`, why);
    }
  }

  iam(role: string): void {
    if (this.#direct(role, iamRole).length > 0) return;
    const name = quoteIdentifier(role);
    this.#add(`GRANT ${iamRole} TO ${name}`, 'Logs in with an IAM token.', `REVOKE ${iamRole} FROM ${name}`);
  }

  membership(role: string, member: string, options: { inherit: boolean; set: boolean }, why: string): void {
    const rows = this.#direct(member, role);
    const fits = (row: Membership): boolean => row.inherit === options.inherit && row.set === options.set;
    // One row per grantor, and they add up; ours does not change those of others.
    const foreign = rows.find(
      (row) => row.inherit && !options.inherit && row.grantor !== this.#catalog.master,
    );
    if (foreign) {
      throw conflict(
        `"${member}" inherits "${role}", granted by "${foreign.grantor}"`,
        `"${member}" must be able to become "${role}", and have nothing of it before. Run REVOKE ${quoteIdentifier(role)} FROM ${quoteIdentifier(member)} as "${foreign.grantor}", then apply again.`,
      );
    }
    if (rows.length > 0 && rows.every(fits)) return;
    const word = (value: boolean): string => (value ? 'TRUE' : 'FALSE');
    this.#add(
      `GRANT ${quoteIdentifier(role)} TO ${quoteIdentifier(member)} WITH INHERIT ${word(options.inherit)}, SET ${word(options.set)}`,
      why,
    );
  }

  /** An owner role to the master, unless that would make the master an IAM-only login. */
  toMaster(owner: string): void {
    const { memberships, master } = this.#catalog;
    if (reaches(memberships, owner, iamRole)) {
      throw new BootstrapError(
        'BOOTSTRAP_LOCKOUT_REFUSED',
        `"${owner}" is a member of ${iamRole}: granting it to "${master}" would end the master's password login`,
        { hint: `Take "${owner}" out of ${iamRole} (and out of roles that are in it), then apply again.` },
      );
    }
    if (this.#direct(master, owner).some((row) => row.inherit && row.set)) return;
    const name = quoteIdentifier(owner);
    // With INHERIT FALSE the master could neither rename, drop nor mark the database later.
    this.#add(
      `GRANT ${name} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE`,
      'The master creates the database for the owner and manages it.',
      `REVOKE ${name} FROM CURRENT_USER`,
    );
  }

  /** A login that is `role` from its first statement on, also after RESET ROLE and DISCARD ALL. */
  actingLogin(login: string, role: string): void {
    this.role(login, 'LOGIN', `Test runs act as "${role}" through this login.`);
    this.iam(login);
    this.membership(
      role,
      login,
      { inherit: false, set: true },
      `"${login}" acts as "${role}" and has nothing of its own.`,
    );
    const settings = this.#catalog.roles.find((found) => found.name === login)?.settings ?? [];
    if (!settings.includes(`role=${role}`)) {
      this.#add(
        `ALTER ROLE ${quoteIdentifier(login)} SET role = ${quoteLiteral(role)}`,
        `current_user is "${role}" in every session.`,
      );
    }
  }

  #direct(member: string, role: string): Membership[] {
    return this.#catalog.memberships.filter(
      (row) => row.member === member && row.role === role && !row.implicit,
    );
  }

  #add(sql: string, why: string, undo?: string): void {
    this.#statements.push(undo === undefined ? { sql, why } : { sql, why, undo });
  }
}

export function conflict(message: string, hint: string): BootstrapError {
  return new BootstrapError('BOOTSTRAP_OWNER_CONFLICT', message, { hint });
}
