import type { LocalCloud } from '@postern/local-cloud';
import type { IamUse, PolicyDocument } from '@postern/local-cloud/iam';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../src/config/load-config.ts';
import { resolveEnvironment } from '../src/config/resolve-environment.ts';
import { createAwsEnvironment } from '../src/environment/aws-environment.ts';
import type { HostClient } from '../src/host/host-client.ts';
import { pgConfig } from '../src/host/pg-config.ts';
import { openHostHere } from './fixtures/host-here.ts';
import { openStaging, type Staging } from './fixtures/staging.ts';

/**
 * What a suite does under the policies of the CI role and nothing else, as a workspace does that has its facts from
 * Terraform. That those policies are the Terraform modules' own, `tools/infra` makes sure.
 */
const role = 'postern-ci-local';

let staging: Staging | undefined;
let cloud: LocalCloud;
/** All that the CI role has. */
let policies: Readonly<Record<string, PolicyDocument>>;
let before: IamUse | undefined;
const opened: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  staging = await openStaging();
  ({ cloud } = staging);
  policies = cloud.iam.policies(role);
});
beforeEach(() => {
  before = use();
});
afterEach(async () => {
  await closeHost();
  for (const [name, document] of Object.entries(policies)) cloud.iam.putPolicy(role, name, document);
});
afterAll(async () => await staging?.close());

const use = (): IamUse | undefined => cloud.statistics().principals[`role/${role}`];

/** What the role was allowed or denied in this test. */
function asked(decision: 'allowed' | 'denied'): string[] {
  return Object.entries(use()?.[decision] ?? {})
    .filter(([action, count]) => count > (before?.[decision][action] ?? 0))
    .map(([action]) => action)
    .sort();
}

/** The output `postern` of an environment that looks nothing up but its jump host. */
function facts(): Record<string, unknown> {
  const { region, cluster, jumpHost, document, functions } = cloud;
  return {
    region,
    endpoint: { host: cluster.endpoint, port: cluster.port },
    resourceId: cluster.resourceId,
    jumpHost: { tag: jumpHost.tags },
    document,
    bootstrap: functions.bootstrap,
    testDatabases: functions.testdb,
  };
}

let configurations = 0;

/** The host of a workspace whose configuration says this beside what Terraform has written. */
async function open(beside: Record<string, unknown> = {}): Promise<HostClient> {
  const { workspace } = staging as Staging;
  workspace.write('staging.json', JSON.stringify(facts()));
  const options = { terraform: 'staging.json', ca: { pem: cloud.cluster.caPem }, ...beside };
  configurations += 1;
  const file = `${configurations}.config.ts`; // Node loads a file once
  workspace.configure(
    `export default defineConfig({ environments: { ci: aws(${JSON.stringify(options)}) } });`,
    file,
  );
  const loaded = await loadConfig({ cwd: workspace.root, file, env: {} });
  const { root, settings } = resolveEnvironment(loaded, 'ci', { env: {} });
  if (settings.kind !== 'aws') throw new Error('it is an environment on AWS');
  const { region, endpoint } = cloud;
  const access = { region, endpoint, credentials: async () => cloud.credentials('ci') };
  const { host, client } = await openHostHere(root, () =>
    createAwsEnvironment({ name: 'ci', root, settings, access }),
  );
  opened.push({
    close: async () => {
      await client.close();
      await host.ended;
    },
  });
  return client;
}

/** Brings everything up that a suite needs, writes a row as the application, and has the database reset. */
async function suite(client: HostClient): Promise<void> {
  await client.bootstrap();
  const { run } = await client.prepareRun({ database: 'ledger', workers: 1 });
  const { name, roles } = await client.acquire({ run, key: '1', isolation: 'reset' });
  const session = new pg.Client(pgConfig(client, { database: name, user: roles['ledger_app'] as string }));
  await session.connect();
  const { rows } = await session.query('INSERT INTO accounts VALUES (1) RETURNING current_user');
  expect(rows).toEqual([{ current_user: 'ledger_app' }]);
  await session.end();
  await client.release({ run, name });
  expect(await client.settled({ run, name })).toMatchObject({ status: 'reset' });
  await client.releaseRun(run);
}

async function closeHost(): Promise<void> {
  for (const one of opened.splice(0).reverse()) await one.close();
}

const withoutDiscovery = [
  'lambda:InvokeFunction',
  'rds-db:connect',
  'ssm:StartSession',
  'ssmmessages:OpenDataChannel',
];
/** The bootstrap's: it is the deploy role's, and the host takes what is there as deployed. */
const onlyTheBootstrap = ['lambda:InvokeFunction'];
const there = { timeout: 20_000 };

describe('under the policies of the CI role a suite runs', () => {
  it('with all of them, asks for what they are for, and is denied nothing but the bootstrap', async () => {
    const { cluster, document } = cloud;
    await suite(await open({ cluster: cluster.identifier, document }));
    const discovery = ['rds:DescribeDBClusters', 'ssm:DescribeInstanceInformation', 'ssm:DescribeSessions'];
    await vi.waitFor(() => expect(asked('allowed')).toEqual(expect.arrayContaining(discovery)), there);
    await closeHost();
    expect(asked('allowed')).toEqual([...withoutDiscovery, ...discovery].sort());
    expect(asked('denied')).toEqual(onlyTheBootstrap);
    expect(use()?.policies).toEqual([
      'ci-connect',
      'ci-target-instance',
      'ci-test-databases',
      'ci-tunnel',
      'discover-cluster',
      'discover-jump-host',
      'discover-sessions',
    ]);
  });

  const jumpHost = 'i-0a1b2c3d4e5f60718';
  it.each([
    ['the cluster', ['discover-cluster'], {}, ['ssm:DescribeInstanceInformation']],
    ['jump hosts', ['discover-jump-host'], { jumpHost }, []],
    ['sessions', ['discover-sessions'], {}, ['ssm:DescribeInstanceInformation']],
    ['anything', ['discover-cluster', 'discover-jump-host', 'discover-sessions'], { jumpHost }, []],
  ])('without the right to look up %s, when that is written down', async (_, names, beside, looked) => {
    for (const name of names) cloud.iam.deletePolicy(role, name);
    await suite(await open(beside));
    const sessions = 'ssm:DescribeSessions';
    // It is tried behind all that somebody waits for; without the right AWS ends what a killed host left.
    const mayLook = !names.includes('discover-sessions');
    await vi.waitFor(() => expect(asked(mayLook ? 'allowed' : 'denied')).toContain(sessions), there);
    await closeHost();
    expect(asked('allowed').filter((action) => action !== sessions)).toEqual(
      [...withoutDiscovery, ...looked].sort(),
    );
    expect(asked('denied').filter((action) => action !== sessions)).toEqual(onlyTheBootstrap);
  });
});

describe('a configuration that says what CI may not do', () => {
  it('has nothing denied: no refusal in the audit trail of a run that passes', async () => {
    cloud.iam.deletePolicy(role, 'discover-sessions');
    await suite(await open({ bootstrap: false, tunnel: { endLeftovers: false } }));
    await closeHost();
    expect(asked('denied')).toEqual([]);
    expect(asked('allowed')).toEqual([...withoutDiscovery, 'ssm:DescribeInstanceInformation'].sort());
  });
});

describe('a right that is missing is named, with what to do', () => {
  const text = (pattern: RegExp): unknown => expect.stringMatching(pattern);
  const mayNot = (action: string, resource: string): unknown =>
    text(
      new RegExp(`${role}/GitHubActions is not authorized to perform: ${action} on resource: ${resource} `),
    );
  it.each([
    [
      'ci-tunnel',
      {},
      {
        message: mayNot('ssm:StartSession', 'arn:aws:ssm:.*:document/postern-database-local'),
        hint: text(/Allow ssm:StartSession on the resource.* document/),
      },
    ],
    [
      'ci-target-instance',
      {},
      {
        message: mayNot('ssm:StartSession', 'arn:aws:ec2:.*:instance/i-0a1b2c3d4e5f60718'),
        hint: text(/Allow ssm:StartSession on the resource.* target/),
      },
    ],
    [
      'ci-connect',
      {},
      {
        code: 'RDS_TOKEN_REFUSED',
        hint: text(/allows rds-db:connect on arn:aws:rds-db:.*:cluster-LOCALPOSTERN0123456789AB\/pt_lease/),
      },
    ],
    [
      'ci-test-databases',
      {},
      {
        code: 'BOOTSTRAP_ACCESS_DENIED',
        message: mayNot('lambda:InvokeFunction', 'arn:aws:lambda:.*:function:postern-testdb-local'),
        hint: text(/needs lambda:InvokeFunction/),
      },
    ],
    [
      'discover-cluster',
      { cluster: 'postern-local' },
      {
        code: 'CONNECT_ACCESS_DENIED',
        message: mayNot('rds:DescribeDBClusters', 'arn:aws:rds:.*:cluster:postern-local'),
        hint: text(/Allow rds:DescribeDBClusters.*, or put endpoint/),
      },
    ],
    [
      'discover-jump-host',
      {},
      {
        message: mayNot('ssm:DescribeInstanceInformation', '\\*'),
        hint: text(/Allow ssm:DescribeInstanceInformation on .*, or name nodes instead of tags/),
      },
    ],
  ])('%s', async (name, beside, expected) => {
    cloud.iam.deletePolicy(role, name);
    await expect(open(beside).then(suite)).rejects.toMatchObject(expected);
  });

  it('ssmmessages:OpenDataChannel alone', async () => {
    without('OpenDataChannel');
    await expect(open().then(suite)).rejects.toMatchObject({
      message: text(/HTTP 403/),
      hint: text(/Allow ssmmessages:OpenDataChannel on the session/),
    });
  });

  it("but not those to one's own sessions: they are for what breaks", async () => {
    without('OwnSessions');
    await suite(await open());
  });
});

/** Takes one statement out of the tunnel's policy. */
function without(sid: string): void {
  const [, tunnel] = Object.entries(policies).find(([name]) => name === 'ci-tunnel') ?? [];
  const statements = [tunnel?.Statement ?? []].flat();
  const Statement = statements.filter(({ Sid }) => Sid !== sid);
  expect(Statement).toHaveLength(statements.length - 1);
  cloud.iam.putPolicy(role, 'ci-tunnel', { Version: '2012-10-17', Statement });
}
