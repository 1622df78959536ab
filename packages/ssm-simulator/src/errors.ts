import type { Violation } from './violations.ts';

/** What a caller can branch on without knowing every code. */
export type SsmErrorKind =
  | 'invalid'
  | 'denied'
  | 'not-found'
  | 'unavailable'
  | 'timeout'
  | 'conflict'
  | 'protocol'
  | 'closed'
  | 'internal';

const kindOfWireCode: Readonly<Record<string, SsmErrorKind>> = {
  AccessDeniedException: 'denied',
  ExpiredTokenException: 'denied',
  UnrecognizedClientException: 'denied',
  InvalidSignatureException: 'denied',
  MissingAuthenticationTokenException: 'denied',
  DoesNotExistException: 'not-found',
  InvalidDocument: 'not-found',
  DocumentAlreadyExists: 'conflict',
  TargetNotConnected: 'unavailable',
  ThrottlingException: 'unavailable',
  InternalServerError: 'internal',
};

/**
 * An answer of the service that is an error: `code` is the wire code (`TargetNotConnected`), `status` the HTTP
 * status. Operation handlers throw it, hooks throw it to refuse, and whoever mounts the simulator puts
 * {@link SsmApiError.code} and `message` on the wire.
 */
export class SsmApiError extends Error {
  override readonly name = 'SsmApiError';
  readonly code: string;
  readonly status: number;
  readonly kind: SsmErrorKind;
  readonly hint = 'This is what Systems Manager would have answered; correct the request.';

  constructor(code: string, message: string, status: number = code === 'InternalServerError' ? 500 : 400) {
    super(message);
    this.code = code;
    this.status = status;
    this.kind = kindOfWireCode[code] ?? (status >= 500 ? 'internal' : 'invalid');
  }
}

/** Whether `value` is an {@link SsmApiError}, also one of another copy of this package. */
export function isSsmApiError(value: unknown): value is SsmApiError {
  return value instanceof Error && value.name === 'SsmApiError' && 'code' in value && 'status' in value;
}

/**
 * Wrong use of the simulator itself, never something that a client of the simulated service caused.
 *
 * - `SSM_SIMULATOR_OPTIONS_INVALID` (invalid): an option, instance or document is malformed; the message names it.
 * - `SSM_SIMULATOR_SESSION_UNKNOWN` (not-found): a fault names a session that was never started.
 * - `SSM_SIMULATOR_INSTANCE_UNKNOWN` (not-found): a fault names an instance that was never registered.
 * - `SSM_SIMULATOR_VIOLATIONS` (protocol): `assertNoViolations()` found some; `violations` has them.
 * - `SSM_SIMULATOR_NOT_MOUNTED` (invalid): StartSession before `setStreamBase`.
 * - `SSM_SIMULATOR_LISTEN_FAILED` (conflict): the port of a stand-alone simulator cannot be had; `cause` says why.
 * - `SSM_SIMULATOR_PROCESS_ENDED` (closed): the process of a spawned simulator is gone; the message has its last words.
 * - `SSM_SIMULATOR_CLOSED` (closed): the simulator was closed.
 */
export type SsmSimulatorErrorCode =
  | 'SSM_SIMULATOR_OPTIONS_INVALID'
  | 'SSM_SIMULATOR_SESSION_UNKNOWN'
  | 'SSM_SIMULATOR_INSTANCE_UNKNOWN'
  | 'SSM_SIMULATOR_VIOLATIONS'
  | 'SSM_SIMULATOR_NOT_MOUNTED'
  | 'SSM_SIMULATOR_LISTEN_FAILED'
  | 'SSM_SIMULATOR_PROCESS_ENDED'
  | 'SSM_SIMULATOR_CLOSED';

const misuse: Readonly<Record<SsmSimulatorErrorCode, { kind: SsmErrorKind; hint: string }>> = {
  SSM_SIMULATOR_OPTIONS_INVALID: { kind: 'invalid', hint: 'Correct what the message names.' },
  SSM_SIMULATOR_SESSION_UNKNOWN: {
    kind: 'not-found',
    hint: 'Pass the SessionId that StartSession answered on this simulator.',
  },
  SSM_SIMULATOR_INSTANCE_UNKNOWN: { kind: 'not-found', hint: 'Call registerInstance() first.' },
  SSM_SIMULATOR_VIOLATIONS: {
    kind: 'protocol',
    hint: 'Correct the client: a real agent or service suffers from each of these, or punishes it.',
  },
  SSM_SIMULATOR_NOT_MOUNTED: {
    kind: 'invalid',
    hint: 'Call setStreamBase() with the address of the server that passes upgrades to handleUpgrade().',
  },
  SSM_SIMULATOR_LISTEN_FAILED: { kind: 'conflict', hint: 'Choose another port, or 0 for any free one.' },
  SSM_SIMULATOR_PROCESS_ENDED: { kind: 'closed', hint: 'Spawn another simulator.' },
  SSM_SIMULATOR_CLOSED: { kind: 'closed', hint: 'Create another simulator.' },
};

export class SsmSimulatorError extends Error {
  override readonly name = 'SsmSimulatorError';
  readonly code: SsmSimulatorErrorCode;
  readonly kind: SsmErrorKind;
  readonly hint: string;
  /** Only of `SSM_SIMULATOR_VIOLATIONS`. */
  readonly violations?: readonly Violation[];

  constructor(
    code: SsmSimulatorErrorCode,
    message: string,
    cause?: unknown,
    violations?: readonly Violation[],
  ) {
    super(message, cause === undefined ? undefined : { cause });
    if (violations !== undefined) this.violations = violations;
    this.code = code;
    this.kind = misuse[code].kind;
    this.hint = misuse[code].hint;
  }
}

/** Whether `value` is an {@link SsmSimulatorError}, also one of another copy of this package. */
export function isSsmSimulatorError(value: unknown): value is SsmSimulatorError {
  return (
    value instanceof Error &&
    value.name === 'SsmSimulatorError' &&
    'code' in value &&
    typeof value.code === 'string' &&
    value.code.startsWith('SSM_SIMULATOR_')
  );
}
