/**
 * What the caller should do next; the same closed set in every Postern package.
 */
export type ErrorKind =
  | 'invalid'
  | 'denied'
  | 'not-found'
  | 'unavailable'
  | 'timeout'
  | 'conflict'
  | 'protocol'
  | 'closed'
  | 'internal';

/**
 * - `TESTDB_NAME_INVALID` (invalid): a run id, hash or number that cannot be part of a database name.
 * - `TESTDB_LEDGER_MISSING` (conflict): the maintenance database `postern` or its ledger is not there yet.
 * - `TESTDB_RUN_HELD` (conflict): another session holds the lease of this run.
 * - `TESTDB_RUN_CLOSED` (closed): the run was released or swept; its databases are gone.
 * - `TESTDB_NAME_TAKEN` (conflict): a database has the wanted name and the ledger does not know it.
 * - `TESTDB_TEMPLATE_INVALID` (conflict): a database offered for publication is not what was announced.
 * - `TESTDB_BRANCH_INVALID` (conflict): a database offered as a branch of a run, or cloned as one, is none.
 * - `TESTDB_NOT_DROPPED` (conflict): the server refuses to drop a database; the message says why. The others are gone.
 * - `TESTDB_BUSY` (unavailable): a lock was not free within the allowed time.
 * - `TESTDB_LEASE_LOST` (unavailable): the session that holds the lease ended.
 * - `TESTDB_POOL_CLOSED` (closed): the pool or prefetcher was closed before a database came.
 * - `TESTDB_NOT_TAKEN` (conflict): a database was given back that nobody has, e.g. for the second time.
 * - `TESTDB_CONNECTIONS` (unavailable): the server has too few connections for this run; the message shows the sum.
 * - `TESTDB_OPTION_INVALID` (invalid): an option is out of range, or there is none of that name.
 * - `TESTDB_DENIED` (denied): the role may not do what the run needs.
 */
export type TestDatabaseErrorCode =
  | 'TESTDB_NAME_INVALID'
  | 'TESTDB_LEDGER_MISSING'
  | 'TESTDB_RUN_HELD'
  | 'TESTDB_RUN_CLOSED'
  | 'TESTDB_NAME_TAKEN'
  | 'TESTDB_TEMPLATE_INVALID'
  | 'TESTDB_BRANCH_INVALID'
  | 'TESTDB_NOT_DROPPED'
  | 'TESTDB_BUSY'
  | 'TESTDB_LEASE_LOST'
  | 'TESTDB_POOL_CLOSED'
  | 'TESTDB_NOT_TAKEN'
  | 'TESTDB_CONNECTIONS'
  | 'TESTDB_OPTION_INVALID'
  | 'TESTDB_DENIED';

export interface TestDatabaseErrorOptions {
  readonly kind: ErrorKind;
  /** The next step for the person who reads it. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** Every expected failure of this package. Match on `code`. */
export class TestDatabaseError extends Error {
  override readonly name: string = 'TestDatabaseError';
  readonly code: TestDatabaseErrorCode;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;

  constructor(code: TestDatabaseErrorCode, message: string, options: TestDatabaseErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.kind = options.kind;
    this.hint = options.hint;
  }
}

/** True for a {@link TestDatabaseError} of any installed copy of this package. */
export function isTestDatabaseError(value: unknown): value is TestDatabaseError {
  return (
    value instanceof Error &&
    value.name === 'TestDatabaseError' &&
    typeof (value as { code?: unknown }).code === 'string' &&
    (value as unknown as { code: string }).code.startsWith('TESTDB_')
  );
}
