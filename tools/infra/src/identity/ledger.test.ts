import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { CreateFunctionCommand, LambdaClient, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda';
import { buildArtifact } from '@postern/bootstrap/build';
import { createBootstrapClient } from '@postern/bootstrap/client';
import { type LocalCloud, startLocalCloud } from '@postern/local-cloud';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

/**
 * The ledger's suite as a GitHub Actions job runs it: the functions are deployed, the facts are in a file that Terraform has
 * written, and the job has the CI role's credentials in its environment and nothing else. Two files of it: `npm start` runs all
 * of them as the same role, and `packages/connect` takes each of its policies away in turn.
 */
const repository = resolve(import.meta.dirname, '../../../..');
const role = 'postern-ci-local';
let cloud: LocalCloud;
/** A workspace with the ledger's declaration and migrations. Its suite runs where it is. */
let workspace: string;
let temporary: string;

beforeAll(async () => {
  workspace = mkdtempSync(join(tmpdir(), 'pil-'));
  temporary = join(workspace, 'tmp');
  mkdirSync(temporary);
  chmodSync(workspace, 0o711);
  cpSync(join(repository, 'apps/ledger/database'), join(workspace, 'apps/ledger/database'), {
    recursive: true,
  });
  symlinkSync(join(repository, 'node_modules'), join(workspace, 'node_modules'));
  const [started, { zip }] = await Promise.all([
    startLocalCloud({ cacheDir: join(repository, '.cache/postern') }),
    buildArtifact({ root: workspace }),
  ]);
  cloud = started;
  await deploy(zip);
});

afterAll(async () => {
  await cloud?.close();
  rmSync(workspace, { recursive: true, force: true });
});

/** As Terraform makes the functions, and as the deploy role applies what is declared. */
async function deploy(ZipFile: Uint8Array): Promise<void> {
  const { endpoint, region, cluster, functions } = cloud;
  const credentials = cloud.credentials('deploy');
  const client = new LambdaClient({ endpoint, region, credentials });
  const actions = {
    bootstrap: 'ping,plan,apply,status,migrate',
    testdb: 'ping,prepare,publish,branch,drop,sweep',
  };
  for (const which of ['bootstrap', 'testdb'] as const) {
    const FunctionName = functions[which];
    const Variables = {
      POSTERN_DB_HOST: cluster.endpoint,
      POSTERN_DB_PORT: String(cluster.port),
      POSTERN_DB_SECRET_ARN: cluster.masterSecretArn,
      POSTERN_DB_CA: cluster.caPem,
      POSTERN_TEST_DATABASES: 'true',
      POSTERN_ALLOWED_ACTIONS: actions[which],
    };
    await client.send(
      new CreateFunctionCommand({
        FunctionName,
        Role: cloud.principalArn(which),
        Handler: 'index.handler',
        Runtime: 'nodejs24.x',
        Timeout: 60,
        MemorySize: 256,
        Code: { ZipFile },
        Environment: { Variables },
      }),
    );
    await waitUntilFunctionActiveV2({ client, maxWaitTime: 30 }, { FunctionName });
  }
  client.destroy();
  const bootstrap = createBootstrapClient({
    functionName: functions.bootstrap,
    endpoint,
    region,
    credentials,
  });
  await bootstrap.invoke({ action: 'apply' });
  bootstrap.close();
}

test("the ledger's suite passes as the CI role, and without any right to look something up", async () => {
  const { region, cluster, jumpHost, document, functions } = cloud;
  // As `terraform output -json postern` prints it for an existing VPC, where the jump host is named by id.
  const facts = {
    region,
    endpoint: { host: cluster.endpoint, port: cluster.port },
    resourceId: cluster.resourceId,
    jumpHost: [jumpHost.instanceId],
    document,
    bootstrap: functions.bootstrap,
    testDatabases: functions.testdb,
  };
  writeFileSync(join(workspace, 'staging.json'), JSON.stringify(facts));
  writeFileSync(
    join(workspace, 'postern.config.ts'),
    `import { aws, defineConfig } from '@postern/connect';
export default defineConfig({
  environments: { staging: aws({ terraform: 'staging.json', ca: { pem: ${JSON.stringify(cluster.caPem)} } }) },
});
`,
  );
  for (const name of Object.keys(cloud.iam.policies(role)))
    if (name.startsWith('discover-')) cloud.iam.deletePolicy(role, name);

  const run = await promisify(execFile)(
    'vitest',
    ['run', 'accounts', 'roles', '--config=vitest.integration.config.ts'],
    {
      cwd: join(repository, 'apps/ledger'),
      timeout: 120_000,
      env: {
        PATH: process.env['PATH'],
        HOME: workspace,
        TMPDIR: temporary,
        CI: 'true',
        NO_COLOR: '1',
        NODE_OPTIONS: '--conditions=@postern/source',
        POSTERN_CONFIG: join(workspace, 'postern.config.ts'),
        POSTERN_HOST_GRACE_MS: '0',
        ...cloud.environment('ci'),
      },
    },
  ).catch((error: { stdout: string; stderr: string }) => error);
  expect(run.stdout + run.stderr).toMatch(/ Tests +[1-9]\d* passed \(\d+\)/);

  const { principals, ssm, front } = cloud.statistics();
  expect(principals[`role/${role}`]).toEqual({
    policies: ['ci-connect', 'ci-target-instance', 'ci-test-databases', 'ci-tunnel'],
    allowed: {
      'lambda:InvokeFunction': expect.any(Number),
      'rds-db:connect': front.verifiedTokens - migrations(front.byUser),
      'ssm:StartSession': 2, // the instance and the document
      'ssmmessages:OpenDataChannel': 1,
    },
    // The bootstrap is the deploy role's, and what a killed host has left is looked for behind all that somebody waits for.
    denied: { 'lambda:InvokeFunction': 1, 'ssm:DescribeSessions': 1 },
  });
  // Every connection came through the one session, to the one place that its document leads to.
  const logins = Object.keys(front.byUser).filter((user) => user.startsWith('pt_'));
  expect(logins.sort()).toEqual(['pt_lease', 'pt_ledger_app', 'pt_ledger_readonly']);
  expect(ssm.startSessionCalls).toBe(1);
  expect(new Set(ssm.dialled.map(({ host, port }) => `${host}:${port}`))).toEqual(
    new Set([`${cluster.endpoint}:${cluster.port}`]),
  );
  const left = (): string[] => readdirSync(temporary);
  await vi.waitFor(() => expect(left()).toEqual([]), { timeout: 30_000, interval: 50 });
});

/** Logins of the bootstrap's own role, which runs the migrations. */
function migrations(byUser: Readonly<Record<string, number>>): number {
  return Object.entries(byUser).reduce((sum, [user, n]) => sum + (user.endsWith('_migrator') ? n : 0), 0);
}
