import type { SsmSimulator, SsmStatistics } from '@postern/ssm-simulator';
import type { Credentials, IamDirectory, IamUse } from '../iam/index.ts';
import type { PrincipalName } from '../iam/principals.ts';
import type { LambdaStatistics } from '../lambda-runner/runner.ts';
import type { PostgresExit } from '../postgres/server-process.ts';
import type { RdsFrontStatistics } from '../rds-front/start-rds-front.ts';
import type { SecretStore } from '../services/secrets-manager.ts';

export interface LocalCloud extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`: every simulated AWS API, and the WebSockets of Session Manager. */
  readonly endpoint: string;
  readonly region: string;
  readonly accountId: string;
  readonly cluster: LocalCluster;
  readonly jumpHost: { readonly instanceId: string; readonly tags: Readonly<Record<string, string>> };
  /** The account's Session document that leads to the cluster and nowhere else. */
  readonly document: { readonly name: string };
  /** Names of the two functions that the predefined principals may use; nothing is deployed yet. */
  readonly functions: { readonly bootstrap: string; readonly testdb: string };
  readonly iam: IamDirectory;
  readonly secrets: SecretStore;
  readonly ssm: SsmSimulator;
  readonly postgres: LocalPostgres;
  /**
   * Credentials of a predefined principal, or of a user or role by name or ARN. A user's are long-term unless
   * `expiresInMs` is given; a role's are temporary, an hour by default.
   */
  credentials(principal: PrincipalName | (string & {}), options?: { expiresInMs?: number }): Credentials;
  /** Variables with which SDKs and the AWS CLI act as that principal here. */
  environment(
    principal: PrincipalName | (string & {}),
    options?: { expiresInMs?: number },
  ): Record<string, string>;
  /** The ARN of a predefined principal: of the role, not of a session. */
  principalArn(principal: PrincipalName): string;
  statistics(): LocalCloudStatistics;
  /** Stops everything, in the order of the data's way, and removes what is on disk. Idempotent. */
  close(): Promise<void>;
  /** Fulfils when `close()` is done. */
  readonly closed: Promise<void>;
}

export interface LocalCluster {
  readonly identifier: string;
  /** A DNS name that nothing resolves but the simulator: the certificate's and the tokens' name. */
  readonly endpoint: string;
  /** The front's real port on 127.0.0.1. */
  readonly port: number;
  readonly resourceId: string;
  readonly arn: string;
  readonly masterUsername: string;
  readonly masterSecretArn: string;
  readonly caPem: string;
  readonly databaseName: string;
}

/** The way around the front, for tests and tools: trusted, and not there on AWS. */
export interface LocalPostgres {
  readonly socketDir: string;
  readonly superuser: string;
  readonly version: string;
  readonly pid: number;
  /** Fulfils when the server ended, asked or not: `expected` tells which. */
  readonly closed: Promise<PostgresExit>;
  superuserConfig(database?: string): { host: string; port: number; user: string; database: string };
}

export interface LocalCloudStatistics {
  readonly ssm: SsmStatistics;
  readonly front: RdsFrontStatistics;
  readonly lambda: LambdaStatistics;
  /** Requests by `Service.Operation`. */
  readonly api: Readonly<Record<string, number>>;
  /** By `user/name` or `role/name`: what was allowed and denied, under which policies. */
  readonly principals: Readonly<Record<string, IamUse>>;
}
