import type { TunnelOptions } from '@postern/ssm-tunnel';

/**
 * How the agent's host is found: by id, by ids of which the first that is connected is taken, or by tags, all of which
 * must match. Tags are looked up for each session, so a host that was replaced is found.
 */
export type JumpHost = string | readonly string[] | { tag: Record<string, string> };

/** What can be said about the tunnel beside where it leads; documented at the options of `openTunnel`. */
export interface TunnelSettings
  extends Pick<
    TunnelOptions,
    'sessions' | 'uploadPayloadBytes' | 'keepAliveIntervalMs' | 'proxy' | 'endpoint' | 'streamEndpoint'
  > {
  /**
   * Whether a host that starts ends the sessions of one that was killed. Default true. False where the identity has no
   * `ssm:DescribeSessions`, so that it is not tried and denied; AWS then ends them after 20 minutes.
   */
  endLeftovers?: boolean;
}

export interface LocalOptions {
  /** Major version of the embedded server. Default 17. */
  postgres?: 17;
  /**
   * How suites reach it. `full` (default) goes the way of AWS: tunnel, verified TLS, IAM token. `direct` is the server's
   * Unix socket with none of them, for the fastest loop at the desk. Functions go the way of AWS in both.
   */
  path?: LocalPath;
}

export type LocalPath = 'full' | 'direct';

export interface AwsOptions {
  region: string;
  /** A profile of the shared AWS configuration. Default: what the SDK's default chain finds. */
  profile?: string;
  /** The cluster's identifier; endpoint, port and resource id are asked of RDS (DescribeDBClusters). */
  cluster?: string;
  /** Instead of `cluster`: the endpoint as RDS reports it, when the caller may not describe clusters. */
  endpoint?: { host: string; port: number };
  /** With `endpoint`: `cluster-…`, only used in hints. */
  resourceId?: string;
  /** The instance that Session Manager forwards through. Without it connections are direct (inside the VPC). */
  jumpHost?: JumpHost;
  /** A Session document of type Port whose host and port are fixed; see the README for the IAM reasons. */
  document?: { name: string; parameters?: Record<string, string> };
  /** How the tunnel works and how it reaches Session Manager. Defaults suit suites in networks without a proxy. */
  tunnel?: TunnelSettings;
  /**
   * Name or ARN of the bootstrap function. It applies what is declared before a suite; an identity that may not invoke it
   * takes what is deployed, after one call that is denied. False: it is not even tried.
   */
  bootstrap?: string | false;
  /** Name or ARN of the test-database function. Without it this environment has no test databases. */
  testDatabases?: string;
  /** A CA bundle (PEM text or file) for regions that the built-in roots do not cover. */
  ca?: { pem: string } | { file: string };
}

/** The facts of a cluster from the outputs of its Terraform; whatever is said beside them wins. */
export interface AwsTerraformOptions extends Partial<AwsOptions> {
  /**
   * A file in the repository with the output `postern`: of `terraform output -json postern`, or of
   * `terraform output -json`, which has all of them. Relative to the folder of postern.config.ts. Read when the
   * environment is used.
   */
  terraform: string;
}

export interface LocalSettings extends LocalOptions {
  kind: 'local';
  postgres: 17;
  path: LocalPath;
}

export interface AwsSettings extends AwsOptions {
  kind: 'aws';
}

/** As a configuration file says it: what a file of Terraform holds is still to be read. */
export interface AwsTerraformSettings extends AwsTerraformOptions {
  kind: 'aws';
}

/** Complete: what a host is started with. */
export type EnvironmentSettings = LocalSettings | AwsSettings;

/** What a configuration file may hold. */
export type DeclaredEnvironment = EnvironmentSettings | AwsTerraformSettings;

export interface PosternConfig {
  environments: Record<string, DeclaredEnvironment>;
  /** Used when neither a flag nor POSTERN_ENV names one. Default: `local` if there is one, else the only one. */
  defaultEnvironment?: string;
}

/** An offline cloud on this machine: embedded PostgreSQL behind simulated AWS services. */
export function local(options: LocalOptions = {}): LocalSettings {
  return { kind: 'local', postgres: 17, path: 'full', ...options };
}

/** A cluster on AWS: described here, or by a file that Terraform has written. */
export function aws(options: AwsOptions): AwsSettings;
export function aws(options: AwsTerraformOptions): AwsTerraformSettings;
export function aws(options: AwsOptions | AwsTerraformOptions): AwsSettings | AwsTerraformSettings {
  return { kind: 'aws', ...options };
}

/** Types the configuration; checks nothing by itself (`loadConfig` reports every problem at once). */
export function defineConfig(config: PosternConfig): PosternConfig {
  return config;
}
