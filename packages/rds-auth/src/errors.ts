/**
 * What the caller should do about a failure:
 * `invalid` fix the call · `denied` fix identity or policy · `not-found` the named thing is absent ·
 * `unavailable` a passing fault, retry with backoff · `timeout` a deadline passed.
 */
export type RdsAuthErrorKind = 'invalid' | 'denied' | 'not-found' | 'unavailable' | 'timeout';

/**
 * - `RDS_OPTIONS_INVALID`: an option is missing or cannot work; every problem is in the message.
 * - `RDS_CREDENTIALS_UNAVAILABLE`: the credential provider failed (the cause is what it threw).
 * - `RDS_CREDENTIALS_EXPIRED`: the credentials that would sign have expired; a token never outlives them.
 * - `RDS_TOKEN_FAILED`: signing itself failed.
 * - `RDS_CA_REGION_UNCOVERED`: no root of this region is at hand and none was given.
 * - `RDS_CA_UNREADABLE`: the CA file or PEM given cannot be read.
 * - `RDS_STREAM_FAILED`: the way to the endpoint could not be opened (the cause is the transport's error).
 * - `RDS_TOKEN_REFUSED`: SQLSTATE 28000, PAM; the server does not say which check failed.
 * - `RDS_LOGIN_REFUSED`: SQLSTATE 28P01; the role does not exist, is not in `rds_iam`, or IAM is off. Or 28000; the
 *   role has no LOGIN, or no rule lets it into this database.
 * - `RDS_TLS_REQUIRED`: the server refuses connections without TLS.
 * - `RDS_TLS_UNSUPPORTED`: what answered does not speak TLS.
 * - `RDS_TLS_UNTRUSTED`: the server's certificate does not chain to a trusted root.
 * - `RDS_TLS_NAME_MISMATCH`: the certificate is for another name.
 * - `RDS_CONNECT_DENIED`: SQLSTATE 42501 at login; the role may not connect to this database.
 * - `RDS_DATABASE_NOT_FOUND`: SQLSTATE 3D000.
 * - `RDS_CONNECTIONS_EXHAUSTED`: SQLSTATE 53300.
 * - `RDS_STARTING`: SQLSTATE 57P03.
 * - `RDS_CONNECT_TIMEOUT`: nothing came back in time.
 * - `RDS_UNREACHABLE`: the address refused or could not be found.
 * - `RDS_CONNECTION_LOST`: the connection ended in the middle of the login.
 */
export type RdsAuthErrorCode =
  | 'RDS_OPTIONS_INVALID'
  | 'RDS_CREDENTIALS_UNAVAILABLE'
  | 'RDS_CREDENTIALS_EXPIRED'
  | 'RDS_TOKEN_FAILED'
  | 'RDS_CA_REGION_UNCOVERED'
  | 'RDS_CA_UNREADABLE'
  | 'RDS_STREAM_FAILED'
  | 'RDS_TOKEN_REFUSED'
  | 'RDS_LOGIN_REFUSED'
  | 'RDS_TLS_REQUIRED'
  | 'RDS_TLS_UNSUPPORTED'
  | 'RDS_TLS_UNTRUSTED'
  | 'RDS_TLS_NAME_MISMATCH'
  | 'RDS_CONNECT_DENIED'
  | 'RDS_DATABASE_NOT_FOUND'
  | 'RDS_CONNECTIONS_EXHAUSTED'
  | 'RDS_STARTING'
  | 'RDS_CONNECT_TIMEOUT'
  | 'RDS_UNREACHABLE'
  | 'RDS_CONNECTION_LOST';

export interface RdsAuthErrorInit {
  code: RdsAuthErrorCode;
  kind: RdsAuthErrorKind;
  message: string;
  /** The next step, in one or a few sentences. */
  hint: string;
  cause?: unknown;
}

/** Everything this package throws. Match on `code`; show `message` and `hint`. Never holds a secret. */
export class RdsAuthError extends Error {
  override readonly name: string = 'RdsAuthError';
  readonly code: RdsAuthErrorCode;
  readonly kind: RdsAuthErrorKind;
  readonly hint: string;

  constructor(init: RdsAuthErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.kind = init.kind;
    this.hint = init.hint;
  }
}

/** True for an `RdsAuthError` of any copy of this package. */
export function isRdsAuthError(value: unknown): value is RdsAuthError {
  return (
    value instanceof Error &&
    value.name === 'RdsAuthError' &&
    typeof (value as { code?: unknown }).code === 'string'
  );
}
