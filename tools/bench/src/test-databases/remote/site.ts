import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateFunctionCommand, LambdaClient, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda';
import { buildArtifact } from '@postern/bootstrap/build';
import { createBootstrapClient } from '@postern/bootstrap/client';
import { type LocalCloud, startLocalCloud } from '@postern/local-cloud';
import pg from 'pg';
import type { SampleSchema } from '../schema/sample-schema.ts';
import { CACHE } from '../server/bench-server.ts';
import { startDelayProxy } from './delay-proxy.ts';

const REPOSITORY = fileURLToPath(new URL('../../../../../', import.meta.url));

/** An offline cloud at a distance: every API call and the tunnel's WebSocket pass the delay; its functions are beside the database. */
export interface Site extends AsyncDisposable {
  readonly cloud: LocalCloud;
  /** The cloud's address with the delay in front. */
  readonly endpoint: string;
  /** A workspace whose environment is this cloud. */
  readonly root: string;
  /** Its migrations as files. */
  readonly migrations: string;
  /** Who may create databases, by a password, as the tools of the baselines want it. */
  readonly administrator: { readonly user: string; readonly password: string };
}

/** Starts the cloud, deploys and applies the bootstrap, without the delay; only then is the site as far as it says. */
export async function openSite(schema: SampleSchema, oneWayMs: number): Promise<Site> {
  const stack = new AsyncDisposableStack();
  try {
    const base = await realpath(await mkdtemp(join(tmpdir(), 'pbr-')));
    stack.defer(() => rm(base, { recursive: true, force: true }));
    const cloud = stack.use(await startLocalCloud({ cacheDir: CACHE }));
    const proxy = stack.use(await startDelayProxy(Number(new URL(cloud.endpoint).port), oneWayMs));
    const root = join(base, 'ws');
    const migrations = await writeWorkspace(root, schema, cloud);
    await deploy(cloud, root);
    const administrator = { user: 'naive', password: 'naive' };
    const superuser = new pg.Client(cloud.postgres.superuserConfig('postgres'));
    await superuser.connect();
    await superuser.query(
      `CREATE ROLE ${administrator.user} LOGIN CREATEDB PASSWORD '${administrator.password}'`,
    );
    await superuser.end();
    const endpoint = `http://127.0.0.1:${proxy.port}`;
    cloud.ssm.setStreamBase(endpoint.replace('http', 'ws'));
    const dispose = stack.move();
    return {
      cloud,
      endpoint,
      root,
      migrations,
      administrator,
      [Symbol.asyncDispose]: () => dispose.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function writeWorkspace(root: string, schema: SampleSchema, cloud: LocalCloud): Promise<string> {
  const migrations = join(root, 'database', 'migrations');
  await mkdir(migrations, { recursive: true });
  await symlink(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'));
  const { region, cluster, jumpHost, document, functions } = cloud;
  const settings = {
    region,
    cluster: cluster.identifier,
    jumpHost: { tag: { ...jumpHost.tags } },
    document,
    testDatabases: functions.testdb,
    ca: { pem: cluster.caPem },
  };
  await writeFile(
    join(root, 'postern.config.ts'),
    `import { aws, defineConfig } from '@postern/connect';
export default defineConfig({ environments: { far: aws(${JSON.stringify(settings)}) } });
`,
  );
  await writeFile(
    join(root, 'database', 'database.ts'),
    `import { defineDatabase } from '@postern/bootstrap';
export default defineDatabase({ name: 'bench', roles: { bench_app: 'readwrite' } });
`,
  );
  for (const [n, statements] of schema.statements.entries()) {
    const name = `${String(n + 1).padStart(4, '0')}_bench.sql`;
    await writeFile(join(migrations, name), `-- Up Migration\n${statements}\n`);
  }
  return migrations;
}

/** As a pipeline does it. */
async function deploy(cloud: LocalCloud, root: string): Promise<void> {
  const { region, endpoint, cluster, functions } = cloud;
  const { zip } = await buildArtifact({ root });
  const credentials = cloud.credentials('deploy');
  const lambda = new LambdaClient({ region, endpoint, credentials });
  const actions = {
    bootstrap: 'ping,plan,apply,status,migrate',
    testdb: 'ping,prepare,publish,branch,drop,sweep',
  };
  for (const which of ['bootstrap', 'testdb'] as const) {
    const FunctionName = functions[which];
    await lambda.send(
      new CreateFunctionCommand({
        FunctionName,
        Role: cloud.principalArn(which),
        Handler: 'index.handler',
        Runtime: 'nodejs22.x',
        Timeout: 300,
        MemorySize: 512,
        Code: { ZipFile: zip },
        Environment: {
          Variables: {
            POSTERN_DB_HOST: cluster.endpoint,
            POSTERN_DB_PORT: String(cluster.port),
            POSTERN_DB_SECRET_ARN: cluster.masterSecretArn,
            POSTERN_DB_CA: cluster.caPem,
            POSTERN_TEST_DATABASES: 'true',
            POSTERN_ALLOWED_ACTIONS: actions[which],
          },
        },
      }),
    );
    await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 30 }, { FunctionName });
  }
  lambda.destroy();
  const functionName = functions.bootstrap;
  await using bootstrap = createBootstrapClient({ functionName, region, endpoint, credentials });
  await bootstrap.apply();
}
