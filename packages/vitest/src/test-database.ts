import { type AcquiredDatabase, type HostClient, pgConfig } from '@postern/connect/host';
import type { PoolConfig } from 'pg';
import { PosternVitestError } from './errors.ts';
import type { SessionObserver } from './observe/observer.ts';

/** A migrated database that belongs to this test, file, worker or run. */
export interface TestDatabase {
  /** Its name on the cluster. */
  readonly name: string;
  /** The roles that `database.ts` declares. */
  readonly roles: readonly string[];
  /**
   * Options for `new Pool(…)` or `new Client(…)` of `pg` that log in with the rights of a declared role.
   * `current_user`, grants and row-level security are those of the role itself; the login is its test login
   * (`pt_<role>`), which can reach test databases only.
   *
   * @throws PosternVitestError `VITEST_ROLE_UNKNOWN`, `VITEST_TRANSACTION_ONLY`
   */
  as(role: string): PoolConfig;
  /**
   * A URL for any PostgreSQL client of this machine: an ORM that takes nothing else, a server that the test starts, `psql`.
   * It leads to the host process, which logs in as `as()` does. Its password is random and dies with the run.
   *
   * @param role Default: the role of the test.
   * @throws PosternVitestError `VITEST_ROLE_UNKNOWN`, `VITEST_ROLE_NEEDED`, `VITEST_TRANSACTION_ONLY`
   */
  url(role?: string): Promise<string>;
}

export interface TestDatabaseParts {
  readonly host: HostClient;
  readonly acquired: AcquiredDatabase;
  readonly observer: SessionObserver;
  /** The role of the test, if it names one. */
  readonly role: string | undefined;
  /** True when sessions besides the test's own are refused. */
  readonly transactionOnly: boolean;
  /** Adds to options of pg a session of the role that is open already, if there is one. */
  readonly offer?: (role: string, config: PoolConfig) => PoolConfig;
}

/** What pg takes when a pool says nothing. */
const PG_POOL_SIZE = 10;

export function testDatabase(parts: TestDatabaseParts): TestDatabase {
  const { acquired, host } = parts;
  const { name, run } = acquired;
  return Object.freeze({
    name,
    roles: Object.freeze(Object.keys(acquired.roles)),
    as(role: string): PoolConfig {
      if (parts.transactionOnly) throw transactionOnly('database.as()');
      return sessionConfig(parts, role);
    },
    async url(role?: string): Promise<string> {
      if (parts.transactionOnly) throw transactionOnly('database.url()');
      const wanted = role ?? roleOf(parts);
      loginOf(acquired, wanted);
      return (await host.databaseUrl({ run, name, role: wanted })).url;
    },
  });
}

/** Options of pg for sessions of a role; they are observed. */
export function sessionConfig(
  { host, acquired, observer, offer }: TestDatabaseParts,
  role: string,
): PoolConfig {
  const { name, maxConnections } = acquired;
  const config: PoolConfig = pgConfig(host, { database: name, user: loginOf(acquired, role) });
  if (maxConnections < PG_POOL_SIZE) config.max = maxConnections;
  const observed = observer.observe(config, { database: name, role });
  return offer === undefined ? observed : offer(role, observed);
}

/** The role that tests act as when they do not name one. */
export function roleOf({ acquired, role }: Pick<TestDatabaseParts, 'acquired' | 'role'>): string {
  const chosen = role ?? acquired.defaultRole;
  if (chosen !== undefined) return chosen;
  throw new PosternVitestError('VITEST_ROLE_NEEDED', {
    kind: 'invalid',
    message: `Which role? Not exactly one role of database/database.ts may read and write (${
      Object.keys(acquired.roles).join(', ') || 'it declares none'
    }).`,
    hint: "Name one: testWith({ role: '…' }) in the file, or postern({ role: '…' }) for the suite, or use database.as('…').",
  });
}

function loginOf({ roles }: AcquiredDatabase, role: string): string {
  const login = Object.hasOwn(roles, role) ? roles[role] : undefined;
  if (login !== undefined) return login;
  const names = Object.keys(roles);
  const declared = names.length === 0 ? 'declares no roles' : `declares ${names.join(', ')}`;
  throw new PosternVitestError('VITEST_ROLE_UNKNOWN', {
    kind: 'invalid',
    message: `There is no role ${JSON.stringify(role)}: database/database.ts ${declared}.`,
    hint: 'Use one of the declared roles, or declare this one under `roles` in database/database.ts.',
  });
}

export function transactionOnly(what: string): PosternVitestError {
  return new PosternVitestError('VITEST_TRANSACTION_ONLY', {
    kind: 'invalid',
    message: `${what} opens sessions of its own, and with isolation 'transaction' what they write would not be rolled back.`,
    hint: "Use `client` or `sql`, or testWith({ isolation: 'reset' }) in this file.",
  });
}
