import { isTunnelError, TunnelError, type TunnelErrorCode } from '../errors.ts';

/** The calls that this package makes. */
export type SsmOperation =
  | 'StartSession'
  | 'ResumeSession'
  | 'TerminateSession'
  | 'DescribeInstanceInformation'
  | 'DescribeSessions';

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
  hint: 'Check network, region, endpoint and proxy, then retry.',
};
const REFUSED: Explanation = { code: 'SSM_REQUEST_REFUSED', hint: 'Correct what the message names.' };

/** Which permission an operation needs, and on what. */
const PERMISSIONS: Readonly<Record<SsmOperation, string>> = {
  StartSession:
    'Allow ssm:StartSession on the resource that the message names: the target and the document are both checked.',
  ResumeSession: 'Allow ssm:ResumeSession on the sessions that the caller started.',
  TerminateSession: 'Allow ssm:TerminateSession on the sessions that the caller started.',
  DescribeInstanceInformation:
    'Allow ssm:DescribeInstanceInformation on "*" (it takes no narrower resource), or name nodes instead of tags.',
  DescribeSessions: 'Allow ssm:DescribeSessions on "*" (it takes no narrower resource).',
};

/** By error name, which survives bundling and second copies of the SDK. */
const BY_NAME: Readonly<Record<string, Explanation>> = {
  TargetNotConnected: {
    code: 'SSM_TARGET_NOT_CONNECTED',
    hint: 'Check that the node runs, is registered in this account and region, and that its agent is online. A new instance needs up to 3 minutes.',
  },
  InvalidDocument: DOCUMENT,
  InvalidDocumentVersion: DOCUMENT,
  InvalidParameters: DOCUMENT,
  ValidationException: REFUSED,
  BadRequest: REFUSED,
  InvalidFilterKey: REFUSED,
  InvalidInstanceInformationFilterValue: REFUSED,
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
  EndpointError: {
    code: 'SSM_OPTIONS_INVALID',
    hint: 'Give the endpoint as an option, or unset AWS_ENDPOINT_URL, AWS_USE_FIPS_ENDPOINT or AWS_USE_DUALSTACK_ENDPOINT.',
  },
};

/** One of our errors for whatever the SDK threw. `subject`: what the call was about, for the message. */
export function explainApiError(operation: SsmOperation, subject: string, error: unknown): TunnelError {
  if (isTunnelError(error)) return error;
  if (error instanceof SyntaxError) {
    // Its message and its cause quote the answer, which may hold a token.
    return new TunnelError('SSM_API_FAILED', `${operation} for ${subject} was not answered with JSON.`, {
      hint: 'Check the endpoint; this is not what SSM answers.',
    });
  }
  const name = error instanceof Error ? error.name : 'unknown error';
  const message = error instanceof Error && error.message !== '' ? error.message : name;
  const denied = name === 'AccessDeniedException' || name === 'AccessDenied';
  const known = denied ? { code: 'SSM_ACCESS_DENIED' as const, hint: PERMISSIONS[operation] } : BY_NAME[name];
  const { code, hint } = known ?? UNREACHABLE;
  const unknown = known === undefined ? ` (${name})` : '';
  return new TunnelError(code, `${operation} for ${subject} failed${unknown}: ${message}`, {
    hint,
    cause: error,
  });
}
