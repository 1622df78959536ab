export { type LoadConfigOptions, type LoadedConfig, loadConfig } from './config/load-config.ts';
export {
  type ResolvedEnvironment,
  type ResolveOptions,
  resolveEnvironment,
} from './config/resolve-environment.ts';
export {
  type AwsOptions,
  type AwsSettings,
  type AwsTerraformOptions,
  type AwsTerraformSettings,
  aws,
  type DeclaredEnvironment,
  defineConfig,
  type EnvironmentSettings,
  type JumpHost,
  type LocalOptions,
  type LocalPath,
  type LocalSettings,
  local,
  type PosternConfig,
  type TunnelSettings,
} from './config/settings.ts';
export type { CallOptions, Cluster, Environment, FunctionRole } from './environment/environment.ts';
export { type OpenEnvironmentOptions, openEnvironment } from './environment/open-environment.ts';
export {
  ConnectError,
  type ConnectErrorCode,
  type ConnectErrorInit,
  type ConnectErrorKind,
  isConnectError,
} from './errors.ts';
export { checkRuntime, REQUIRED_NODE, type Runtime } from './runtime.ts';
