import { test as base, expect } from '@postern/vitest';
import type { FastifyInstance } from 'fastify';
import pg from 'pg';
import { vi } from 'vitest';
import { type AppOptions, createApp } from '../../src/app.ts';
import { LedgerDatabase, type Retry } from '../../src/database.ts';
import type { RetryPolicy } from '../../src/retry.ts';
import { type LedgerClient, newTenant } from './ledger-client.ts';

type Role = 'ledger_app' | 'ledger_readonly';

/** What tests get, on top of the migrated `database`. Whatever a fixture opened it closes after the test. */
export const test = base
  /** Starts an instance of the service. */
  .extend('serve', ({ database }, { onCleanup }) => {
    const apps: FastifyInstance[] = [];
    onCleanup(async () => {
      await Promise.all(apps.map((app) => app.close()));
    });
    return (role: Role = 'ledger_app', options: Omit<AppOptions, 'database'> = {}): FastifyInstance => {
      const app = createApp({ database: database.as(role), ...options });
      apps.push(app);
      return app;
    };
  })
  /** A tenant of its own, speaking to a service with usual settings. */
  .extend('ledger', async ({ serve }): Promise<LedgerClient> => newTenant(serve()))
  /** Connects past the service: for what another program, or a mistake in this one, could do. */
  .extend('session', ({ database }, { onCleanup }) => {
    const clients: pg.Client[] = [];
    onCleanup(async () => {
      await Promise.all(clients.map((client) => client.end()));
    });
    return async (role: Role, tenant?: string): Promise<pg.Client> => {
      const client = new pg.Client(database.as(role));
      clients.push(client);
      await client.connect();
      if (tenant !== undefined) await client.query(`SELECT set_config('ledger.tenant', $1, false)`, [tenant]);
      return client;
    };
  })
  /** The service's transactions without the service: for failures that must happen at a certain step. */
  .extend('transactions', ({ database }, { onCleanup }) => {
    const opened: LedgerDatabase[] = [];
    onCleanup(async () => {
      await Promise.all(opened.map((each) => each.close()));
    });
    return (
      retry: Partial<RetryPolicy> = {},
      more: pg.PoolConfig = {},
    ): { transactions: LedgerDatabase; retries: Retry[] } => {
      const retries: Retry[] = [];
      const transactions = new LedgerDatabase(
        { ...database.as('ledger_app'), ...more },
        { retry, onRetry: (each) => retries.push(each) },
      );
      opened.push(transactions);
      return { transactions, retries };
    };
  });

export { expect };

/** Resolves when some other session waits for a lock that this one holds. */
export async function untilSomebodyWaitsFor(blocker: pg.Client): Promise<void> {
  await vi.waitFor(
    async () => {
      const { rows } = await blocker.query<{ waiting: boolean }>(
        `SELECT EXISTS (SELECT FROM pg_locks
                         WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))) AS waiting`,
      );
      expect(rows[0]?.waiting).toBe(true);
    },
    { timeout: 10_000, interval: 5 },
  );
}

/** What the server said no with: [SQLSTATE, constraint]. Fails when it said yes. */
export async function refusalOf(query: Promise<unknown>): Promise<[string | undefined, string | undefined]> {
  try {
    await query;
  } catch (error) {
    if (error instanceof pg.DatabaseError) return [error.code, error.constraint];
    throw error;
  }
  throw new Error('the statement was accepted');
}
