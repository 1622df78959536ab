export { misleadingVariables } from './cloud/client-environment.ts';
export {
  type LocalCloud,
  type LocalCloudStatistics,
  type LocalCluster,
  type LocalPostgres,
  startLocalCloud,
} from './cloud/local-cloud.ts';
export type { LocalCloudOptions } from './cloud/options.ts';
export { CloudError, type CloudErrorCode, type CloudErrorKind, isCloudError } from './errors.ts';
export type { Credentials } from './iam/caller.ts';
export { type PrincipalName, principalNames } from './iam/principals.ts';
export type { LambdaStatistics } from './lambda-runner/runner.ts';
export type { PostgresExit } from './postgres/server-process.ts';
export type { PostgresSettings } from './postgres/settings.ts';
export { type PostgresServer, type StartPostgresOptions, startPostgres } from './postgres/start-postgres.ts';
export type { RdsFrontStatistics } from './rds-front/start-rds-front.ts';
