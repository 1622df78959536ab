import type { Client, Pool } from 'pg';
import type { QueryLog } from './observe/wire-log.ts';
import type { IsolationMode, Scope } from './options.ts';
import type { Sql } from './sql.ts';
import type { TestDatabase } from './test-database.ts';

/** Another declared database of the workspace, by its declaration or its name. */
export type OtherDatabase = (database: string | { readonly name: string }) => Promise<TestDatabase>;

type DatabaseFixtures = {
  /** The migrated database. Fetched while the file is being imported, resp. while the test before runs. */
  database: TestDatabase;
  /** A pool of the test's role. Ended for you. */
  pool: Pool;
  /** For clients that take a URL and nothing else. */
  databaseUrl: string;
  /** A fresh database of another service, given back together with `database`. */
  otherDatabase: OtherDatabase;
};

type SqlFixture = {
  /** Statements as templates, on `pool`; with isolation `transaction` on `client`. */
  sql: Sql;
};

type TestFixtures = {
  /** A session for this test, out of `pool`. With isolation `transaction` it is in the transaction that is rolled back. */
  client: Client;
  /** The statements of this test, as the server answered them. */
  queries: QueryLog;
};

/** What lives as long as the database. In a transaction that is rolled back after each test `sql` cannot. */
type Shared<I extends IsolationMode> = I extends 'transaction'
  ? DatabaseFixtures
  : DatabaseFixtures & SqlFixture;

/**
 * The fixtures, with the scope marks of vitest's builder form: they let `test.extend('x', { scope: 'file' }, …)`
 * of a suite use `database`. Spelled out because declarations are made file by file (isolatedDeclarations).
 */
export type PosternFixtures<S extends Scope = 'file', I extends IsolationMode = 'reset'> = DatabaseFixtures &
  SqlFixture &
  TestFixtures & {
    readonly $__worker?: S extends 'run' | 'worker' ? Shared<I> : object;
    readonly $__file?: S extends 'file' ? Shared<I> : object;
    readonly $__test?: object;
  };
