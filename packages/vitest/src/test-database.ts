import { attachHost, type HostClient, pgConfig } from '@postern/connect/host';
import type { PoolConfig } from 'pg';
import { PosternVitestError } from './errors.ts';
import type { ProvidedPostern } from './provided-context.ts';

/** A migrated database that belongs to this worker slot for the length of the run. */
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
   * @throws PosternVitestError `VITEST_ROLE_UNKNOWN`
   */
  as(role: string): PoolConfig;
}

interface OpenTestDatabase {
  readonly database: TestDatabase;
  close(): Promise<void>;
}

/**
 * Takes the database of a worker slot. `VITEST_POOL_ID` is the key because it is bounded (1 … maxWorkers) and
 * reused; `VITEST_WORKER_ID` grows with every file.
 */
export async function openTestDatabase(
  provided: ProvidedPostern | undefined,
  poolId: string | undefined,
): Promise<OpenTestDatabase> {
  if (provided === undefined) throw setupMissing();
  const host = await attachHost({ controlSocket: provided.controlSocket });
  try {
    const { name, roles } = await host.acquire({ run: provided.run, key: poolId ?? '1' });
    return { database: testDatabase(host, name, roles), close: () => host.close() };
  } catch (error) {
    await host.close();
    throw error;
  }
}

function testDatabase(
  host: HostClient,
  name: string,
  logins: Readonly<Record<string, string>>,
): TestDatabase {
  const roles = Object.freeze(Object.keys(logins));
  return Object.freeze({
    name,
    roles,
    as(role: string): PoolConfig {
      const user = Object.hasOwn(logins, role) ? logins[role] : undefined;
      if (user === undefined) throw roleUnknown(role, roles);
      return pgConfig(host, { database: name, user });
    },
  });
}

function setupMissing(): PosternVitestError {
  return new PosternVitestError('VITEST_SETUP_MISSING', {
    kind: 'invalid',
    message:
      'The database fixture needs the global setup of Postern, which did not run in this vitest project.',
    hint: "Add globalSetup: ['@postern/vitest/global-setup'] to `test` in the configuration of this project (each vitest project needs it; the root's does not count).",
  });
}

function roleUnknown(role: string, roles: readonly string[]): PosternVitestError {
  const declared = roles.length === 0 ? 'declares no roles' : `declares ${roles.join(', ')}`;
  return new PosternVitestError('VITEST_ROLE_UNKNOWN', {
    kind: 'invalid',
    message: `There is no role ${JSON.stringify(role)}: database/database.ts ${declared}.`,
    hint: 'Use one of the declared roles, or declare this one under `roles` in database/database.ts.',
  });
}
