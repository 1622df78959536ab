import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Action, RequestOf, ResultOf } from '@postern/bootstrap/contract';
import type { LocalCloud } from '@postern/local-cloud';
import type { AwsCredentialProvider, AwsCredentials } from '@postern/rds-auth';
import type { AwsSettings, LocalPath, LocalSettings } from '../config/settings.ts';
import { createPhases, type RunPhase } from '../phases.ts';
import type { AwsAccess } from './aws-access.ts';
import { createAwsEnvironment } from './aws-environment.ts';
import { deployFunctions, type FunctionDefinition } from './deploy-functions.ts';
import { type DirectPath, directPath } from './direct-path.ts';
import type { Artifact, CallOptions, Cluster, Environment, FunctionRole } from './environment.ts';

export interface LocalEnvironmentOptions {
  name: string;
  settings: LocalSettings;
  /** The workspace root; prepared server directories are kept in its `.cache/postern`. */
  root: string;
  /** Where the server's data and sockets go; removed at the end. */
  runDir: string;
  phase?: RunPhase;
  signal?: AbortSignal;
}

/**
 * Starts the offline cloud in this process and treats it as AWS: the same clients, tunnel, tokens and certificates,
 * with the cloud's endpoint and the credentials of its principals. Suites are the `ci` principal, deploying is `deploy`.
 */
export async function openLocalEnvironment(options: LocalEnvironmentOptions): Promise<Environment> {
  const { name, settings, root, signal, phase = createPhases() } = options;
  const cloud = await phase('cloud', async (note) => {
    const { startLocalCloud } = await import('@postern/local-cloud');
    const started = await startLocalCloud({
      postgres: settings.postgres,
      cacheDir: join(root, '.cache', 'postern'),
      runDir: options.runDir,
      postgresSettings: { max_connections: connectionsOf(availableParallelism()) },
      ...(signal === undefined ? {} : { signal }),
    });
    note({ detail: `PostgreSQL ${started.postgres.version} behind ${started.endpoint}` });
    return started;
  });
  if (signal?.aborted === true) {
    await cloud.close();
    throw signal.reason;
  }
  return new LocalEnvironment(name, root, phase, cloud, settings.path);
}

/**
 * Runs claim ten connections for each worker and some for resets. Several suites side by side, each with a worker for every
 * core, shall all have theirs: a slot that nobody uses costs some kilobytes.
 */
function connectionsOf(cores: number): number {
  return 200 + 30 * cores;
}

class LocalEnvironment implements Environment {
  readonly name: string;
  readonly kind = 'local';
  readonly #cloud: LocalCloud;
  readonly #aws: Environment;
  readonly #direct: DirectPath | undefined;
  readonly #deployAccess: AwsAccess;
  #deployed: string | undefined;
  #closing: Promise<void> | undefined;

  constructor(name: string, root: string, phase: RunPhase, cloud: LocalCloud, path: LocalPath) {
    this.name = name;
    this.#cloud = cloud;
    this.#direct = path === 'direct' ? directPath(cloud) : undefined;
    const as = (principal: 'ci' | 'deploy'): AwsCredentialProvider =>
      memoised(() => cloud.credentials(principal));
    const { region, endpoint } = cloud;
    const deploy = as('deploy');
    this.#deployAccess = { region, endpoint, credentials: deploy };
    this.#aws = createAwsEnvironment({
      name,
      root,
      phase,
      settings: settingsOf(cloud),
      access: {
        region,
        endpoint,
        credentials: as('ci'),
        deployCredentials: deploy,
        ca: [cloud.cluster.caPem],
      },
    });
  }

  async resolve(options?: CallOptions): Promise<Cluster> {
    return this.#direct?.cluster ?? (await this.#aws.resolve(options));
  }

  openStream(options?: CallOptions): Promise<Duplex> {
    return (this.#direct ?? this.#aws).openStream(options);
  }

  async warmUp(): Promise<void> {
    if (this.#direct === undefined) await this.#aws.warmUp();
  }

  async probeDirectTls(): Promise<boolean> {
    return this.#direct === undefined && ((await this.#aws.probeDirectTls?.()) ?? false);
  }

  token(user: string, options?: CallOptions): Promise<string> {
    return this.#aws.token(user, options);
  }

  invoke<A extends Action>(
    which: FunctionRole,
    request: RequestOf<A>,
    options?: CallOptions,
  ): Promise<ResultOf[A]> {
    return this.#aws.invoke<A>(which, request, options);
  }

  async deploy(artifact: Artifact, options: CallOptions = {}): Promise<{ functions: readonly string[] }> {
    if (this.#deployed === artifact.sha256) return { functions: [] };
    const functions = functionsOf(this.#cloud);
    await deployFunctions({
      access: this.#deployAccess,
      functions,
      artifact,
      handler: 'index.handler',
      ...options,
    });
    this.#deployed = artifact.sha256;
    return { functions: functions.map(({ name: functionName }) => functionName) };
  }

  async dropDatabase(name: string): Promise<void> {
    const { default: pg } = await import('pg');
    const client = new pg.Client(this.#cloud.postgres.superuserConfig('postgres'));
    client.on('error', () => undefined); // a query that fails says the same
    await client.connect();
    try {
      await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)} WITH (FORCE)`);
    } finally {
      await client.end();
    }
  }

  async statistics(): Promise<Record<string, unknown>> {
    const { ssm, ...others } = this.#cloud.statistics();
    const tunnel = this.#direct?.statistics();
    return {
      ssm: { ...ssm, dialled: tally(ssm.dialled) },
      ...others,
      ...(tunnel === undefined ? await this.#aws.statistics() : { tunnel }),
    };
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      // Sessions first: the agent's end of them lives in the cloud.
      await this.#aws.close().finally(() => this.#cloud.close());
    })();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Where the agent has connected, and how often: the list itself grows with every connection. */
function tally(dialled: ReadonlyArray<{ host: string; port: number }>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { host, port } of dialled) counts[`${host}:${port}`] = (counts[`${host}:${port}`] ?? 0) + 1;
  return counts;
}

/** What one would write into `aws({ … })` for this cloud. */
function settingsOf(cloud: LocalCloud): AwsSettings {
  return {
    kind: 'aws',
    region: cloud.region,
    cluster: cloud.cluster.identifier,
    jumpHost: { tag: { ...cloud.jumpHost.tags } },
    document: { name: cloud.document.name },
    bootstrap: cloud.functions.bootstrap,
    testDatabases: cloud.functions.testdb,
  };
}

/** One artefact, two functions that differ in permission and in what they will do. */
export function functionsOf(cloud: LocalCloud): FunctionDefinition[] {
  const { cluster } = cloud;
  const variables = {
    POSTERN_DB_HOST: cluster.endpoint,
    POSTERN_DB_PORT: String(cluster.port),
    POSTERN_DB_SECRET_ARN: cluster.masterSecretArn,
    POSTERN_DB_CA: cluster.caPem,
    POSTERN_TEST_DATABASES: 'true',
  };
  return [
    {
      name: cloud.functions.bootstrap,
      role: cloud.principalArn('bootstrap'),
      variables: { ...variables, POSTERN_ALLOWED_ACTIONS: 'ping,plan,apply,status,migrate' },
    },
    {
      name: cloud.functions.testdb,
      role: cloud.principalArn('testdb'),
      variables: { ...variables, POSTERN_ALLOWED_ACTIONS: 'ping,prepare,publish,branch,drop,sweep' },
    },
  ];
}

/** As the SDK's providers do: asked again only when the credentials are about to end, or when told to. */
function memoised(provide: () => AwsCredentials): AwsCredentialProvider {
  const RENEW_BEFORE_MS = 5 * 60_000;
  let current: AwsCredentials | undefined;
  return async (options) => {
    const left = (current?.expiration?.getTime() ?? Number.POSITIVE_INFINITY) - Date.now();
    if (current === undefined || options?.forceRefresh === true || left < RENEW_BEFORE_MS)
      current = provide();
    return current;
  };
}
