import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type LocalCloud, startLocalCloud } from '@postern/local-cloud';
import { pgOptions } from '@postern/rds-auth';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AwsSettings } from '../src/config/settings.ts';
import type { AwsAccess } from '../src/environment/aws-access.ts';
import { createAwsEnvironment } from '../src/environment/aws-environment.ts';
import { deployFunctions } from '../src/environment/deploy-functions.ts';
import type { Environment } from '../src/environment/environment.ts';
import type { HostEvent } from '../src/host/protocol.ts';
import { createPhases } from '../src/phases.ts';
import { Workspace } from './fixtures/workspace.ts';

const cacheDir = fileURLToPath(new URL('../../../.cache/postern', import.meta.url));
const jumpHostTag = { 'postern:jump-host': 'local' };
let cloud: LocalCloud;
const opened: Environment[] = [];

beforeAll(async () => {
  cloud = await startLocalCloud({ cacheDir });
  const admin = new pg.Client(cloud.postgres.superuserConfig());
  await admin.connect();
  await admin.query('CREATE ROLE pt_probe LOGIN; GRANT rds_iam TO pt_probe');
  await admin.end();
}, 120_000);
afterAll(async () => await cloud?.close());
afterEach(async () => {
  await Promise.all(opened.splice(0).map((environment) => environment.close()));
});

const events: HostEvent[] = [];

/** The environment as a user would configure it for this cloud, as one of its principals. */
function environment(
  over: { [K in keyof AwsSettings]?: AwsSettings[K] | undefined } = {},
  as = 'ci',
  access: Partial<AwsAccess> = {},
): Environment {
  events.length = 0;
  const { region, endpoint, cluster, document, functions } = cloud;
  const created = createAwsEnvironment({
    name: 'staging',
    root: '/',
    phase: createPhases((event) => events.push(event)),
    settings: {
      kind: 'aws',
      region,
      cluster: cluster.identifier,
      jumpHost: { tag: jumpHostTag },
      document,
      bootstrap: functions.bootstrap,
      testDatabases: functions.testdb,
      ...over,
    } as AwsSettings,
    access: {
      region,
      endpoint,
      credentials: async () => cloud.credentials(as),
      ca: [cluster.caPem],
      ...access,
    },
  });
  opened.push(created);
  return created;
}

async function query(target: Environment, sql: string, user = 'pt_probe'): Promise<Record<string, unknown>> {
  const { endpoint, ca } = await target.resolve();
  const client = new pg.Client(
    pgOptions({
      endpoint,
      ca,
      user,
      database: 'postgres',
      token: () => target.token(user),
      openStream: () => target.openStream(),
    }),
  );
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(sql)).rows[0] as Record<string, unknown>;
  } finally {
    await client.end().catch(() => undefined);
  }
}

describe('an environment on AWS', () => {
  it('finds cluster and jump host, tunnels, signs and verifies: one SELECT through all of it', async () => {
    const before = cloud.statistics();
    const target = environment();
    expect(await target.resolve()).toMatchObject({
      endpoint: { host: cloud.cluster.endpoint, port: cloud.cluster.port },
      resourceId: cloud.cluster.resourceId,
      accountId: cloud.accountId,
    });
    expect(await query(target, 'SELECT current_user, inet_server_port()')).toMatchObject({
      current_user: 'pt_probe',
    });
    const after = cloud.statistics();
    expect(after.ssm.startSessionCalls - before.ssm.startSessionCalls).toBe(1);
    expect(after.ssm.muxStreams - before.ssm.muxStreams).toBe(1);
    expect(after.front.verifiedTokens - before.front.verifiedTokens).toBe(1);
    expect(events.map(({ phase, state }) => `${phase} ${state}`)).toEqual([
      'resolve started',
      'resolve done',
      'tunnel started',
      'tunnel done',
    ]);
  });

  it('shares one session and asks once, whoever comes at once; closing it ends the session', async () => {
    const before = cloud.statistics();
    const target = environment();
    await Promise.all(Array.from({ length: 6 }, () => query(target, 'SELECT 1')));
    const after = cloud.statistics();
    expect(after.ssm.startSessionCalls - before.ssm.startSessionCalls).toBe(1);
    expect(after.ssm.muxStreams - before.ssm.muxStreams).toBe(6);
    expect(after.api['RDS.DescribeDBClusters']).toBe((before.api['RDS.DescribeDBClusters'] ?? 0) + 1);
    await target.close();
    await vi.waitFor(() => expect(cloud.statistics().ssm.openSessions).toBe(0), 20_000);
  });

  it('opens nothing more once it has been closed: nobody would close that', async () => {
    const target = environment();
    await target.resolve();
    const before = cloud.statistics().ssm.startSessionCalls;
    await target.close();
    await expect(target.openStream()).rejects.toMatchObject({ code: 'CONNECT_HOST_CLOSED', kind: 'closed' });
    await expect(target.warmUp()).rejects.toMatchObject({ code: 'CONNECT_HOST_CLOSED' });
    expect(cloud.statistics().ssm.startSessionCalls).toBe(before);
  });

  it("names the endpoint to AWS's document, for identities that may forward anywhere", async () => {
    restricted('anywhere', anyHost);
    const target = environment({ document: undefined }, 'anywhere');
    expect(await query(target, 'SELECT current_user')).toEqual({ current_user: 'pt_probe' });
  });

  it('can be told the endpoint by those who may not describe clusters', async () => {
    const { endpoint: host, port, resourceId } = cloud.cluster;
    const target = environment({ cluster: undefined, endpoint: { host, port }, resourceId });
    expect(await target.resolve()).toMatchObject({ endpoint: { host, port }, resourceId });
    expect(await query(target, 'SELECT 1 AS one')).toEqual({ one: 1 });
  });

  it('can be told several jump hosts, by those who may not look for them by tag', async () => {
    const away = 'i-00000000000000001';
    cloud.ssm.registerInstance({ instanceId: away, tags: jumpHostTag, pingStatus: 'ConnectionLost' });
    restricted('no-lookup', oneHost, { lookup: false });
    const there = cloud.jumpHost.instanceId;
    const target = environment({ jumpHost: [away, there] }, 'no-lookup');
    expect(await query(target, 'SELECT 1 AS one')).toEqual({ one: 1 });
    expect(events.at(-1)).toMatchObject({
      phase: 'tunnel',
      detail: expect.stringContaining(`${there} (agent `),
    });
    await expect(environment({}, 'no-lookup').warmUp()).rejects.toMatchObject({
      code: 'SSM_ACCESS_DENIED',
      hint: expect.stringMatching(/ssm:DescribeInstanceInformation.*name nodes instead of tags/),
    });
  });
});

/** A role that may run tests with these session documents only. */
function restricted(
  name: string,
  documents: string[],
  over: { resourceId?: string; connect?: boolean; lookup?: boolean } = {},
): void {
  const { region, accountId, cluster } = cloud;
  const allow = (Action: string | string[], Resource: string | string[]) => ({
    Effect: 'Allow' as const,
    Action,
    Resource,
  });
  cloud.iam.createUser(name, {
    policies: {
      tests: {
        Version: '2012-10-17',
        Statement: [
          allow(['rds:DescribeDBClusters', 'ssm:TerminateSession'], '*'),
          ...(over.lookup === false ? [] : [allow('ssm:DescribeInstanceInformation', '*')]),
          allow('ssm:StartSession', [
            `arn:aws:ec2:${region}:${accountId}:instance/*`,
            ...documents.map((document) =>
              document.includes('/AWS-')
                ? `arn:aws:ssm:${region}::${document}`
                : `arn:aws:ssm:${region}:${accountId}:${document}`,
            ),
          ]),
          allow('ssmmessages:OpenDataChannel', '*'),
          ...(over.connect === false
            ? []
            : [
                allow(
                  'rds-db:connect',
                  `arn:aws:rds-db:${region}:${accountId}:dbuser:${over.resourceId ?? cluster.resourceId}/pt_*`,
                ),
              ]),
        ],
      },
    },
  });
}

const anyHost = ['document/AWS-StartPortForwardingSessionToRemoteHost'];
const oneHost = ['document/postern-database-local'];

describe('what stands in the way is named', () => {
  it.each([
    [
      'an unknown tag',
      { tag: { role: 'nobody' } },
      {
        code: 'CONNECT_JUMP_HOST_NOT_FOUND',
        kind: 'not-found',
        message: expect.stringContaining('role=nobody'),
      },
    ],
    ['an unknown instance', 'i-0123456789abcdef0', { code: 'SSM_ACCESS_DENIED' }],
    [
      'an instance that is offline',
      { tag: { state: 'lost' } },
      {
        code: 'CONNECT_JUMP_HOST_NOT_FOUND',
        message: expect.stringContaining('i-00000000000000009: ConnectionLost'),
        cause: { code: 'SSM_TARGET_NOT_FOUND' },
      },
    ],
  ])('a jump host: %s', async (_, jumpHost, expected) => {
    cloud.ssm.registerInstance({
      instanceId: 'i-00000000000000009',
      tags: { state: 'lost' },
      pingStatus: 'ConnectionLost',
    });
    const target = environment({ jumpHost });
    await expect(target.openStream()).rejects.toMatchObject(expected);
  });

  it('a jump host that does not exist, for somebody who might use it', async () => {
    restricted('any-instance', oneHost);
    const target = environment({ jumpHost: 'i-0123456789abcdef0' }, 'any-instance');
    await expect(target.openStream()).rejects.toMatchObject({ code: 'SSM_TARGET_NOT_CONNECTED' });
  });

  it('a remote host that this identity may not forward to', async () => {
    restricted('only-document', oneHost);
    const target = environment({ document: undefined }, 'only-document'); // AWS's document, which would reach any host
    await expect(target.openStream()).rejects.toMatchObject({ code: 'SSM_ACCESS_DENIED', kind: 'denied' });
  });

  it('a cluster that does not exist, and one that may not be described', async () => {
    restricted('describe-any', oneHost);
    await expect(environment({ cluster: 'nowhere' }, 'describe-any').resolve()).rejects.toMatchObject({
      code: 'CONNECT_CLUSTER_NOT_FOUND',
      message: expect.stringContaining('"nowhere"'),
    });
    await expect(environment({ cluster: 'nowhere' }).resolve()).rejects.toMatchObject({
      code: 'CONNECT_ACCESS_DENIED',
      hint: expect.stringContaining('endpoint: { host, port }'),
    });
  });

  it('credentials that are missing, and credentials that have expired', async () => {
    const missing = async (): Promise<never> => {
      throw Object.assign(new Error('Could not load credentials from any providers'), {
        name: 'CredentialsProviderError',
      });
    };
    await expect(environment({}, 'ci', { credentials: missing }).resolve()).rejects.toMatchObject({
      code: 'CONNECT_CREDENTIALS_UNAVAILABLE',
    });
    const expired = { ...cloud.credentials('ci'), sessionToken: 'not-the-session' };
    await expect(environment({}, 'ci', { credentials: async () => expired }).resolve()).rejects.toMatchObject(
      {
        code: 'CONNECT_CREDENTIALS_UNAVAILABLE',
      },
    );
  });

  it.each([
    ['without rds-db:connect', { connect: false }],
    ['with the cluster identifier instead of the resource id', { resourceId: 'postern-local' }],
  ])('a policy %s: the tunnel opens and the login is refused', async (name, over) => {
    const user = name.replaceAll(/\W+/g, '-');
    restricted(user, oneHost, over);
    await expect(query(environment({}, user), 'SELECT 1')).rejects.toMatchObject({
      code: '28000',
      message: expect.stringContaining('PAM authentication failed'),
    });
  });

  it('a function that this environment does not name', async () => {
    const target = createAwsEnvironment({
      name: 'prod',
      root: '/',
      settings: { kind: 'aws', region: 'eu-west-2', cluster: 'app' },
    });
    await expect(target.invoke<'sweep'>('testdb', { action: 'sweep' })).rejects.toMatchObject({
      code: 'CONNECT_FUNCTION_NOT_CONFIGURED',
      kind: 'invalid',
      message: expect.stringContaining('"prod"'),
      hint: expect.stringContaining('testDatabases:'),
    });
  });

  it('a function that is not deployed, and one that this identity may not call', async () => {
    await expect(environment().invoke<'sweep'>('testdb', { action: 'sweep' })).rejects.toMatchObject({
      code: 'BOOTSTRAP_FUNCTION_NOT_FOUND',
    });
    await expect(environment().invoke<'ping'>('bootstrap', { action: 'ping' })).rejects.toMatchObject({
      code: 'BOOTSTRAP_ACCESS_DENIED',
    });
  });

  it('a port on which nothing listens, at the other end of the tunnel', async () => {
    restricted('any-port', anyHost);
    const target = environment(
      { cluster: undefined, document: undefined, endpoint: { host: cloud.cluster.endpoint, port: 1 } },
      'any-port',
    );
    const stream = await target.openStream();
    stream.write('x');
    const [error] = (await once(stream, 'error')) as [Error];
    expect(error).toMatchObject({ code: 'SSM_REMOTE_PORT_REFUSED' });
  });

  it('the master secret that is gone, as the function reports it', async () => {
    const workspace = new Workspace();
    try {
      workspace.declareDatabase();
      const { buildArtifact } = await import('@postern/bootstrap/build');
      const artifact = await buildArtifact({ root: workspace.root });
      const { region, endpoint, cluster, functions } = cloud;
      const secret = cloud.secrets.create('to-be-deleted', '{}');
      const variables = {
        POSTERN_DB_HOST: cluster.endpoint,
        POSTERN_DB_PORT: String(cluster.port),
        POSTERN_DB_CA: cluster.caPem,
        POSTERN_DB_SECRET_ARN: secret.arn,
        POSTERN_ALLOWED_ACTIONS: 'apply',
      };
      cloud.iam.putPolicy('postern-bootstrap-local', 'any-secret', {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: '*' }],
      });
      cloud.secrets.delete(secret.arn);
      const credentials = async () => cloud.credentials('deploy');
      await deployFunctions({
        access: { region, endpoint, credentials },
        artifact,
        handler: 'index.handler',
        functions: [{ name: functions.bootstrap, role: cloud.principalArn('bootstrap'), variables }],
      });
      const target = environment({}, 'ci', { deployCredentials: credentials });
      await expect(target.invoke<'apply'>('bootstrap', { action: 'apply' })).rejects.toMatchObject({
        code: 'BOOTSTRAP_SECRET_MISSING',
        kind: 'not-found',
      });
    } finally {
      workspace.dispose();
    }
  });
});
