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
}

interface Run extends ScramSecret {
  readonly id: string;
  readonly password: string;
  /** Database → its logins. */
  readonly databases: Map<string, Readonly<Record<string, string>>>;
}

/** Which runs there are, with the password of each, and which of their databases may be entered. */
export class Admissions {
  /** One for all, see `ScramExchange`. */
  readonly salt: Buffer = randomBytes(16);
  readonly #runs = new Map<string, Run>();

  /** Lets a database be entered with the password of its run, and gives that password. */
  admit({ run: id, database, role, logins }: UrlRequest): string {
    if (!Object.hasOwn(logins, role)) throw roleUnknown(role, Object.keys(logins));
    let run = this.#runs.get(id);
    if (run === undefined) {
      const password = randomBytes(32).toString('base64url');
      run = { id, password, databases: new Map(), ...scramSecretOf(password, this.salt) };
      this.#runs.set(id, run);
    }
    run.databases.set(database, logins);
    return run.password;
  }

  withdraw(database: string): void {
    for (const run of this.#runs.values()) run.databases.delete(database);
  }

  forget(run: string): void {
    this.#runs.delete(run);
  }

  /** Everybody whose password a client may turn out to know. */
  candidates(): Iterable<Run> {
    return this.#runs.values();
  }

  /** Whether somebody who was let in may still come in. */
  holds({ run, database }: Admitted): boolean {
    return this.#runs.get(run)?.databases.has(database) === true;
  }

  /** Throws in the order in which PostgreSQL looks: role first, database afterwards. */
  enter(run: Run, user: string, database: string): Admitted {
    const known = [...run.databases.values()].some((logins) => Object.hasOwn(logins, user));
    // A run without a database left has forgotten its roles; the database is what is missing then.
    if (!known && run.databases.size > 0) throw passwordFailed(user);
    const logins = run.databases.get(database);
    if (logins === undefined) throw noSuchDatabase(database);
    const login = Object.hasOwn(logins, user) ? logins[user] : undefined;
    if (login === undefined) throw passwordFailed(user);
    return { run: run.id, login, database };
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
