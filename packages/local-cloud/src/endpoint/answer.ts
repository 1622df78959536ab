import { AccessDenied } from '../iam/index.ts';
import type { SigV4FailureReason } from '../sigv4/verify.ts';
import { ApiError } from './api-error.ts';
import type { QueryService, Service } from './service.ts';
import type { XmlValue } from './xml.ts';
import { renderXml } from './xml.ts';

/** What goes on the wire. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** A request without a valid signature. */
export class AuthenticationError extends Error {
  override readonly name: string = 'AuthenticationError';
  readonly reason: SigV4FailureReason;

  constructor(reason: SigV4FailureReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

const jsonType = 'application/x-amz-json-1.1';

/** The code of an authentication failure: JSON protocols and Query spell them differently. */
const authenticationCodes: Record<SigV4FailureReason, { json: string; query: string }> = {
  'unknown-key': { json: 'UnrecognizedClientException', query: 'InvalidClientTokenId' },
  expired: { json: 'ExpiredTokenException', query: 'ExpiredToken' },
  missing: { json: 'MissingAuthenticationTokenException', query: 'MissingAuthenticationToken' },
  incomplete: { json: 'IncompleteSignatureException', query: 'IncompleteSignature' },
  signature: { json: 'InvalidSignatureException', query: 'SignatureDoesNotMatch' },
  stale: { json: 'InvalidSignatureException', query: 'SignatureDoesNotMatch' },
  future: { json: 'InvalidSignatureException', query: 'SignatureDoesNotMatch' },
  region: { json: 'InvalidSignatureException', query: 'SignatureDoesNotMatch' },
  service: { json: 'InvalidSignatureException', query: 'SignatureDoesNotMatch' },
};

export function jsonAnswer(value: unknown, requestId: string): WireAnswer {
  const headers = { 'content-type': jsonType, 'x-amzn-RequestId': requestId };
  return { status: 200, headers, body: JSON.stringify(value ?? {}) };
}

export function queryAnswer(
  service: QueryService,
  operation: string,
  result: XmlValue,
  requestId: string,
): WireAnswer {
  const body = renderXml(
    `${operation}Response`,
    { [`${operation}Result`]: result, ResponseMetadata: { RequestId: requestId } },
    ` xmlns="${service.namespace}"`,
  );
  return { status: 200, headers: { 'content-type': 'text/xml', 'x-amzn-RequestId': requestId }, body };
}

/** Puts an error into the form and status of the service's protocol. */
export function errorAnswer(error: unknown, service: Service, requestId: string): WireAnswer {
  const { code, status, message, details } = describe(error, service);
  const headers = { 'x-amzn-RequestId': requestId };
  if (service.protocol === 'query') {
    const body = renderXml(
      'ErrorResponse',
      {
        Error: { Type: status < 500 ? 'Sender' : 'Receiver', Code: code, Message: message, ...details },
        RequestId: requestId,
      },
      ` xmlns="${service.namespace}"`,
    );
    return { status, headers: { ...headers, 'content-type': 'text/xml' }, body };
  }
  if (service.protocol === 'json') {
    const body = JSON.stringify({ __type: code, message, ...details });
    return { status, headers: { ...headers, 'content-type': jsonType }, body };
  }
  // Authentication errors of Lambda carry a lone message; its own errors also tell whose fault it was.
  const type = error instanceof ApiError ? { Type: status < 500 ? 'User' : 'Service' } : {};
  return {
    status,
    headers: {
      ...headers,
      'content-type': 'application/json',
      'x-amzn-errortype': code,
      ...(details['retryAfterSeconds'] === undefined ? {} : { 'retry-after': details['retryAfterSeconds'] }),
    },
    body: JSON.stringify({ ...type, ...details, message }),
  };
}

function describe(
  error: unknown,
  { protocol }: Service,
): { code: string; status: number; message: string; details: Readonly<Record<string, string>> } {
  if (error instanceof ApiError) return { ...error, message: error.message, details: error.details };
  const status = protocol === 'json' ? 400 : 403;
  if (error instanceof AuthenticationError) {
    const code = authenticationCodes[error.reason][protocol === 'query' ? 'query' : 'json'];
    const malformed = protocol === 'query' && error.reason === 'incomplete';
    return { code, status: malformed ? 400 : status, message: error.message, details: {} };
  }
  if (error instanceof AccessDenied) {
    const code = protocol === 'query' ? 'AccessDenied' : 'AccessDeniedException';
    return { code, status, message: error.message, details: {} };
  }
  const code = { json: 'InternalServerError', query: 'InternalFailure', rest: 'ServiceException' }[protocol];
  return { code, status: 500, message: 'An internal error occurred.', details: {} };
}
