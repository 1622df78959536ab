import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import {
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { buildArtifact } from '@postern/bootstrap/build';
import { type LocalCloud, startLocalCloud } from '@postern/local-cloud';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readWorkflow } from '../src/workflows/read-workflow.ts';

/**
 * The steps of deploy.yml and cleanup.yml as they are written there, in their order and as their roles, against the offline cloud:
 * the functions exist, as Terraform has made them, with an artefact that has the ledger only.
 */

const root = resolve(import.meta.dirname, '../../..');
let cloud: LocalCloud;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pif-'));
  const [started, { zip }] = await Promise.all([
    startLocalCloud({ cacheDir: join(root, '.cache/postern') }),
    buildArtifact({ root, databases: ['apps/ledger'], outFile: join(folder, 'old.zip') }),
  ]);
  cloud = started;
  const { endpoint, region, cluster } = cloud;
  const lambda = new LambdaClient({ endpoint, region, credentials: cloud.credentials('deploy') });
  for (const which of ['bootstrap', 'testdb'] as const) {
    const FunctionName = cloud.functions[which];
    await lambda.send(
      new CreateFunctionCommand({
        FunctionName,
        Role: cloud.principalArn(which),
        Handler: 'index.handler',
        Runtime: 'nodejs24.x',
        Timeout: 60,
        MemorySize: 256,
        Code: { ZipFile: zip },
        Environment: {
          Variables: {
            POSTERN_DB_HOST: cluster.endpoint,
            POSTERN_DB_PORT: String(cluster.port),
            POSTERN_DB_SECRET_ARN: cluster.masterSecretArn,
            POSTERN_DB_CA: cluster.caPem,
            POSTERN_TEST_DATABASES: 'true',
            POSTERN_ALLOWED_ACTIONS:
              which === 'bootstrap'
                ? 'ping,plan,apply,status,migrate'
                : 'ping,prepare,publish,branch,drop,sweep',
          },
        },
      }),
    );
    await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 30 }, { FunctionName });
  }
  lambda.destroy();
});

afterAll(async () => {
  await cloud?.close();
  await rm(folder, { recursive: true, force: true });
});

interface Step {
  readonly code: number;
  readonly log: string;
  readonly summary: string;
  readonly outputs: string;
}

let steps = 0;

async function run(
  principal: 'deploy' | 'ci',
  command: string[],
  env: Record<string, string>,
): Promise<Step> {
  const files = join(folder, String(++steps));
  const [summary, outputs] = [`${files}.summary`, `${files}.outputs`];
  const [file = '', ...argv] = command;
  const { code, stdout, stderr } = await promisify(execFile)(file, argv, {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      ...cloud.environment(principal),
      ...env,
      GITHUB_STEP_SUMMARY: summary,
      GITHUB_OUTPUT: outputs,
    },
  }).then(
    (done) => ({ ...done, code: 0 }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
  const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
  return { code, log: stdout + stderr, summary: await read(summary), outputs: await read(outputs) };
}

/** A command of ours, with the credentials of that role. */
function infra(principal: 'deploy' | 'ci', ...argv: string[]): Promise<Step> {
  const main = join(root, 'tools/infra/src/main.ts');
  return run(principal, [process.execPath, '--conditions=@postern/source', main, 'functions', ...argv], {});
}

/** The command as it is published, where postern.config.ts says this of staging, and nothing but it says the region. */
async function published(
  principal: 'deploy' | 'ci',
  staging: Record<string, unknown>,
  ...argv: string[]
): Promise<Step> {
  const settings = { kind: 'aws', region: cloud.region, cluster: cloud.cluster.identifier, ...staging };
  const file = join(folder, 'postern.config.mjs');
  await writeFile(file, `export default { environments: { staging: ${JSON.stringify(settings)} } };`);
  const main = join(root, 'packages/connect/src/functions/main.ts');
  const command = [process.execPath, '--conditions=@postern/source', main, ...argv, '--env', 'staging'];
  return run(principal, command, { POSTERN_CONFIG: file, AWS_REGION: '', AWS_DEFAULT_REGION: '' });
}

/** A step of a workflow as it is written there, run as GitHub runs it. */
async function step(
  principal: 'deploy' | 'ci',
  file: string,
  name: string,
  more: Context = {},
  settings: Readonly<Record<string, string>> = {},
): Promise<Step> {
  const { jobs } = readWorkflow(await readFile(join(root, '.github/workflows', file), 'utf8'));
  const found = Object.values(jobs)
    .flatMap(({ steps }) => steps)
    .find((one) => one.name === name);
  const context: Context = {
    'vars.AWS_REGION': cloud.region,
    'vars.POSTERN_BOOTSTRAP_FUNCTION': cloud.functions.bootstrap,
    'vars.POSTERN_TESTDB_FUNCTION': cloud.functions.testdb,
    ...more,
  };
  const env = Object.entries(found?.env ?? {}).map(([variable, text]) => [
    variable,
    text.replaceAll(/\$\{\{ (\S+) \}\}/g, (_, expression: string) => context[expression] ?? ''),
  ]);
  const script = found?.run ?? 'exit 99';
  return await run(principal, ['bash', '-e', '-c', `${npmRun}\n${script}`], {
    ...Object.fromEntries(env),
    ...settings,
  });
}

/** `npm run infra -- …` without npm, which would take longer than most steps; the first step of all is given the real one. */
const npmRun = `[ "$REAL_NPM" ] || npm() { [ "$1 $2 $3" = 'run infra --' ] && '${process.execPath}' --conditions=@postern/source tools/infra/src/main.ts "\${@:4}"; }`;

type Context = Readonly<Record<string, string>>;

test('deploy.yml builds, uploads, plans, and applies what was planned', async () => {
  const { bootstrap, testdb } = cloud.functions;
  const artefact = await step('deploy', 'deploy.yml', 'Artefact', {}, { REAL_NPM: '1' });
  expect(artefact).toMatchObject({
    code: 0,
    log: expect.stringMatching(/CA roots: eu-west-2\ndatabases: ledger, statements/),
  });
  const file = /^(\/.*bootstrap\.zip): \d+ bytes/m.exec(artefact.log)?.[1] as string;
  const { 'ca.pem': roots } = unzipSync(await readFile(file));
  expect(new X509Certificate(roots as Uint8Array).subject).toMatch(/^CN=Amazon RDS eu-west-2 Root CA/m);

  expect(await step('deploy', 'deploy.yml', 'Code')).toMatchObject({
    code: 0,
    log: expect.stringContaining(`${bootstrap}: has the new code\n${testdb}: has the new code\n`),
  });
  // Once more, in a repository without test databases.
  const { log } = await step('deploy', 'deploy.yml', 'Code', { 'vars.POSTERN_TESTDB_FUNCTION': '' });
  expect(log).toContain(`${bootstrap}: had it already\n`);
  expect(log).not.toContain(testdb);

  const plan = await step('deploy', 'deploy.yml', 'Plan');
  expect(plan).toMatchObject({ code: 0 });
  expect(plan.summary).toContain('CREATE DATABASE "statements"');
  expect(plan.summary).toContain('<code>ledger: 0001_tenants</code>');
  const manifest = /^manifest=([0-9a-f]{64})$/m.exec(plan.outputs)?.[1] as string;
  expect(Number(/^changes=(\d+)$/m.exec(plan.outputs)?.[1])).toBeGreaterThan(20);

  const planned = (hash: string): Context => ({ 'needs.plan.outputs.manifest': hash });
  const other = await step('deploy', 'deploy.yml', 'Apply what was planned', planned('0'.repeat(64)));
  expect(other).toMatchObject({ code: 1, log: expect.stringContaining('nothing was applied') });
  expect(other.summary).toContain('### ❌ apply failed');
  expect(await step('deploy', 'deploy.yml', 'Apply what was planned', planned(''))).toMatchObject({
    code: 2,
  });

  const apply = await step('deploy', 'deploy.yml', 'Apply what was planned', planned(manifest));
  expect(apply).toMatchObject({ code: 0 });
  expect(apply.log).toMatch(/^ledger: 0001_tenants applied$/m);
  expect(apply.summary).toContain(`### Applied by <code>${bootstrap}</code>`);
  expect(apply.summary).toContain('<code>statements: 0001_statements</code>');

  const again = await step('deploy', 'deploy.yml', 'Plan');
  expect(again.outputs).toContain('changes=0\n');
  expect(again.summary).toContain('Nothing to do');
});

test('a function that would trust no server keeps its code', async () => {
  const { bootstrap } = cloud.functions;
  const { endpoint, region } = cloud;
  const lambda = new LambdaClient({ endpoint, region, credentials: cloud.credentials('deploy') });
  const { Environment, CodeSha256 } = await lambda.send(
    new GetFunctionConfigurationCommand({ FunctionName: bootstrap }),
  );
  const { POSTERN_DB_CA: _, ...Variables } = Environment?.Variables ?? {};
  try {
    const change = { FunctionName: bootstrap, Environment: { Variables } };
    await lambda.send(new UpdateFunctionConfigurationCommand(change));
    await waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 30 }, { FunctionName: bootstrap });
    const upload = await infra(
      'deploy',
      'upload',
      '--artefact',
      join(folder, 'old.zip'),
      '--function',
      bootstrap,
    );
    expect(upload).toMatchObject({ code: 1, summary: expect.stringContaining('Build it with --region') });
    const after = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: bootstrap }));
    expect(after.CodeSha256).toBe(CodeSha256);
  } finally {
    lambda.destroy();
  }
});

test('cleanup.yml sweeps as the test role, which may do nothing else with a function', async () => {
  const sweep = await step('ci', 'cleanup.yml', 'Sweep');
  expect(sweep).toMatchObject({ code: 0 });
  expect(sweep.summary).toContain('| 1 | swept | 0 | 0 | 0 | 0 | 0 | 0 |');
  expect(await step('ci', 'cleanup.yml', 'Sweep', { 'vars.POSTERN_TESTDB_FUNCTION': '' })).toMatchObject({
    code: 2,
    summary: '',
  });

  const apply = await infra('ci', 'apply', '--function', cloud.functions.bootstrap);
  expect(apply).toMatchObject({ code: 1, log: expect.stringContaining('not authorized') });
  expect(apply.summary).toContain('### ❌ apply failed');
});

test('postern-functions --env takes names, region and CA from postern.config.ts', async () => {
  const { bootstrap, testdb } = cloud.functions;
  const names = { bootstrap, testDatabases: testdb };
  const file = join(folder, 'environment.zip');
  const ca = { ca: { pem: cloud.cluster.caPem } };
  const build = await published('deploy', { ...names, ...ca }, 'build', '--artefact', file);
  expect(build).toMatchObject({ code: 0, log: expect.stringContaining(`CA roots: ${cloud.region}\n`) });
  const { 'ca.pem': roots } = unzipSync(await readFile(file));
  expect(Buffer.from(roots as Uint8Array).toString()).toContain(cloud.cluster.caPem.trim());

  expect(await published('deploy', names, 'upload', '--artefact', file)).toMatchObject({
    code: 0,
    log: `${bootstrap}: has the new code\n${testdb}: has the new code\n`,
  });
  expect(await published('deploy', names, 'plan')).toMatchObject({
    code: 0,
    summary: expect.stringContaining(`### Plan of <code>${bootstrap}</code>`),
  });
  expect(await published('ci', names, 'sweep')).toMatchObject({
    code: 0,
    summary: expect.stringContaining(`### Swept by <code>${testdb}</code>`),
  });
  // What is said with the command wins.
  expect(
    await published('ci', { ...names, testDatabases: 'other' }, 'sweep', '--function', testdb),
  ).toMatchObject({
    code: 0,
  });
});
