import { ConnectError } from '../errors.ts';

const DENIED = ['AccessDenied', 'AccessDeniedException', 'UnauthorizedOperation'];
const NO_CREDENTIALS = [
  'CredentialsProviderError',
  'TokenProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
];

/**
 * What an error of an AWS client means, in our words. Recognised by name, which holds across SDK copies and versions.
 * `instead` is a way out when the action is not allowed.
 */
export function awsFailure(error: unknown, action: string, instead = ''): ConnectError {
  const name = error instanceof Error ? error.name : '';
  const message = error instanceof Error ? error.message : String(error);
  if (NO_CREDENTIALS.includes(name)) {
    return new ConnectError({
      code: 'CONNECT_CREDENTIALS_UNAVAILABLE',
      kind: 'denied',
      message: `${action} needs valid AWS credentials: ${message}`,
      hint: 'Sign in (aws sso login), set AWS_PROFILE or the profile of this environment, or give this process a role.',
      cause: error,
    });
  }
  if (DENIED.includes(name)) {
    return new ConnectError({
      code: 'CONNECT_ACCESS_DENIED',
      kind: 'denied',
      message: `${action} was refused: ${message}`,
      hint: `Allow ${action} to this identity${instead === '' ? '' : `, or ${instead}`}.`,
      cause: error,
    });
  }
  return new ConnectError({
    code: 'CONNECT_API_FAILED',
    kind: 'unavailable',
    message: `${action} failed: ${name === '' ? message : `${name}: ${message}`}`,
    hint: 'Check region and network, and try again.',
    cause: error,
  });
}
