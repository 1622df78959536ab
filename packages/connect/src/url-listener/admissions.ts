import { randomBytes } from 'node:crypto';
import { ConnectError } from '../errors.ts';
import { leadsNowhere, noSuchDatabase, passwordFailed } from './refusal.ts';
import { type ScramSecret, scramSecretOf } from './scram.ts';

export interface UrlRequest {
  readonly run: string;
  /** Name of the test database on the cluster. */
  readonly database: string;
  /** The declared role to be. */
  readonly role: string;
  /** Declared role → login that acts as it. */
  readonly logins: Readonly<Record<string, string>>;
}

/** A URL whose database is decided later, and as often as somebody likes. */
export interface AliasRequest {
  readonly run: string;
  /** What the URL has in place of a database. */
  readonly alias: string;
  /** Its user: whoever the alias leads to. Declared roles are those, also here. */
  readonly user: string;
  readonly logins: Readonly<Record<string, string>>;
}

/** Where an alias leads: into a database, or nowhere, and why. */
export type AliasTarget = { readonly database: string; readonly role: string } | { readonly why: string };

/** Who somebody with a right password is to the server. */
export interface Admitted {
  readonly run: string;
  readonly login: string;
  readonly database: string;
  /** By which they were let in; compared by identity. */
  readonly admission: Admission;
  /** The name in the startup message. */
  readonly user: string;
}

export interface Admission extends ScramSecret {
  readonly run: string;
  /** As in the URL: of a database, or an alias. */
  readonly database: string;
  readonly password: string;
  /** Declared role → login that acts as it. */
  logins: Readonly<Record<string, string>>;
  /** Nobody gets in with it any more, but whoever tries shall learn why. */
  withdrawn: boolean;
  /** Only of an alias. */
  readonly user?: string;
  leads?: AliasTarget;
}

/**
 * Which databases may be entered, each with a password of its own for as long as somebody has it: who goes on using a former
 * holder's password, a server that was left running say, must not end up among the data of the next one.
 */
export class Admissions {
  /** One for all, see `ScramExchange`. */
  readonly salt: Buffer = randomBytes(16);
  /** By database: the current one, or else the one before. */
  readonly #admissions = new Map<string, Admission>();

  /** Lets a database be entered, and gives the password for it. */
  admit({ run, database, role, logins }: UrlRequest): string {
    if (!Object.hasOwn(logins, role)) throw roleUnknown(role, Object.keys(logins));
    const known = this.#admissions.get(database);
    if (known?.run === run && !known.withdrawn) {
      known.logins = logins;
      return known.password;
    }
    const password = randomBytes(32).toString('base64url');
    const secret = scramSecretOf(password, this.salt);
    this.#admissions.set(database, { run, database, password, logins, withdrawn: false, ...secret });
    return password;
  }

  /** Lets an alias be entered, which leads nowhere yet, and gives the password for it. */
  admitAlias({ run, alias, user, logins }: AliasRequest): string {
    const password = randomBytes(32).toString('base64url');
    const secret = scramSecretOf(password, this.salt);
    const leads = { why: 'no test has a database yet' };
    const admission = { run, database: alias, password, user, logins, leads, withdrawn: false, ...secret };
    this.#admissions.set(alias, admission);
    return password;
  }

  /** Throws `CONNECT_ROLE_UNKNOWN`. An alias that does not exist any more leads nowhere anyway. */
  lead(alias: string, target: AliasTarget): void {
    const known = this.#admissions.get(alias);
    if (known?.leads === undefined) return;
    if ('role' in target && !Object.hasOwn(known.logins, target.role))
      throw roleUnknown(target.role, Object.keys(known.logins));
    known.leads = target;
  }

  dropAlias(alias: string): void {
    this.#admissions.delete(alias);
  }

  withdraw(database: string): void {
    const known = this.#admissions.get(database);
    if (known !== undefined) known.withdrawn = true;
    for (const alias of this.#admissions.values())
      if (alias.leads !== undefined && 'database' in alias.leads && alias.leads.database === database)
        alias.leads = { why: `test database "${database}" was given back` };
  }

  forget(run: string): void {
    for (const [database, known] of this.#admissions)
      if (known.run === run) this.#admissions.delete(database);
  }

  /** Everything whose password a client may turn out to know. */
  candidates(): Iterable<Admission> {
    return this.#admissions.values();
  }

  /** Whether somebody who was let in may still come in, there and as that. */
  holds({ run, database, login, user, admission }: Admitted): boolean {
    const known = this.#admissions.get(admission.database);
    if (known !== admission || known.run !== run || known.withdrawn) return false;
    const { leads, logins } = admission;
    if (leads === undefined) return true;
    if ('why' in leads || leads.database !== database) return false;
    return user !== admission.user || logins[leads.role] === login;
  }

  /** Where somebody gets whose database was given back: an alias may lead to the next one by now. */
  again({ admission, user }: Admitted): Admitted | undefined {
    const known = this.#admissions.get(admission.database);
    if (known !== admission || admission.leads === undefined) return undefined;
    return this.enter(admission, user, admission.database);
  }

  /** Throws in the order in which PostgreSQL looks: role first, database afterwards. */
  enter(admission: Admission, user: string, database: string): Admitted {
    const { run, logins, leads } = admission;
    const aliased = leads !== undefined && user === admission.user;
    const role = aliased && 'role' in leads ? leads.role : user;
    const login = Object.hasOwn(logins, role) ? logins[role] : undefined;
    if (login === undefined && !aliased) throw passwordFailed(user);
    if (database !== admission.database || admission.withdrawn) throw noSuchDatabase(database);
    if (leads === undefined) return { run, login: login as string, database, admission, user };
    if ('why' in leads) throw leadsNowhere(leads.why);
    return { run, login: login as string, database: leads.database, admission, user };
  }
}

function roleUnknown(role: string, known: readonly string[]): ConnectError {
  return new ConnectError({
    code: 'CONNECT_ROLE_UNKNOWN',
    kind: 'invalid',
    message: `There is no role ${JSON.stringify(role)} in this database; it declares ${known.length === 0 ? 'none' : known.join(', ')}.`,
    hint: 'Use one of the declared roles, or declare this one under `roles` in database/database.ts.',
  });
}
