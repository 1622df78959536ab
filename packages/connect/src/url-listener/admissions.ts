import { randomBytes } from 'node:crypto';
import { ConnectError } from '../errors.ts';
import { noSuchDatabase, passwordFailed } from './refusal.ts';
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

/** Who somebody with a right password is to the server. */
export interface Admitted {
  readonly run: string;
  readonly login: string;
  readonly database: string;
  /** By which they were let in; compared by identity. */
  readonly admission: object;
}

interface Admission extends ScramSecret {
  readonly run: string;
  readonly database: string;
  readonly password: string;
  /** Declared role → login that acts as it. */
  logins: Readonly<Record<string, string>>;
  /** Nobody gets in with it any more, but whoever tries shall learn why. */
  withdrawn: boolean;
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

  withdraw(database: string): void {
    const known = this.#admissions.get(database);
    if (known !== undefined) known.withdrawn = true;
  }

  forget(run: string): void {
    for (const [database, known] of this.#admissions)
      if (known.run === run) this.#admissions.delete(database);
  }

  /** Everything whose password a client may turn out to know. */
  candidates(): Iterable<Admission> {
    return this.#admissions.values();
  }

  /** Whether somebody who was let in may still come in. */
  holds({ run, database, admission }: Admitted): boolean {
    const known = this.#admissions.get(database);
    return known === admission && known.run === run && !known.withdrawn;
  }

  /** Throws in the order in which PostgreSQL looks: role first, database afterwards. */
  enter(admission: Admission, user: string, database: string): Admitted {
    const login = Object.hasOwn(admission.logins, user) ? admission.logins[user] : undefined;
    if (login === undefined) throw passwordFailed(user);
    if (database !== admission.database || admission.withdrawn) throw noSuchDatabase(database);
    return { run: admission.run, login, database, admission };
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
