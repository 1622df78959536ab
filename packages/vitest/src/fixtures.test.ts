import type { PoolConfig } from 'pg';
import { expectTypeOf, inject, test as plain } from 'vitest';
import type { ProvidedPostern } from './provided-context.ts';
import { test } from './test.ts';
import type { TestDatabase } from './test-database.ts';

/*
 * Types only: nothing in these functions runs, tsc judges them. A suite loses its completion and its checks
 * when the types of the fixtures do not reach it.
 */

plain('a test sees the database as what it is', () => {
  const uses = (): void => {
    test('…', ({ database, task }) => {
      expectTypeOf(database).toEqualTypeOf<TestDatabase>();
      expectTypeOf(database.as('ledger_app')).toEqualTypeOf<PoolConfig>();
      expectTypeOf(database.roles).toEqualTypeOf<readonly string[]>();
      expectTypeOf(task.name).toBeString();
      // @ts-expect-error a misspelt fixture is an error
      void database.role;
    });
  };
  expectTypeOf(uses).toBeFunction();
});

plain('fixtures of every scope can be built on the database', () => {
  const uses = (): void => {
    const extended = test
      .extend('pool', { scope: 'worker' }, async ({ database }, { onCleanup }) => {
        onCleanup(() => undefined);
        return database.as('ledger_app');
      })
      .extend('seeded', { scope: 'file' }, async ({ database, pool }) => [database.name, pool.user])
      .extend('tenant', async ({ database, seeded }) => ({ id: database.name.length + seeded.length }));
    extended('…', ({ database, pool, seeded, tenant }) => {
      expectTypeOf(database).toEqualTypeOf<TestDatabase>();
      expectTypeOf(pool).toEqualTypeOf<PoolConfig>();
      expectTypeOf(seeded).toEqualTypeOf<(string | undefined)[]>();
      expectTypeOf(tenant).toEqualTypeOf<{ id: number }>();
    });
  };
  expectTypeOf(uses).toBeFunction();
});

plain('hooks see the database', () => {
  const uses = (): void => {
    test.beforeEach(({ database }) => expectTypeOf(database).toEqualTypeOf<TestDatabase>());
    test.beforeAll(({ database }) => expectTypeOf(database).toEqualTypeOf<TestDatabase>());
  };
  expectTypeOf(uses).toBeFunction();
});

plain('what the setup provides is typed for inject() by importing the package alone', () => {
  expectTypeOf(() => inject('postern')).returns.toEqualTypeOf<ProvidedPostern>();
});
