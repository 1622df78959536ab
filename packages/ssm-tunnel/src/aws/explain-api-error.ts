import { isTunnelError, TunnelError, type TunnelErrorCode } from '../errors.ts';
import type { ResolvedOptions } from '../options.ts';

interface Explanation {
  code: TunnelErrorCode;
  hint: string;
}

const CREDENTIALS: Explanation = {
  code: 'SSM_CREDENTIALS_UNAVAILABLE',
  hint: 'Sign in again, or check which profile and credentials the AWS SDK finds.',
};
const DOCUMENT: Explanation = {
  code: 'SSM_DOCUMENT_INVALID',
  hint: 'Check the name of the session document and its parameters.',
};
const THROTTLED: Explanation = {
  code: 'SSM_THROTTLED',
  hint: 'Retry with jitter. Start one tunnel for each process and share it.',
};
const UNREACHABLE: Explanation = {
  code: 'SSM_API_FAILED',
  hint: 'Check network, region and endpoint, then retry.',
};

/** By error name, which survives bundling and second copies of the SDK. */
const BY_NAME: Readonly<Record<string, Explanation>> = {
  AccessDeniedException: {
    code: 'SSM_ACCESS_DENIED',
    hint: 'Allow ssm:StartSession on the resource that the message names: the target and the document are both checked.',
  },
  TargetNotConnected: {
    code: 'SSM_TARGET_NOT_CONNECTED',
    hint: 'Check that the node runs, is registered in this account and region, and that its agent is online. A new instance needs up to 3 minutes.',
  },
  InvalidDocument: DOCUMENT,
  InvalidDocumentVersion: DOCUMENT,
  InvalidParameters: DOCUMENT,
  ValidationException: { code: 'SSM_REQUEST_REFUSED', hint: 'Correct what the message names.' },
  BadRequest: { code: 'SSM_REQUEST_REFUSED', hint: 'Correct what the message names.' },
  ThrottlingException: THROTTLED,
  TooManyRequestsException: THROTTLED,
  RequestLimitExceeded: THROTTLED,
  CredentialsProviderError: CREDENTIALS,
  TokenProviderError: CREDENTIALS,
  ExpiredTokenException: CREDENTIALS,
  ExpiredToken: CREDENTIALS,
  UnrecognizedClientException: CREDENTIALS,
  InvalidClientTokenId: CREDENTIALS,
  InvalidSignatureException: CREDENTIALS,
  MissingAuthenticationTokenException: CREDENTIALS,
  IncompleteSignatureException: CREDENTIALS,
};

/** One of our errors for whatever the SDK threw. */
export function explainApiError(operation: string, error: unknown, options: ResolvedOptions): TunnelError {
  if (isTunnelError(error)) return error;
  if (error instanceof SyntaxError) {
    // Its message and its cause quote the answer, which may hold a token.
    return new TunnelError(
      'SSM_API_FAILED',
      `${operation} for ${options.candidates?.join(', ') ?? 'the tags'} was not answered with JSON.`,
      {
        hint: 'Check the endpoint; this is not what SSM answers.',
      },
    );
  }
  const name = error instanceof Error ? error.name : 'unknown error';
  const message = error instanceof Error && error.message !== '' ? error.message : name;
  const { code, hint } = BY_NAME[name] ?? UNREACHABLE;
  const known = name in BY_NAME ? '' : ` (${name})`;
  return new TunnelError(
    code,
    `${operation} for ${options.candidates?.join(', ') ?? 'the tags'} failed${known}: ${message}`,
    {
      hint,
      cause: error,
    },
  );
}
