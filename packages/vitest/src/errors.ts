/**
 * - `VITEST_SETUP_MISSING` (invalid): the `database` fixture ran in a project without
 *   `@postern/vitest/global-setup`. Add it to `test.globalSetup`.
 * - `VITEST_DATABASE_MISSING` (not-found): the vitest project has no `database/database.ts`.
 * - `VITEST_DATABASE_INVALID` (invalid): `database/database.ts` could not be loaded or does not export a declaration.
 * - `VITEST_ROLE_UNKNOWN` (invalid): `database.as(role)` with a role that `database.ts` does not declare.
 * - `VITEST_SETUP_FAILED`: the environment, the bootstrap, the run or a worker's database could not be had. `kind` and
 *   the text are those of the error behind it, whose own code is in `causeCode`.
 * - `VITEST_OPTIONS_INVALID` (invalid): options of `postern()` or `testWith()` that do not exist or exclude each other.
 * - `VITEST_ROLE_NEEDED` (invalid): `pool`, `client`, `sql` or `databaseUrl` without a role, where not exactly one
 *   declared role may read and write.
 * - `VITEST_TRANSACTION_ONLY` (invalid): `pool`, `database.as()`, `database.url()` or `databaseUrl` with isolation
 *   `transaction`: what other sessions write cannot be rolled back.
 * - `VITEST_TRANSACTION_ENDED` (conflict): with isolation `transaction` a test has ended the transaction that it was in.
 * - `VITEST_SEED_FAILED`: a seed threw (the cause is what it threw).
 * - `VITEST_SESSION_LEAKED` (conflict): with `leaks: 'fail'`: sessions were in a transaction or checked out at the end.
 * - `VITEST_RACE_TIMEOUT` (timeout): not everybody came to a barrier before its deadline; the message tells who did.
 * - `VITEST_RACE_BROKEN` (conflict): a party of `simultaneously` ended without coming to where the others waited for it;
 *   the cause is its error, if it had one.
 * - `VITEST_RACE_INVALID` (invalid): a barrier of less than one party, or no function to run.
 */
export type PosternVitestErrorCode =
  | 'VITEST_SETUP_MISSING'
  | 'VITEST_DATABASE_MISSING'
  | 'VITEST_DATABASE_INVALID'
  | 'VITEST_ROLE_UNKNOWN'
  | 'VITEST_SETUP_FAILED'
  | 'VITEST_OPTIONS_INVALID'
  | 'VITEST_ROLE_NEEDED'
  | 'VITEST_TRANSACTION_ONLY'
  | 'VITEST_TRANSACTION_ENDED'
  | 'VITEST_SEED_FAILED'
  | 'VITEST_SESSION_LEAKED'
  | 'VITEST_RACE_TIMEOUT'
  | 'VITEST_RACE_BROKEN'
  | 'VITEST_RACE_INVALID';

/** What a caller can do about it; the same closed set in every package. */
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

export interface PosternVitestErrorDetails {
  kind: ErrorKind;
  message: string;
  /** The next step. */
  hint: string;
  cause?: unknown;
}

/** The base of everything that this package throws by itself. */
export class PosternVitestError extends Error {
  override readonly name = 'PosternVitestError';
  readonly code: PosternVitestErrorCode;
  readonly kind: ErrorKind;
  readonly hint: string;

  constructor(code: PosternVitestErrorCode, details: PosternVitestErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.kind = details.kind;
    this.hint = details.hint;
  }
}

/** True for errors of this package, also those of a second copy of it. */
export function isPosternVitestError(value: unknown): value is PosternVitestError {
  return (
    value instanceof Error &&
    value.name === 'PosternVitestError' &&
    String((value as { code?: unknown }).code).startsWith('VITEST_')
  );
}
