import type { ProtocolError } from '@postern/ssm-protocol';

/** What the caller can do about an error: fix the call, the policy, retry, report. */
export type TunnelErrorKind =
  | 'invalid'
  | 'denied'
  | 'not-found'
  | 'unavailable'
  | 'timeout'
  | 'conflict'
  | 'protocol'
  | 'closed'
  | 'internal';

/** Every code, with when it is thrown. */
export type TunnelErrorCode =
  /** Options are missing or malformed; `problems` lists all of them by name. */
  | 'SSM_OPTIONS_INVALID'
  /** IAM refused an API call, most often StartSession (on the target or on the document); the hint names the permission. */
  | 'SSM_ACCESS_DENIED'
  /** No credentials were found, or AWS does not accept them (expired, unknown, wrong signature). */
  | 'SSM_CREDENTIALS_UNAVAILABLE'
  /** The agent is not running or not registered, or the target is in another account or region. */
  | 'SSM_TARGET_NOT_CONNECTED'
  /** No managed node that is online has all the tags. */
  | 'SSM_TARGET_NOT_FOUND'
  /** The session document does not exist or does not take these parameters. */
  | 'SSM_DOCUMENT_INVALID'
  /** The API refused the request as malformed. */
  | 'SSM_REQUEST_REFUSED'
  /** Too many calls; retry with jitter. */
  | 'SSM_THROTTLED'
  /** The API could not be reached or failed by itself. */
  | 'SSM_API_FAILED'
  /** StartSession named a stream URL that a client must not connect to. */
  | 'SSM_STREAM_URL_REFUSED'
  /** The service answered the WebSocket upgrade with something else, often 403: `ssmmessages:OpenDataChannel`. */
  | 'SSM_CHANNEL_REFUSED'
  /** The HTTP proxy did not let the connection through. */
  | 'SSM_PROXY_REFUSED'
  /** The WebSocket could not be opened in time. */
  | 'SSM_CHANNEL_TIMEOUT'
  /** The WebSocket failed, was closed by the other side, or stopped answering pings. */
  | 'SSM_CHANNEL_LOST'
  /** The service does not take messages of `uploadPayloadBytes`. */
  | 'SSM_PAYLOAD_TOO_LARGE'
  /** The service or the agent ended the session; the message carries the agent's words if it gave any. */
  | 'SSM_CHANNEL_CLOSED'
  /** Neither a resume nor a new session worked for `reconnectTimeoutMs`; `cause` is the last failure. */
  | 'SSM_RECONNECT_TIMEOUT'
  /** The agent did not complete the handshake in time. */
  | 'SSM_HANDSHAKE_TIMEOUT'
  /** The agent asks for something this client does not do: KMS encryption, another session type, basic mode. */
  | 'SSM_HANDSHAKE_REFUSED'
  /** The agent stopped acknowledging data. */
  | 'SSM_ACK_TIMEOUT'
  /** The agent could not connect to the remote host and port. Only that stream ends. */
  | 'SSM_REMOTE_PORT_REFUSED'
  /** A stream ended because its reader was too slow for too long, or the session under it ended. */
  | 'SSM_STREAM_RESET'
  /** More streams are open than a session carries. */
  | 'SSM_STREAM_LIMIT'
  /** The local port or socket path for `listen` is taken. */
  | 'SSM_PORT_IN_USE'
  /** `listen` failed for another reason, for example a missing directory. */
  | 'SSM_LISTEN_FAILED'
  /** Used after `close` or `abort`, or after the session ended. */
  | 'SSM_TUNNEL_CLOSED'
  /** The peer speaks something else, breaks the order of the protocol, or sends damaged messages again and again; `field` and `offset` say where. */
  | 'SSM_FRAME_INVALID'
  /** The peer goes on sending messages whose payload does not match its digest; a single one is passed over. */
  | 'SSM_DIGEST_MISMATCH';

const KINDS: Readonly<Record<TunnelErrorCode, TunnelErrorKind>> = {
  SSM_OPTIONS_INVALID: 'invalid',
  SSM_ACCESS_DENIED: 'denied',
  SSM_CREDENTIALS_UNAVAILABLE: 'denied',
  SSM_TARGET_NOT_CONNECTED: 'unavailable',
  SSM_TARGET_NOT_FOUND: 'not-found',
  SSM_DOCUMENT_INVALID: 'invalid',
  SSM_REQUEST_REFUSED: 'invalid',
  SSM_THROTTLED: 'unavailable',
  SSM_API_FAILED: 'unavailable',
  SSM_STREAM_URL_REFUSED: 'protocol',
  SSM_CHANNEL_REFUSED: 'denied',
  SSM_PROXY_REFUSED: 'denied',
  SSM_CHANNEL_TIMEOUT: 'timeout',
  SSM_CHANNEL_LOST: 'unavailable',
  SSM_PAYLOAD_TOO_LARGE: 'invalid',
  SSM_CHANNEL_CLOSED: 'unavailable',
  SSM_RECONNECT_TIMEOUT: 'timeout',
  SSM_HANDSHAKE_TIMEOUT: 'timeout',
  SSM_HANDSHAKE_REFUSED: 'conflict',
  SSM_ACK_TIMEOUT: 'timeout',
  SSM_REMOTE_PORT_REFUSED: 'unavailable',
  SSM_STREAM_RESET: 'closed',
  SSM_STREAM_LIMIT: 'conflict',
  SSM_PORT_IN_USE: 'conflict',
  SSM_LISTEN_FAILED: 'invalid',
  SSM_TUNNEL_CLOSED: 'closed',
  SSM_FRAME_INVALID: 'protocol',
  SSM_DIGEST_MISMATCH: 'protocol',
};

export interface TunnelErrorDetails {
  hint: string;
  cause?: unknown;
  /** `SSM_OPTIONS_INVALID`: one entry for each problem. */
  problems?: readonly string[];
  /** Protocol errors: the field at fault and its byte offset. */
  field?: string;
  offset?: number;
  /** `SSM_CHANNEL_CLOSED`: the agent's words, empty when it had none. */
  output?: string;
}

/** Every failure of this package, except a cancellation: that rejects with `signal.reason` as it is. */
export class TunnelError extends Error {
  override readonly name: 'TunnelError' = 'TunnelError';
  readonly code: TunnelErrorCode;
  readonly kind: TunnelErrorKind;
  /** The next step to take. */
  readonly hint: string;
  declare readonly problems?: readonly string[];
  declare readonly field?: string;
  declare readonly offset?: number;
  declare readonly output?: string;

  constructor(code: TunnelErrorCode, message: string, details: TunnelErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.kind = KINDS[code];
    this.hint = details.hint;
    if (details.problems !== undefined) this.problems = details.problems;
    if (details.field !== undefined) this.field = details.field;
    if (details.offset !== undefined) this.offset = details.offset;
    if (details.output !== undefined) this.output = details.output;
  }
}

/** True for errors of this package, also when they come from a second installed copy of it. */
export function isTunnelError(value: unknown): value is TunnelError {
  return (
    value instanceof Error &&
    value.name === 'TunnelError' &&
    'code' in value &&
    typeof value.code === 'string' &&
    value.code.startsWith('SSM_')
  );
}

/** A peer that breaks the protocol, as the tunnel reports it. */
export function fromProtocolError(error: ProtocolError): TunnelError {
  return new TunnelError(error.code, `The data channel broke the protocol: ${error.message}`, {
    hint: 'Report this with the agent version, and connect again.',
    cause: error,
    field: error.field,
    offset: error.offset,
  });
}

/** Something was used after its end, or ended with it. `reason` is why the tunnel ended, if not by `close`. */
export function closedError(reason: unknown): TunnelError {
  const why = reason instanceof Error ? ` ${reason.message}` : '';
  return new TunnelError('SSM_TUNNEL_CLOSED', `The tunnel is closed.${why}`, {
    hint: isTunnelError(reason) ? reason.hint : 'Open a new tunnel.',
    cause: reason,
  });
}

/** What was thrown or given as a reason, as an error. */
export function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
