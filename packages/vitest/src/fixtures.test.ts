import type { Client, Pool, PoolConfig } from 'pg';
import { expectTypeOf, inject, test as plain } from 'vitest';
import type { QueryLog } from './observe/wire-log.ts';
import type { ProvidedPostern } from './provided-context.ts';
import { test, testWith } from './test.ts';
import type { TestDatabase } from './test-database.ts';

/*
 * Types only: nothing in these functions runs, tsc judges them. A suite loses its completion and its checks
 * when the types of the fixtures do not reach it.
 */

plain('a test sees the fixtures as what they are', () => {
  const uses = (): void => {
    test('…', async ({ database, pool, client, sql, databaseUrl, otherDatabase, queries, task }) => {
      expectTypeOf(database).toEqualTypeOf<TestDatabase>();
      expectTypeOf(database.as('ledger_app')).toEqualTypeOf<PoolConfig>();
      expectTypeOf(database.url()).toEqualTypeOf<Promise<string>>();
      expectTypeOf(database.roles).toEqualTypeOf<readonly string[]>();
      expectTypeOf(pool).toEqualTypeOf<Pool>();
      expectTypeOf(client).toEqualTypeOf<Client>();
      expectTypeOf(await sql<{ id: number }>`SELECT 1 AS id`).toEqualTypeOf<{ id: number }[]>();
      expectTypeOf(databaseUrl).toBeString();
      expectTypeOf(await otherDatabase('statements')).toEqualTypeOf<TestDatabase>();
      expectTypeOf(queries).toEqualTypeOf<QueryLog>();
      expectTypeOf(task.name).toBeString();
      // @ts-expect-error a misspelt fixture is an error
      void database.role;
    });
  };
  expectTypeOf(uses).toBeFunction();
});

plain('fixtures of file and test scope can be built on the database of a file', () => {
  const uses = (): void => {
    const extended = test
      .extend('app', { scope: 'file' }, async ({ database, sql }, { onCleanup }) => {
        onCleanup(() => undefined);
        await sql`SELECT 1`;
        return database.as('ledger_app');
      })
      .extend('tenant', async ({ database, app, client }) => {
        await client.query('SELECT 1');
        return { id: database.name.length, user: app.user };
      });
    extended('…', ({ database, app, tenant }) => {
      expectTypeOf(database).toEqualTypeOf<TestDatabase>();
      expectTypeOf(app).toEqualTypeOf<PoolConfig>();
      expectTypeOf(tenant).toEqualTypeOf<{ id: number; user: string | undefined }>();
    });
    test.extend('shared', { scope: 'worker' }, async (context) => {
      // @ts-expect-error a database of a file cannot be had by what outlives the file
      void context.database;
    });
    test.extend('shared', { scope: 'file' }, async (context) => {
      // @ts-expect-error a session of a test neither
      void context.client;
    });
  };
  expectTypeOf(uses).toBeFunction();
});

plain('a wider scope carries wider fixtures, a narrower one does not', () => {
  const uses = (): void => {
    testWith({ scope: 'worker' }).extend(
      'service',
      { scope: 'worker' },
      async ({ database }) => database.name,
    );
    testWith({ scope: 'run' }).extend('service', { scope: 'worker' }, async ({ pool }) => pool.totalCount);
    testWith({ scope: 'test' }).extend('tenant', async ({ database }) => database.name);
    testWith({ scope: 'test' }).extend('tenant', { scope: 'file' }, async (context) => {
      // @ts-expect-error each test has a database of its own
      void context.database;
    });
    testWith({ isolation: 'transaction' }).extend('data', { scope: 'file' }, async (context) => {
      expectTypeOf(context.database).toEqualTypeOf<TestDatabase>();
      // @ts-expect-error outside of a test there is no transaction
      void context.sql;
    });
    // @ts-expect-error no such scope
    testWith({ scope: 'suite' });
  };
  expectTypeOf(uses).toBeFunction();
});

plain('hooks see the database, and those of a file see nothing of a test', () => {
  const uses = (): void => {
    test.beforeEach(({ database }) => expectTypeOf(database).toEqualTypeOf<TestDatabase>());
    test.beforeAll(({ database }) => expectTypeOf(database).toEqualTypeOf<TestDatabase>());
    // @ts-expect-error a session of a test
    test.beforeAll(({ client }) => void client);
  };
  expectTypeOf(uses).toBeFunction();
});

plain('what the setup provides is typed for inject() by importing the package alone', () => {
  expectTypeOf(() => inject('postern')).returns.toEqualTypeOf<ProvidedPostern>();
});
