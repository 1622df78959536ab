import { quoteIdentifier } from '@postern/test-databases/server';
import { BootstrapError } from '../errors.ts';
import { checkAdoption } from './adoption.ts';
import { checkBystanders } from './bystanders.ts';
import { type ClusterCatalog, type Membership, membershipOptionsVersion } from './catalog.ts';
import { conflict } from './conflict.ts';
import { roleMark } from './marks.ts';
import { chainTo, type Edge, isGrantable, type WantedMembership } from './memberships.ts';
import { assignment, compareSettings, settingName } from './settings.ts';
import { type PlanGroup, quoteLiteral, type Statement } from './statement.ts';

/** The role whose members log in with IAM tokens and nothing else. */
export const iamRole = 'rds_iam';

export interface WantedRole {
  readonly name: string;
  readonly login: boolean;
  /** -1: no limit. */
  readonly connectionLimit?: number;
  readonly settings?: Readonly<Record<string, string>>;
  /** Whether settings beyond these are taken away: only where nobody else sets any. */
  readonly onlySettings?: boolean;
  /** Needed before PostgreSQL 16, where it decides about the role's memberships; missing: does not matter. */
  readonly inherit?: boolean | undefined;
  /** Owners and groups: others are to be members of it. */
  readonly granted?: boolean;
  /** The database whose declaration asks for it. */
  readonly madeFor: string;
  readonly why: string;
}

/** Collects the statements for roles, each role once, and knows what the memberships will be. */
export class RolePlan {
  readonly #catalog: ClusterCatalog;
  readonly #declared: readonly string[];
  readonly #groups: { title: string; statements: Statement[] }[] = [];
  readonly #planned = new Set<string>();
  /** As they will be after the statements so far. */
  #memberships: readonly Edge[];
  /** Roles that do not log in after the plan. */
  readonly #silent = new Set<string>();

  /** `declared`: names of all databases of the artefact. */
  constructor(catalog: ClusterCatalog, declared: readonly string[]) {
    this.#catalog = catalog;
    this.#declared = declared;
    this.#memberships = catalog.memberships;
  }

  /** What follows belongs to this group. */
  begin(title: string): void {
    this.#groups.push({ title, statements: [] });
  }

  /** The groups since the last time. */
  take(): PlanGroup[] {
    const taken = this.#groups.splice(0);
    return taken.map((group) => ({ ...group, database: 'postgres', transaction: true, guarded: true }));
  }

  /** Refuses what would make a login that is none of `iamLogins` an IAM-only login. */
  checkLogins(iamLogins: readonly string[]): void {
    const { memberships, master } = this.#catalog;
    if (this.#memberships === memberships) return;
    const expected = new Set([...iamLogins, ...this.#silent, master]);
    checkBystanders(memberships, this.#memberships, iamRole, expected);
  }

  /** Before PostgreSQL 16 INHERIT and SET are no options of a membership. */
  get #options(): boolean {
    return this.#catalog.version >= membershipOptionsVersion;
  }

  role(wanted: WantedRole): void {
    const { name, login, connectionLimit = -1 } = wanted;
    const quoted = quoteIdentifier(name);
    if (!this.#first(name)) return;
    if (!login) this.#silent.add(name);
    if (name === this.#catalog.master) {
      throw new BootstrapError(
        'BOOTSTRAP_LOCKOUT_REFUSED',
        `"${name}" is the master: as ${login ? 'a declared login' : 'an owner or group'} it could no longer log in with its password`,
        { hint: 'Declare another name.' },
      );
    }
    const found = this.#catalog.roles.find((role) => role.name === name);
    const inherit = this.#options ? undefined : wanted.inherit;
    const word = login ? 'LOGIN' : 'NOLOGIN';
    if (!found) {
      const limit = connectionLimit === -1 ? '' : ` CONNECTION LIMIT ${connectionLimit}`;
      this.#add(`CREATE ROLE ${quoted} ${word}${inherit === false ? ' NOINHERIT' : ''}${limit}`, wanted.why);
      this.#add(
        `COMMENT ON ROLE ${quoted} IS ${quoteLiteral(roleMark(name, wanted.madeFor))}`,
        'By this mark prune knows what was made here.',
      );
    } else if (found.superuser) {
      throw conflict(
        `role "${name}" is a superuser`,
        'Postern does not touch superusers: declare another name.',
      );
    } else {
      checkAdoption(found, wanted.granted ?? !login, this.#catalog, this.#declared);
      const changes = [
        ...(found.login === login ? [] : [word]),
        ...(inherit === undefined || found.inherit === inherit ? [] : [inherit ? 'INHERIT' : 'NOINHERIT']),
        ...(found.connectionLimit === connectionLimit ? [] : [`CONNECTION LIMIT ${connectionLimit}`]),
      ];
      if (changes.length > 0) this.#add(`ALTER ROLE ${quoted} ${changes.join(' ')}`, wanted.why);
    }
    const { missing, extra } = compareSettings(found?.settings ?? [], wanted.settings ?? {});
    for (const [setting, value] of missing) {
      const why =
        setting === 'role'
          ? `current_user is "${value}" in every session.`
          : 'Declared: each session of the login starts with it.';
      this.#add(`ALTER ROLE ${quoted} SET ${assignment(setting, value)}`, why);
    }
    for (const setting of wanted.onlySettings ? extra : []) {
      this.#add(
        `ALTER ROLE ${quoted} RESET ${settingName(setting)}`,
        'The login has the settings of its role and no others.',
      );
    }
  }

  /** Whether the role logs in with IAM tokens. */
  iam(role: string, wanted: boolean): void {
    if (!this.#first(`${iamRole} → ${role}`)) return;
    const name = quoteIdentifier(role);
    const rows = this.#direct(role, iamRole);
    if (wanted) {
      if (rows.length > 0) return;
      const grant = `GRANT ${iamRole} TO ${name}`;
      this.#edge(iamRole, role, grant);
      this.#add(grant, 'Logs in with an IAM token.', `REVOKE ${iamRole} FROM ${name}`);
    } else if (rows.length > 0) {
      this.#revoke(iamRole, role, 'Declared without IAM login: as a member it could not log in otherwise.');
    }
  }

  membership({ role, member, inherit, set, why }: WantedMembership): void {
    if (!this.#first(`${role} → ${member}`)) return;
    const rows = this.#direct(member, role);
    // One row per grantor, and they add up; ours does not change those of others.
    const foreign = rows.find(
      (row) => this.#options && row.inherit && !inherit && !isGrantable(row, this.#catalog),
    );
    if (foreign) {
      throw conflict(
        `"${member}" inherits "${role}", granted by "${foreign.grantor}"`,
        `"${member}" must be able to become "${role}", and have nothing of it before. Run REVOKE ${quoteIdentifier(role)} FROM ${quoteIdentifier(member)} as "${foreign.grantor}", then apply again.`,
      );
    }
    const ours = rows.filter((row) => isGrantable(row, this.#catalog));
    const given =
      rows.some((row) => (row.inherit || !inherit) && (row.set || !set)) &&
      ours.every((row) => row.inherit === inherit && row.set === set);
    if (this.#options ? given : rows.length > 0) return;
    const options = this.#options ? ` WITH INHERIT ${truth(inherit)}, SET ${truth(set)}` : '';
    this.#grant(role, quoteIdentifier(member), member, options, why);
  }

  /** A membership that one declaration gave and the next one does not name. */
  withdraw(role: string, member: string): void {
    const rows = this.#direct(member, role).filter((row) => isGrantable(row, this.#catalog));
    if (rows.length > 0) this.#revoke(role, member, 'Both roles are declared, the membership is not.');
  }

  /** An owner role to the master, unless that would make the master an IAM-only login. */
  toMaster(owner: string): void {
    const { master } = this.#catalog;
    if (!this.#first(`${owner} → ${master}`)) return;
    const chain = chainTo(this.#memberships, owner, iamRole);
    if (chain) {
      throw new BootstrapError(
        'BOOTSTRAP_LOCKOUT_REFUSED',
        `"${owner}" is a member of ${iamRole}${over(chain)}: granting it to "${master}" would end the master's password login`,
        { hint: `Take "${owner}" out of ${iamRole} (and out of roles that are in it), then apply again.` },
      );
    }
    const rows = this.#direct(master, owner);
    if (this.#options ? rows.some((row) => row.inherit && row.set) : rows.length > 0) return;
    // With INHERIT FALSE the master could neither rename, drop nor mark the database later.
    const options = this.#options ? ' WITH INHERIT TRUE, SET TRUE' : '';
    const why = 'The master creates the database for the owner and manages it.';
    this.#grant(owner, 'CURRENT_USER', master, options, why);
  }

  /** Whether this is planned for the first time: several databases may ask for it. */
  #first(what: string): boolean {
    if (this.#planned.has(what)) return false;
    this.#planned.add(what);
    return true;
  }

  #grant(role: string, grantee: string, member: string, options: string, why: string): void {
    const grant = `GRANT ${quoteIdentifier(role)} TO ${grantee}${options}`;
    // Nothing to undo where only options change: who reaches whom stays as it is.
    const undo =
      this.#direct(member, role).length > 0 ? undefined : `REVOKE ${quoteIdentifier(role)} FROM ${grantee}`;
    this.#edge(role, member, grant);
    this.#add(grant, why, undo);
  }

  /** Refuses a grant after which the master would reach rds_iam, by whatever way. */
  #edge(role: string, member: string, grant: string): void {
    const { master } = this.#catalog;
    this.#memberships = [...this.#memberships, { role, member, implicit: false }];
    const chain = chainTo(this.#memberships, master, iamRole);
    if (!chain) return;
    const [, first = iamRole] = chain;
    throw new BootstrapError(
      'BOOTSTRAP_LOCKOUT_REFUSED',
      `after ${grant} the master "${master}" would be a member of ${iamRole}${over(chain)} and could no longer log in with its password`,
      {
        hint:
          first === iamRole
            ? `Run REVOKE ${iamRole} FROM ${quoteIdentifier(master)} with another administrator's login, then apply again.`
            : `Run REVOKE ${quoteIdentifier(first)} FROM ${quoteIdentifier(master)} if nothing needs it, or cut the chain elsewhere, then apply again.`,
      },
    );
  }

  #revoke(role: string, member: string, why: string): void {
    const foreign = this.#direct(member, role).find((row) => !isGrantable(row, this.#catalog));
    if (foreign) {
      throw conflict(
        `"${member}" is a member of "${role}", granted by "${foreign.grantor}", and must not be`,
        `Run REVOKE ${quoteIdentifier(role)} FROM ${quoteIdentifier(member)} as "${foreign.grantor}", then apply again.`,
      );
    }
    const handedOn = this.#handedOn(role, member);
    if (handedOn.length > 0) {
      const revoke = `REVOKE ${quoteIdentifier(role)} FROM ${quoteIdentifier(member)}`;
      throw conflict(
        `"${member}" has handed "${role}" on to "${handedOn.join('", "')}", and must not be a member of it itself`,
        `Run ${revoke} CASCADE, which takes theirs as well, then apply again.`,
      );
    }
    this.#memberships = this.#memberships.filter((row) => row.role !== role || row.member !== member);
    const name = role === iamRole ? iamRole : quoteIdentifier(role);
    this.#add(`REVOKE ${name} FROM ${quoteIdentifier(member)}`, why);
  }

  /** Who has the role from this member. Before PostgreSQL 16 nothing depends on that. */
  #handedOn(role: string, member: string): string[] {
    if (!this.#options) return [];
    const rows = this.#catalog.memberships.filter((row) => row.role === role && row.grantor === member);
    return [...new Set(rows.map((row) => row.member))];
  }

  #direct(member: string, role: string): Membership[] {
    return this.#catalog.memberships.filter(
      (row) => row.member === member && row.role === role && !row.implicit,
    );
  }

  #add(sql: string, why: string, undo?: string): void {
    const group = this.#groups.at(-1);
    group?.statements.push(undo === undefined ? { sql, why } : { sql, why, undo });
  }
}

function truth(value: boolean): string {
  return value ? 'TRUE' : 'FALSE';
}

/** The roles between the two ends of a chain. */
function over(chain: readonly string[]): string {
  const between = chain.slice(1, -1);
  return between.length > 0 ? ` over "${between.join('", "')}"` : '';
}
