export { type CaBundle, type CaBundleOptions, loadCaBundle, UNCOVERED_REGIONS } from './ca-bundle.ts';
export {
  isRdsAuthError,
  RdsAuthError,
  type RdsAuthErrorCode,
  type RdsAuthErrorInit,
  type RdsAuthErrorKind,
} from './errors.ts';
export { type ConnectionFacts, explainConnectionError } from './explain-error.ts';
export {
  DEFAULT_CONNECT_TIMEOUT_MS,
  type PgOptions,
  type PgOptionsInit,
  type PgTlsOptions,
  pgOptions,
  pgTlsOptions,
} from './pg-options.ts';
export {
  type PgSocketOptions,
  type PgSocketOptionsInit,
  pgSocketOptions,
} from './pg-socket-options.ts';
export {
  type AwsCredentialProvider,
  type AwsCredentials,
  createTokenSource,
  DEFAULT_TOKEN_MAX_AGE_MS,
  DEFAULT_TOKEN_MIN_REMAINING_MS,
  type TokenOptions,
  type TokenSource,
  type TokenSourceOptions,
} from './token-source.ts';
