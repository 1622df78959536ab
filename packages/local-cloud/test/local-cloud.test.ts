import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CreateFunctionCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DescribeDBClustersCommand, RDSClient } from '@aws-sdk/client-rds';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  ResumeSessionCommand,
  SSMClient,
  StartSessionCommand,
  TerminateSessionCommand,
} from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { Signer } from '@aws-sdk/rds-signer';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LocalCloud, PrincipalName } from '../src/index.ts';
import { isCloudError, misleadingVariables, principalNames, startLocalCloud } from '../src/index.ts';
import { zip } from './fixtures/test-endpoint.ts';
import { cacheDir } from './fixtures/test-front.ts';

let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startLocalCloud({ cacheDir });
  const client = new pg.Client(cloud.postgres.superuserConfig());
  await client.connect();
  await client.query('CREATE ROLE pt_ledger_app LOGIN; GRANT rds_iam TO pt_ledger_app');
  await client.query('CREATE ROLE ledger_app LOGIN; GRANT rds_iam TO ledger_app');
  await client.end();
});
afterAll(() => cloud.close());

const options = (principal: PrincipalName | string) => ({
  endpoint: cloud.endpoint,
  region: cloud.region,
  credentials: cloud.credentials(principal),
});

/** Logs in at the front, with full verification, as whoever `password` proves. */
async function logIn(user: string, password: string, change: object = {}): Promise<string> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: cloud.cluster.port,
    user,
    password,
    database: 'postgres',
    ssl: { ca: cloud.cluster.caPem, servername: cloud.cluster.endpoint },
    ...change,
  });
  await client.connect();
  const { rows } = await client.query<{ current_user: string }>('SELECT current_user');
  await client.end();
  return rows[0]?.current_user ?? '';
}
const token = (principal: PrincipalName | string, username: string): Promise<string> =>
  new Signer({
    hostname: cloud.cluster.endpoint,
    port: cloud.cluster.port,
    region: cloud.region,
    username,
    credentials: cloud.credentials(principal),
  }).getAuthToken();

describe('a login with a token', () => {
  test('opens a session as that role, and is counted', async () => {
    const before = cloud.statistics().front.verifiedTokens;
    expect(await logIn('pt_ledger_app', await token('ci', 'pt_ledger_app'))).toBe('pt_ledger_app');
    expect(cloud.statistics().front.verifiedTokens).toBe(before + 1);
  });

  const withIdentifier = {
    Version: '2012-10-17',
    Statement: {
      Effect: 'Allow',
      Action: 'rds-db:connect',
      Resource: 'arn:aws:rds-db:eu-west-2:123456789012:dbuser:postern-local/*',
    },
  } as const;
  test.each([
    ['of a principal without rds-db:connect', () => token('deploy', 'pt_ledger_app')],
    ['for a role that the policy does not name', () => token('ci', 'ledger_app'), 'ledger_app'],
    [
      'with the cluster identifier in the policy',
      () => {
        cloud.iam.createUser('mistaken', { policies: { connect: withIdentifier } });
        return token('mistaken', 'pt_ledger_app');
      },
    ],
    ['that is a password', async () => 'secret'],
  ] as Array<[string, () => Promise<string>, string?]>)(
    'is refused as RDS does: %s',
    async (_name, password, user = 'pt_ledger_app') => {
      await expect(logIn(user, await password())).rejects.toMatchObject({
        code: '28000',
        message: `PAM authentication failed for user "${user}"`,
      });
    },
  );
});

test('the master logs in with the password of the managed secret', async () => {
  const client = new SecretsManagerClient(options('bootstrap'));
  const { SecretString = '' } = await client.send(
    new GetSecretValueCommand({ SecretId: cloud.cluster.masterSecretArn }),
  );
  const { username, password, ...rest } = JSON.parse(SecretString) as Record<string, string>;
  expect(rest).toEqual({});
  expect(username).toBe(cloud.cluster.masterUsername);
  expect(password).toMatch(/[#$%&*+,:;<=>?[\]^|~!(){}]/);
  expect(await logIn(username ?? '', password ?? '')).toBe('postern_master');
  await expect(logIn(username ?? '', 'wrong')).rejects.toMatchObject({ code: '28P01' });
});

test('the cluster is found as configured, and its certificate has its names', async () => {
  const { DBClusters } = await new RDSClient(options('ci')).send(
    new DescribeDBClustersCommand({ DBClusterIdentifier: cloud.cluster.identifier }),
  );
  expect(DBClusters?.[0]).toMatchObject({
    Endpoint: cloud.cluster.endpoint,
    Port: cloud.cluster.port,
    DbClusterResourceId: cloud.cluster.resourceId,
    DBClusterArn: cloud.cluster.arn,
    MasterUsername: cloud.cluster.masterUsername,
    MasterUserSecret: { SecretArn: cloud.cluster.masterSecretArn },
    EngineVersion: cloud.postgres.version,
  });
  expect(new X509Certificate(cloud.cluster.caPem).ca).toBe(true);
});

test('sessions go to the jump host with the fixed document, not with another one', async () => {
  const ssm = new SSMClient(options('ci'));
  const start = (DocumentName: string) =>
    ssm.send(new StartSessionCommand({ Target: cloud.jumpHost.instanceId, DocumentName }));
  expect((await start('postern-database-local')).SessionId).toMatch(/^GitHubActions-/);
  await expect(start('AWS-StartPortForwardingSession')).rejects.toMatchObject({
    name: 'AccessDeniedException',
  });
  expect(cloud.statistics().ssm.sessionsStarted).toBeGreaterThanOrEqual(1);
});

describe('CI on the wire', () => {
  const ssm = (principal: PrincipalName | string) => new SSMClient(options(principal));
  const host = () => cloud.jumpHost.instanceId;
  const document = 'postern-database-local';
  const denied = (action: string, resource: RegExp | string) => ({
    name: 'AccessDeniedException',
    message: expect.stringMatching(
      new RegExp(`is not authorized to perform: ${action} on resource: .*${String(resource)} because`),
    ),
  });

  test('gets no shell, neither for want of a document nor by name', async () => {
    const shell = 'document/SSM-SessionManagerRunShell';
    await expect(ssm('ci').send(new StartSessionCommand({ Target: host() }))).rejects.toMatchObject(
      denied('ssm:StartSession', shell),
    );
    await expect(
      ssm('ci').send(new StartSessionCommand({ Target: host(), DocumentName: 'SSM-SessionManagerRunShell' })),
    ).rejects.toMatchObject(denied('ssm:StartSession', shell));
  });

  test('reaches no instance but the tagged one', async () => {
    const Target = 'i-0ffffffffffffffff';
    cloud.ssm.registerInstance({ instanceId: Target, tags: { 'postern:jump-host': 'other' } });
    await expect(
      ssm('ci').send(new StartSessionCommand({ Target, DocumentName: document })),
    ).rejects.toMatchObject(denied('ssm:StartSession', `instance/${Target}`));
  });

  test('neither ends nor takes over sessions of others', async () => {
    const start = new StartSessionCommand({ Target: host(), DocumentName: document });
    const { SessionId } = await ssm('developer').send(start);
    await expect(ssm('ci').send(new TerminateSessionCommand({ SessionId }))).rejects.toMatchObject(
      denied('ssm:TerminateSession', `session/${SessionId}`),
    );
    await expect(ssm('ci').send(new ResumeSessionCommand({ SessionId }))).rejects.toMatchObject(
      denied('ssm:ResumeSession', `session/${SessionId}`),
    );
    await ssm('developer').send(new TerminateSessionCommand({ SessionId }));
  });

  test('can be held to the one document whose host and port are fixed', async () => {
    const start = (DocumentName: string, Parameters?: Record<string, string[]>) =>
      new StartSessionCommand({ Target: host(), DocumentName, ...(Parameters && { Parameters }) });
    cloud.iam.createUser('strict', {
      policies: {
        tunnel: {
          Version: '2012-10-17',
          Statement: {
            Effect: 'Allow',
            Action: 'ssm:StartSession',
            Resource: [
              `arn:aws:ec2:${cloud.region}:${cloud.accountId}:instance/${host()}`,
              `arn:aws:ssm:${cloud.region}:${cloud.accountId}:document/${document}`,
            ],
          },
        },
      },
    });
    const strict = ssm('strict');
    const remote = { host: ['169.254.169.254'], portNumber: ['80'] };
    expect((await strict.send(start(document))).SessionId).toMatch(/^strict-/);
    await expect(strict.send(start(document, remote))).rejects.toMatchObject({ name: 'InvalidParameters' });
    const any = 'AWS-StartPortForwardingSessionToRemoteHost';
    await expect(strict.send(start(any, remote))).rejects.toMatchObject(
      denied('ssm:StartSession', `document/${any}`),
    );
  });
});

test('everything that listens is on 127.0.0.1', () => {
  const sockets = readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
      } catch {
        return undefined; // that of this very list
      }
    })
    .filter((inode) => inode !== undefined);
  const listening = ['tcp', 'tcp6']
    .flatMap((table) => readFileSync(`/proc/self/net/${table}`, 'utf8').split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.includes(inode ?? ''))
    .map(([, local = '']) => local.split(':'));
  expect(listening.map(([, port = '']) => Number.parseInt(port, 16))).toContain(cloud.cluster.port);
  expect(new Set(listening.map(([address]) => address))).toEqual(new Set(['0100007F']));
});

test('a function reads the secret by its role and reaches the database by its name', async () => {
  const resolve = createRequire(import.meta.url).resolve;
  const aws4 = dirname(resolve('aws4'));
  const code = zip({
    'aws4/aws4.js': readFileSync(join(aws4, 'aws4.js'), 'utf8'),
    'aws4/lru.js': readFileSync(join(aws4, 'lru.js'), 'utf8'),
    'index.mjs': `
      import net from 'node:net';
      import tls from 'node:tls';
      import { once } from 'node:events';
      import aws4 from './aws4/aws4.js';
      export const handler = async ({ host, port, ca, secretId }) => {
        const endpoint = new URL(process.env.AWS_ENDPOINT_URL);
        const request = aws4.sign({
          host: endpoint.host, method: 'POST', path: '/', service: 'secretsmanager', region: process.env.AWS_REGION,
          headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': 'secretsmanager.GetSecretValue' },
          body: JSON.stringify({ SecretId: secretId }),
        }, { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY, sessionToken: process.env.AWS_SESSION_TOKEN });
        const { Host, 'Content-Length': length, ...headers } = request.headers;
        const answer = await (await fetch(endpoint, { method: 'POST', headers, body: request.body })).json();
        const socket = net.connect(port, host);
        await once(socket, 'connect');
        socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
        const [accepted] = await once(socket, 'data');
        const secure = tls.connect({ socket, host, servername: host, ca });
        await once(secure, 'secureConnect');
        secure.destroy();
        return { user: JSON.parse(answer.SecretString).username, accepted: accepted.toString(), authorized: secure.authorized };
      };`,
  });
  const deploy = new LambdaClient(options('deploy'));
  await deploy.send(
    new CreateFunctionCommand({
      FunctionName: cloud.functions.bootstrap,
      Runtime: 'nodejs24.x',
      Role: cloud.principalArn('bootstrap'),
      Handler: 'index.handler',
      Timeout: 20,
      Code: { ZipFile: code },
    }),
  );
  const { endpoint: host, port, caPem: ca, masterSecretArn: secretId } = cloud.cluster;
  const { Payload } = await deploy.send(
    new InvokeCommand({
      FunctionName: cloud.functions.bootstrap,
      Payload: JSON.stringify({ host, port, ca, secretId }),
    }),
  );
  expect(JSON.parse(Payload?.transformToString() ?? '')).toEqual({
    user: 'postern_master',
    accepted: 'S',
    authorized: true,
  });
  expect(cloud.statistics().lambda).toMatchObject({
    invocations: 1,
    byFunction: { [cloud.functions.bootstrap]: 1 },
  });
  await expect(
    new LambdaClient(options('ci')).send(new InvokeCommand({ FunctionName: cloud.functions.bootstrap })),
  ).rejects.toMatchObject({ name: 'AccessDeniedException' });
});

describe('credentials', () => {
  test.each(principalNames)('of %s are known, and say who they are', async (name) => {
    const { Arn = '' } = await new STSClient(options(name)).send(new GetCallerIdentityCommand({}));
    const role = cloud
      .principalArn(name)
      .replace('arn:aws:iam:', 'arn:aws:sts:')
      .replace(':role/', ':assumed-role/');
    expect(Arn === cloud.principalArn(name) || Arn.startsWith(`${role}/`)).toBe(true);
  });

  test('last as long as asked, or an hour', () => {
    expect(cloud.credentials('developer').expiration).toBeUndefined();
    const inMinutes = (date: Date | undefined) => Math.round(((date?.getTime() ?? 0) - Date.now()) / 60_000);
    expect(inMinutes(cloud.credentials('developer', { expiresInMs: 600_000 }).expiration)).toBe(10);
    expect(inMinutes(cloud.credentials('ci').expiration)).toBe(60);
    expect(inMinutes(cloud.credentials('ci', { expiresInMs: 900_000 }).expiration)).toBe(15);
  });

  test('of nobody are an error that names the choices', () => {
    expect(() => cloud.credentials('root')).toThrow(
      expect.objectContaining({
        code: 'CLOUD_PRINCIPAL_UNKNOWN',
        hint: expect.stringContaining('developer, ci, deploy'),
      }),
    );
  });

  test('in the environment are all that a client needs', async () => {
    const before = { ...process.env };
    for (const name of misleadingVariables) delete process.env[name];
    Object.assign(process.env, cloud.environment('ci'));
    try {
      const { Arn } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
      expect(Arn).toBe('arn:aws:sts::123456789012:assumed-role/postern-ci-local/GitHubActions');
      const { DBClusters } = await new RDSClient({}).send(
        new DescribeDBClustersCommand({ DBClusterIdentifier: cloud.cluster.identifier }),
      );
      expect(DBClusters).toHaveLength(1);
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
    }
  });
});

describe('start and stop', () => {
  test('two clouds at once do not know each other, and leave nothing', async () => {
    const runDir = await mkdtemp(join(tmpdir(), 'postern-two-'));
    const other = await startLocalCloud({ cacheDir, runDir });
    const sts = new STSClient({ ...options('ci'), endpoint: other.endpoint });
    await expect(sts.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
      name: 'InvalidClientTokenId',
    });
    const { pid } = other.postgres;
    expect(existsSync(`/proc/${pid}`)).toBe(true);

    const closed = other.close();
    expect(other.close()).toBe(closed);
    await closed;
    await other.closed;
    expect(await other.postgres.closed).toMatchObject({ expected: true });
    for (const url of [other.endpoint, `http://127.0.0.1:${other.cluster.port}`]) {
      await expect(fetch(url)).rejects.toThrow();
    }
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(readdirSync(runDir)).toEqual([]);
    await rm(runDir, { recursive: true });
  });

  test('closing ends what is open: a session, a login, a running function', async () => {
    await using short = await startLocalCloud({ cacheDir });
    const client = new pg.Client({ ...short.postgres.superuserConfig() });
    client.on('error', () => {});
    await client.connect();
    const socket = connect(short.cluster.port, '127.0.0.1');
    socket.on('error', () => {});
    const lambda = new LambdaClient({
      endpoint: short.endpoint,
      region: short.region,
      credentials: short.credentials('deploy'),
      maxAttempts: 1,
    });
    await lambda.send(
      new CreateFunctionCommand({
        FunctionName: short.functions.bootstrap,
        Runtime: 'nodejs24.x',
        Role: short.principalArn('bootstrap'),
        Handler: 'index.handler',
        Timeout: 60,
        Code: {
          ZipFile: zip({
            'index.mjs':
              'export const handler = ({ ms }) => new Promise((done) => setTimeout(done, ms, "done"));',
          }),
        },
      }),
    );
    const invoke = (ms: number) =>
      lambda.send(
        new InvokeCommand({ FunctionName: short.functions.bootstrap, Payload: JSON.stringify({ ms }) }),
      );
    expect((await invoke(0)).Payload?.transformToString()).toBe('"done"');
    const running = invoke(50_000);
    await expect.poll(() => short.statistics().api['Lambda.Invoke']).toBe(2);
    await short.close();
    // Its caller still got an answer, so that no SDK runs the function again.
    const { FunctionError, Payload } = await running;
    expect(FunctionError).toBe('Unhandled');
    expect(Payload?.transformToString()).toContain('signal: killed');
    await client.end().catch(() => {});
    socket.destroy();
  });

  test('a start that fails leaves nothing behind', async () => {
    const runDir = await mkdtemp(join(tmpdir(), 'postern-fails-'));
    const starting = startLocalCloud({ cacheDir, runDir, agent: { version: 'new' } });
    await expect(starting).rejects.toMatchObject({ name: 'SsmSimulatorError' });
    expect(readdirSync(runDir)).toEqual([]);
    await rm(runDir, { recursive: true });
  });

  test('a cancelled start ends with the reason, as given', async () => {
    const runDir = await mkdtemp(join(tmpdir(), 'postern-cancel-'));
    const reason = new Error('enough');
    await expect(startLocalCloud({ cacheDir, runDir, signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    const controller = new AbortController();
    const starting = startLocalCloud({ cacheDir, runDir, signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await expect(starting).rejects.toBe(reason);
    await mkdir(runDir, { recursive: true });
    expect(readdirSync(runDir)).toEqual([]);
    await rm(runDir, { recursive: true });
  });

  test('all malformed options are named at once', async () => {
    const error = await startLocalCloud({
      cacheDir: '',
      postgres: 16 as 17,
      lambda: { activationMs: -1 },
      ...{ rundir: 'misspelt' },
    }).catch((thrown: unknown) => thrown);
    expect(isCloudError(error)).toBe(true);
    expect(error).toMatchObject({
      code: 'CLOUD_OPTIONS_INVALID',
      message: expect.stringMatching(
        /^startLocalCloud: rundir is no option .*; cacheDir is missing; postgres is neither 17 nor the \{ folder \} of another server; lambda.activationMs is negative\.$/,
      ),
    });
  });
});

test('with a clock of its own, credentials end when that clock says so', async () => {
  const time = { nowMs: Date.now() };
  await using shifted = await startLocalCloud({ cacheDir, clock: () => time.nowMs });
  const sts = new STSClient({
    endpoint: shifted.endpoint,
    region: shifted.region,
    credentials: shifted.credentials('ci', { expiresInMs: 900_000 }),
  });
  await sts.send(new GetCallerIdentityCommand({}));
  time.nowMs += 901_000;
  await expect(sts.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({ name: 'ExpiredToken' });
});
