import type { Credentials } from '../iam/index.ts';

/**
 * Variables of the surrounding environment that would lead an SDK or the AWS CLI elsewhere. Remove them when
 * you merge {@link clientEnvironment} into `process.env`.
 */
export const misleadingVariables: readonly string[] = [
  'AWS_PROFILE',
  'AWS_DEFAULT_PROFILE',
  'AWS_SESSION_TOKEN',
  'AWS_SECURITY_TOKEN',
  'AWS_CREDENTIAL_EXPIRATION',
  'AWS_CREDENTIAL_SCOPE',
  'AWS_ACCOUNT_ID',
  'AWS_ROLE_ARN',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_ENDPOINT_URL_SSM',
  'AWS_ENDPOINT_URL_LAMBDA',
  'AWS_ENDPOINT_URL_SECRETS_MANAGER',
  'AWS_ENDPOINT_URL_STS',
  'AWS_ENDPOINT_URL_RDS',
];

/** What AWS SDKs and the AWS CLI need to reach the local cloud as one principal. */
export function clientEnvironment(
  endpoint: string,
  region: string,
  credentials: Credentials,
): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'false',
    // JavaScript reads only the first, the CLI only the second.
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_USE_FIPS_ENDPOINT: 'false',
    AWS_USE_DUALSTACK_ENDPOINT: 'false',
    AWS_EC2_METADATA_DISABLED: 'true',
    // The CLI would ask a proxy for 127.0.0.1 too.
    NO_PROXY: '127.0.0.1,localhost',
    no_proxy: '127.0.0.1,localhost',
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    ...(credentials.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: credentials.sessionToken }),
  };
}
