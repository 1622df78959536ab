import type { ErrorKind, TestDatabaseErrorCode } from '@postern/test-databases/server';

/**
 * Every expected failure. `kind` says what to do about it.
 *
 * Declaration and artefact:
 * - `BOOTSTRAP_DECLARATION_INVALID` (invalid): one or more `database.ts` files; `details.problems` lists all.
 * - `BOOTSTRAP_BUILD_FAILED` (invalid): a declaration or migration cannot be compiled or found.
 * - `BOOTSTRAP_ARTEFACT_INVALID` (internal): the deployed zip has no readable manifest.
 *
 * Request:
 * - `BOOTSTRAP_REQUEST_INVALID` (invalid): the event is not a request of the contract.
 * - `BOOTSTRAP_ACTION_FORBIDDEN` (denied): this function is not configured for the action.
 * - `BOOTSTRAP_DATABASE_UNKNOWN` (not-found): no such database in the artefact's manifest.
 * - `BOOTSTRAP_CONFIG_INVALID` (invalid): the function's environment; all problems at once.
 *
 * Reaching the database:
 * - `BOOTSTRAP_SECRET_MISSING` (not-found), `BOOTSTRAP_SECRET_DENIED` (denied),
 *   `BOOTSTRAP_SECRET_INVALID` (conflict), `BOOTSTRAP_SECRET_UNAVAILABLE` (unavailable): the master secret.
 * - `BOOTSTRAP_LOGIN_REFUSED` (denied): the server refused the master.
 * - `BOOTSTRAP_TLS_UNTRUSTED` (denied): the server's certificate does not verify.
 * - `BOOTSTRAP_DATABASE_UNREACHABLE` (unavailable): no connection within the time allowed, or it was lost in the middle.
 * - `BOOTSTRAP_SERVER_UNSUPPORTED` (conflict): older than PostgreSQL 15, or no role `rds_iam`.
 *
 * Applying:
 * - `BOOTSTRAP_BUSY` (unavailable): another apply or migration holds the lock.
 * - `BOOTSTRAP_OWNER_CONFLICT` (conflict): a role or database exists in a shape that must not be taken over,
 *   or the master lost a right that it needs.
 * - `BOOTSTRAP_LOCKOUT_REFUSED` (conflict): a grant would have made the master, or a login that nobody declared, an IAM-only login.
 * - `BOOTSTRAP_LOCKOUT_UNDONE` (conflict): the master could not log in after the grants; they were undone.
 * - `BOOTSTRAP_STATEMENT_FAILED` (conflict): SQL error in a planned statement; its group was rolled back.
 * - `BOOTSTRAP_NOT_CONVERGED` (conflict): after the apply the catalog still asks for statements.
 * - `BOOTSTRAP_MIGRATION_FAILED` (conflict): file and SQL error in `details`; its transaction was rolled back, unless
 *   `details.transaction` is false (`pgm.noTransaction()`): then what came before the error is kept.
 * - `BOOTSTRAP_MIGRATION_CHANGED` (conflict): the file of an applied migration is not what was applied; `details.files`.
 * - `BOOTSTRAP_MIGRATION_ORDER` (conflict): a new migration sorts before one that was applied.
 * - `BOOTSTRAP_MIGRATION_IRREVERSIBLE` (conflict): `down` of a migration that has none, or whose file is not in the artefact.
 * - `BOOTSTRAP_MIGRATION_UNKNOWN` (not-found): `to` names no migration of the artefact.
 * - `BOOTSTRAP_SEED_FAILED` (conflict): SQL error in the file that fills test databases; file and line in `details`. All of it was
 *   rolled back.
 * - `BOOTSTRAP_DATABASE_CONFLICT` (conflict): encoding or locale differ from the declaration and cannot be changed, the
 *   database admits no connections, something else is in the place of the books, or node-pg-migrate's own books show that it
 *   was migrated already.
 * - `BOOTSTRAP_INCOMPLETE` (timeout): a caller that cannot invoke again (Terraform, CloudFormation) met a run that stopped in
 *   time; what was done stays.
 * - `BOOTSTRAP_CALLBACK_FAILED` (unavailable): CloudFormation's answer could not be delivered to its address.
 * - `BOOTSTRAP_PRUNE_REFUSED` (conflict): what is to be dropped is still declared, is not ours, or is not allowed to go.
 * - `BOOTSTRAP_NOT_APPLIED` (conflict): test databases are asked for before `apply` made roles and ledger.
 * - `BOOTSTRAP_INTERNAL` (internal): our bug.
 *
 * Client:
 * - `BOOTSTRAP_FUNCTION_NOT_FOUND` (not-found), `BOOTSTRAP_ACCESS_DENIED` (denied),
 *   `BOOTSTRAP_CREDENTIALS_UNAVAILABLE` (denied; also of the artefact in a shell), `BOOTSTRAP_REGION_MISSING` (invalid; nothing
 *   was sent), `BOOTSTRAP_THROTTLED` (unavailable),
 *   `BOOTSTRAP_FUNCTION_NOT_READY` (unavailable), `BOOTSTRAP_INVOKE_FAILED` (unavailable),
 *   `BOOTSTRAP_INVOKE_TIMEOUT` (timeout): the call to Lambda.
 * - `BOOTSTRAP_FUNCTION_TIMEOUT` (timeout), `BOOTSTRAP_FUNCTION_OUT_OF_MEMORY` (internal),
 *   `BOOTSTRAP_FUNCTION_CRASHED` (internal): the function ended without an answer.
 * - `BOOTSTRAP_RESPONSE_INVALID` (protocol): the answer is not one of ours.
 */
type OwnCode =
  | 'BOOTSTRAP_DECLARATION_INVALID'
  | 'BOOTSTRAP_BUILD_FAILED'
  | 'BOOTSTRAP_ARTEFACT_INVALID'
  | 'BOOTSTRAP_REQUEST_INVALID'
  | 'BOOTSTRAP_ACTION_FORBIDDEN'
  | 'BOOTSTRAP_DATABASE_UNKNOWN'
  | 'BOOTSTRAP_CONFIG_INVALID'
  | 'BOOTSTRAP_SECRET_MISSING'
  | 'BOOTSTRAP_SECRET_DENIED'
  | 'BOOTSTRAP_SECRET_INVALID'
  | 'BOOTSTRAP_SECRET_UNAVAILABLE'
  | 'BOOTSTRAP_LOGIN_REFUSED'
  | 'BOOTSTRAP_TLS_UNTRUSTED'
  | 'BOOTSTRAP_DATABASE_UNREACHABLE'
  | 'BOOTSTRAP_SERVER_UNSUPPORTED'
  | 'BOOTSTRAP_BUSY'
  | 'BOOTSTRAP_OWNER_CONFLICT'
  | 'BOOTSTRAP_LOCKOUT_REFUSED'
  | 'BOOTSTRAP_LOCKOUT_UNDONE'
  | 'BOOTSTRAP_STATEMENT_FAILED'
  | 'BOOTSTRAP_NOT_CONVERGED'
  | 'BOOTSTRAP_MIGRATION_FAILED'
  | 'BOOTSTRAP_MIGRATION_CHANGED'
  | 'BOOTSTRAP_MIGRATION_ORDER'
  | 'BOOTSTRAP_MIGRATION_IRREVERSIBLE'
  | 'BOOTSTRAP_MIGRATION_UNKNOWN'
  | 'BOOTSTRAP_SEED_FAILED'
  | 'BOOTSTRAP_DATABASE_CONFLICT'
  | 'BOOTSTRAP_INCOMPLETE'
  | 'BOOTSTRAP_CALLBACK_FAILED'
  | 'BOOTSTRAP_PRUNE_REFUSED'
  | 'BOOTSTRAP_NOT_APPLIED'
  | 'BOOTSTRAP_INTERNAL'
  | 'BOOTSTRAP_FUNCTION_NOT_FOUND'
  | 'BOOTSTRAP_ACCESS_DENIED'
  | 'BOOTSTRAP_CREDENTIALS_UNAVAILABLE'
  | 'BOOTSTRAP_REGION_MISSING'
  | 'BOOTSTRAP_THROTTLED'
  | 'BOOTSTRAP_FUNCTION_NOT_READY'
  | 'BOOTSTRAP_INVOKE_FAILED'
  | 'BOOTSTRAP_INVOKE_TIMEOUT'
  | 'BOOTSTRAP_FUNCTION_TIMEOUT'
  | 'BOOTSTRAP_FUNCTION_OUT_OF_MEMORY'
  | 'BOOTSTRAP_FUNCTION_CRASHED'
  | 'BOOTSTRAP_RESPONSE_INVALID';

const kinds: Readonly<Record<OwnCode, ErrorKind>> = {
  BOOTSTRAP_DECLARATION_INVALID: 'invalid',
  BOOTSTRAP_BUILD_FAILED: 'invalid',
  BOOTSTRAP_ARTEFACT_INVALID: 'internal',
  BOOTSTRAP_REQUEST_INVALID: 'invalid',
  BOOTSTRAP_ACTION_FORBIDDEN: 'denied',
  BOOTSTRAP_DATABASE_UNKNOWN: 'not-found',
  BOOTSTRAP_CONFIG_INVALID: 'invalid',
  BOOTSTRAP_SECRET_MISSING: 'not-found',
  BOOTSTRAP_SECRET_DENIED: 'denied',
  BOOTSTRAP_SECRET_INVALID: 'conflict',
  BOOTSTRAP_SECRET_UNAVAILABLE: 'unavailable',
  BOOTSTRAP_LOGIN_REFUSED: 'denied',
  BOOTSTRAP_TLS_UNTRUSTED: 'denied',
  BOOTSTRAP_DATABASE_UNREACHABLE: 'unavailable',
  BOOTSTRAP_SERVER_UNSUPPORTED: 'conflict',
  BOOTSTRAP_BUSY: 'unavailable',
  BOOTSTRAP_OWNER_CONFLICT: 'conflict',
  BOOTSTRAP_LOCKOUT_REFUSED: 'conflict',
  BOOTSTRAP_LOCKOUT_UNDONE: 'conflict',
  BOOTSTRAP_STATEMENT_FAILED: 'conflict',
  BOOTSTRAP_NOT_CONVERGED: 'conflict',
  BOOTSTRAP_MIGRATION_FAILED: 'conflict',
  BOOTSTRAP_MIGRATION_CHANGED: 'conflict',
  BOOTSTRAP_MIGRATION_ORDER: 'conflict',
  BOOTSTRAP_MIGRATION_IRREVERSIBLE: 'conflict',
  BOOTSTRAP_MIGRATION_UNKNOWN: 'not-found',
  BOOTSTRAP_SEED_FAILED: 'conflict',
  BOOTSTRAP_DATABASE_CONFLICT: 'conflict',
  BOOTSTRAP_INCOMPLETE: 'timeout',
  BOOTSTRAP_CALLBACK_FAILED: 'unavailable',
  BOOTSTRAP_PRUNE_REFUSED: 'conflict',
  BOOTSTRAP_NOT_APPLIED: 'conflict',
  BOOTSTRAP_INTERNAL: 'internal',
  BOOTSTRAP_FUNCTION_NOT_FOUND: 'not-found',
  BOOTSTRAP_ACCESS_DENIED: 'denied',
  BOOTSTRAP_CREDENTIALS_UNAVAILABLE: 'denied',
  BOOTSTRAP_REGION_MISSING: 'invalid',
  BOOTSTRAP_THROTTLED: 'unavailable',
  BOOTSTRAP_FUNCTION_NOT_READY: 'unavailable',
  BOOTSTRAP_INVOKE_FAILED: 'unavailable',
  BOOTSTRAP_INVOKE_TIMEOUT: 'timeout',
  BOOTSTRAP_FUNCTION_TIMEOUT: 'timeout',
  BOOTSTRAP_FUNCTION_OUT_OF_MEMORY: 'internal',
  BOOTSTRAP_FUNCTION_CRASHED: 'internal',
  BOOTSTRAP_RESPONSE_INVALID: 'protocol',
};

/** Codes of this package, and those of test databases, which travel through the same answer. */
export type BootstrapErrorCode = OwnCode | TestDatabaseErrorCode;

export interface BootstrapErrorOptions {
  /** Default: by code. */
  readonly kind?: ErrorKind;
  /** The next step for the person who reads it. */
  readonly hint?: string;
  /** Facts that survive JSON: file names, SQLSTATEs, statements. Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Every expected failure of this package, in the Lambda and in its client. Match on `code`. */
export class BootstrapError extends Error {
  override readonly name: string = 'BootstrapError';
  readonly code: BootstrapErrorCode;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: BootstrapErrorCode, message: string, options: BootstrapErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.kind = options.kind ?? (code in kinds ? kinds[code as OwnCode] : 'internal');
    this.hint = options.hint;
    this.details = options.details ?? {};
  }
}

/** True for a {@link BootstrapError} of any installed copy of this package. */
export function isBootstrapError(value: unknown): value is BootstrapError {
  if (!(value instanceof Error) || value.name !== 'BootstrapError') return false;
  const code: unknown = (value as { code?: unknown }).code;
  return typeof code === 'string' && /^(BOOTSTRAP|TESTDB)_[A-Z_]+$/.test(code);
}
