import type { PoolConfig } from 'pg';
import { test as base, inject } from 'vitest';
import type {} from './global-setup.ts';

export { afterAll, afterEach, beforeAll, beforeEach, describe, expect, vi } from 'vitest';

// Stands in for @postern/vitest: the one database that the global setup has made, for every file.

interface PlainDatabase {
  readonly name: string;
  readonly roles: readonly string[];
  as(role: string): PoolConfig;
}

export const test: unknown = base.extend('database', { scope: 'worker' }, (): PlainDatabase => {
  const { host, database } = inject('plain');
  return {
    name: database,
    roles: ['ledger_app', 'ledger_readonly', 'statements_reader'],
    as: (user) => ({ host, user, database }),
  };
});
export const it: unknown = test;
