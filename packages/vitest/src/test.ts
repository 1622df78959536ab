import { test as base, inject, type TestAPI } from 'vitest';
import { presentable } from './presentable-error.ts';
import { openTestDatabase, type TestDatabase } from './test-database.ts';

/**
 * The fixtures, with the scope marks of vitest's builder form: they let `test.extend('x', { scope: 'worker' }, …)`
 * of a suite use `database`. Spelled out because declarations are made file by file (isolatedDeclarations).
 */
export interface PosternFixtures {
  /** A migrated database of this worker slot. Opened by the first test that asks for it. */
  database: TestDatabase;
  readonly $__worker?: Record<'database', TestDatabase>;
  readonly $__file?: object;
  readonly $__test?: object;
}

/** vitest's `test` with the fixture `database`. */
export const test: TestAPI<PosternFixtures> = base.extend(
  'database',
  { scope: 'worker' },
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixture's dependencies from this pattern
  async ({}, { onCleanup }) => {
    const opened = await openTestDatabase(inject('postern'), process.env['VITEST_POOL_ID']).catch(
      (error: unknown) => {
        throw presentable(error);
      },
    );
    onCleanup(opened.close);
    return opened.database;
  },
);

/**
 * The same as {@link test}.
 * @alias test
 */
export const it: TestAPI<PosternFixtures> = test;
