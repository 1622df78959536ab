/**
 * What a peer did wrong.
 *
 * - `SSM_FRAME_INVALID`: bytes or JSON that do not follow the protocol, or values that cannot be encoded.
 *   `field` names the field, `offset` the byte position in the message (JSON bodies: where the body starts).
 * - `SSM_DIGEST_MISMATCH`: the payload does not match its SHA-256. The message is not to be trusted or acknowledged.
 */
export type ProtocolErrorCode = 'SSM_FRAME_INVALID' | 'SSM_DIGEST_MISMATCH';

/** Thrown by every decoder of this package; nothing else escapes them, whatever the input. */
export class ProtocolError extends Error {
  override readonly name: 'ProtocolError' = 'ProtocolError';
  readonly code: ProtocolErrorCode;
  readonly kind: 'protocol' = 'protocol';
  readonly hint: string;
  /** The field at fault, for example `PayloadLength` or `HandshakeRequest.AgentVersion`. */
  readonly field: string;
  /** Byte position of that field in the bytes that were decoded. */
  readonly offset: number;

  constructor(code: ProtocolErrorCode, field: string, offset: number, problem: string, cause?: unknown) {
    super(`${field} at byte ${offset}: ${problem}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.field = field;
    this.offset = offset;
    this.hint = 'The peer does not speak the Session Manager data-channel protocol; close the channel.';
  }
}

/** True for errors of this package, also when they come from a second installed copy of it. */
export function isProtocolError(value: unknown): value is ProtocolError {
  return (
    value instanceof Error &&
    value.name === 'ProtocolError' &&
    'code' in value &&
    typeof value.code === 'string' &&
    value.code.startsWith('SSM_')
  );
}

/** The common case: a field that breaks its rule. */
export function invalidField(field: string, offset: number, problem: string, cause?: unknown): ProtocolError {
  return new ProtocolError('SSM_FRAME_INVALID', field, offset, problem, cause);
}
