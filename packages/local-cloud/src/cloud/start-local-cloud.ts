import { randomUUID } from 'node:crypto';
import { startEndpoint } from '../endpoint/endpoint.ts';
import { IamDirectory } from '../iam/index.ts';
import { FunctionStore } from '../lambda/function-store.ts';
import { createLambdaService } from '../lambda/lambda-service.ts';
import { LambdaRunner } from '../lambda-runner/runner.ts';
import { startPostgres } from '../postgres/start-postgres.ts';
import { startRdsFront } from '../rds-front/start-rds-front.ts';
import type { DbCluster } from '../services/rds.ts';
import { createRdsService } from '../services/rds.ts';
import { createSecretsManagerService, SecretStore } from '../services/secrets-manager.ts';
import { createSsmService } from '../services/ssm.ts';
import { createStsService } from '../services/sts.ts';
import { createCertificateAuthority } from '../tls/certificate-authority.ts';
import { clientEnvironment } from './client-environment.ts';
import { databaseDocumentContent } from './database-document.ts';
import type { LocalCloud } from './local-cloud.ts';
import { masterPassword } from './master-password.ts';
import * as names from './names.ts';
import type { LocalCloudOptions } from './options.ts';
import { checkOptions } from './options.ts';
import { createPrincipals, credentialsOf } from './principal-credentials.ts';
import { openRunFolders } from './run-folders.ts';
import { createRdsTokenVerifier } from './token-verifier.ts';

/** Starts the parts of AWS that Postern talks to, around a real PostgreSQL. Ready when it fulfils. */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  checkOptions(options);
  const { signal } = options;
  signal?.throwIfAborted();
  const opened: Array<() => Promise<unknown>> = [];
  const unwind = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (let stop = opened.pop(); stop !== undefined; stop = opened.pop()) {
      await stop().catch((failure: unknown) => failures.push(failure));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'The local cloud did not stop cleanly.');
  };
  try {
    return await open(options, opened, unwind);
  } catch (error) {
    // What failed first is what the caller has to know.
    await unwind().catch(() => undefined);
    throw error;
  }
}

async function open(
  options: LocalCloudOptions,
  opened: Array<() => Promise<unknown>>,
  unwind: () => Promise<void>,
): Promise<LocalCloud> {
  const { clock = Date.now, signal, agent } = options;
  const { region, accountId } = names;
  const folders = await openRunFolders(options.runDir);
  opened.push(() => folders.close());

  const issuing = issueCertificate(); // while the server starts
  issuing.catch(() => undefined);
  const server = await startPostgres({
    cacheDir: options.cacheDir,
    runDir: folders.runDir,
    ...(typeof options.postgres === 'object' ? { server: options.postgres } : {}),
    ...(options.postgresSettings === undefined ? {} : { settings: options.postgresSettings }),
    ...(signal === undefined ? {} : { signal }),
  });
  opened.push(() => server.stop());
  // Before the server, which removes the folder around both if it is the one that created it.
  opened.push(() => folders.removeFunctions());
  const { caPem, certificate } = await issuing;
  signal?.throwIfAborted();

  const iam = new IamDirectory({ accountId, clock });
  const secrets = new SecretStore({ region, accountId, clock });
  const password = masterPassword();
  await server.setPassword(server.master, password);
  const secret = secrets.create(
    `rds!cluster-${randomUUID()}`,
    JSON.stringify({ username: server.master, password }),
    { owningService: 'rds' },
  );
  const principals = createPrincipals(iam, {
    region,
    accountId,
    clusterArn: names.clusterArn,
    clusterResourceId: names.clusterResourceId,
    masterSecretArn: secret.arn,
    jumpHostTag: names.jumpHostTag,
    document: names.databaseDocument,
    functions: names.functions,
  });
  const front = await startRdsFront({
    server,
    host: names.clusterEndpoint,
    certificate,
    tokens: createRdsTokenVerifier({
      region,
      clusterResourceId: names.clusterResourceId,
      iam,
      clock,
    }),
  });
  opened.push(() => front.close());

  const hosts = { [names.clusterEndpoint]: '127.0.0.1', [names.clusterReaderEndpoint]: '127.0.0.1' };
  const ssm = createSsmService({
    region,
    iam,
    clock,
    hosts,
    requireSignedUpgrade: options.requireSignedUpgrade ?? true,
    ...(agent === undefined ? {} : { agent }),
  });
  const tags = { [names.jumpHostTag.key]: names.jumpHostTag.value };
  ssm.simulator.registerInstance({ instanceId: names.jumpHostInstanceId, tags });
  ssm.simulator.registerDocument({
    name: names.databaseDocument,
    content: databaseDocumentContent(names.clusterEndpoint, front.port),
  });
  opened.push(() => ssm.simulator.close());

  const store = new FunctionStore({ region, accountId, clock, ...activation(options) });
  const address = { url: '' };
  const runner = new LambdaRunner({
    region,
    workDir: folders.functionsDir,
    cacheDir: options.cacheDir,
    clock,
    endpointUrl: () => address.url,
    credentials: (record) =>
      iam.assume(record.role, { sessionName: record.name, expiresInMs: 12 * 3_600_000 }),
    hosts: () => hosts,
    ...(options.lambda?.maxConcurrency === undefined
      ? {}
      : { maxConcurrency: options.lambda.maxConcurrency }),
  });
  const cluster: DbCluster = {
    identifier: names.clusterIdentifier,
    resourceId: names.clusterResourceId,
    arn: names.clusterArn,
    endpoint: names.clusterEndpoint,
    readerEndpoint: names.clusterReaderEndpoint,
    port: front.port,
    engineVersion: server.version,
    databaseName: names.databaseName,
    masterUsername: server.master,
    masterSecretArn: secret.arn,
    iamAuthentication: true,
    createdAtMs: clock(),
    availabilityZones: ['a', 'b', 'c'].map((zone) => region + zone),
  };
  const endpoint = await startEndpoint({
    region,
    iam,
    clock,
    services: [
      ssm.service,
      createSecretsManagerService(secrets),
      createStsService(iam),
      createRdsService(() => [cluster]),
      createLambdaService({ store, runner, iam }),
    ],
    upgrade: (request, socket, head) => ssm.simulator.handleUpgrade(request, socket, head),
  });
  address.url = endpoint.url;
  ssm.simulator.setStreamBase(endpoint.url.replace('http', 'ws'));
  opened.push(() => endpoint.close());
  // Functions end first, so that their callers still get an answer.
  opened.push(() => runner.close());
  signal?.throwIfAborted();

  let closing: Promise<void> | undefined;
  let ended = (): void => {};
  const closed = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const close = (): Promise<void> => {
    closing ??= unwind().finally(ended);
    return closing;
  };
  const credentials: LocalCloud['credentials'] = (principal, settings) =>
    credentialsOf(iam, principals, principal, settings?.expiresInMs);
  return {
    endpoint: endpoint.url,
    region,
    accountId,
    cluster: {
      identifier: cluster.identifier,
      endpoint: cluster.endpoint,
      port: cluster.port,
      resourceId: cluster.resourceId,
      arn: cluster.arn,
      masterUsername: cluster.masterUsername,
      masterSecretArn: secret.arn,
      caPem,
      databaseName: cluster.databaseName,
    },
    jumpHost: { instanceId: names.jumpHostInstanceId, tags },
    document: { name: names.databaseDocument },
    functions: names.functions,
    iam,
    secrets,
    ssm: ssm.simulator,
    postgres: {
      socketDir: server.socketDir,
      superuser: server.superuser,
      version: server.version,
      pid: server.pid,
      closed: server.closed,
      superuserConfig: (database = names.databaseName) => ({
        host: server.socketDir,
        port: 5432,
        user: server.superuser,
        database,
      }),
    },
    credentials,
    environment: (principal, settings) =>
      clientEnvironment(endpoint.url, region, credentials(principal, settings)),
    principalArn: (principal) => principals[principal].arn,
    statistics: () => ({
      ssm: ssm.simulator.statistics(),
      front: front.statistics(),
      lambda: runner.statistics(),
      api: endpoint.statistics(),
      principals: iam.statistics(),
    }),
    close,
    closed,
    [Symbol.asyncDispose]: close,
  };
}

async function issueCertificate(): Promise<{
  caPem: string;
  certificate: { certPem: string; keyPem: string };
}> {
  const authority = await createCertificateAuthority();
  const certificate = await authority.issue([names.clusterEndpoint, names.clusterReaderEndpoint]);
  return { caPem: authority.caPem, certificate };
}

function activation({ lambda }: LocalCloudOptions): { activationMs?: number } {
  return lambda?.activationMs === undefined ? {} : { activationMs: lambda.activationMs };
}
