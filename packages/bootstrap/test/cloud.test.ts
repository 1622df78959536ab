import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { rootCertificates } from 'node:tls';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { newRunId } from '@postern/test-databases';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildArtifact } from '../src/build/index.ts';
import { createBootstrapClient } from '../src/client.ts';
import { isBootstrapError } from '../src/errors.ts';
import { type DeployedCloud, deployToCloud } from './fixtures/cloud.ts';
import { shop, writeWorkspace } from './fixtures/service.ts';

let deployed: DeployedCloud;
let hash = '';

beforeAll(async () => {
  await using workspace = await writeWorkspace([shop]);
  const built = await buildArtifact({ root: workspace.root });
  hash = built.manifest.databases[0]?.templateHash ?? '';
  deployed = await deployToCloud(built.zip);
});
afterAll(async () => {
  await deployed?.[Symbol.asyncDispose]();
});

/** One query by the way around the front. */
async function asSuperuser(sql: string, database = 'postgres'): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(deployed.cloud.postgres.superuserConfig(database));
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('the real artefact in the Lambda of the local cloud', () => {
  test('applies, and the second time runs no statement', async () => {
    await using bootstrap = deployed.client('bootstrap');
    expect((await bootstrap.apply()).statements.length).toBeGreaterThan(20);
    const again = await bootstrap.apply();
    expect(again).toMatchObject({ statements: [], migrations: [{ database: 'shop', applied: [] }] });
    expect((await bootstrap.plan()).statements).toEqual([]);
    expect(await bootstrap.ping()).toMatchObject({
      manifest: again.manifest,
      server: { user: 'postern_master' },
    });
  });

  test('the master still logs in with its password, and the roles with their tokens', async () => {
    const before = deployed.cloud.statistics().front;
    await using bootstrap = deployed.client('bootstrap');
    await bootstrap.status();
    expect(deployed.cloud.statistics().front.passwordLogins).toBeGreaterThan(before.passwordLogins);
    const app = await deployed.login('shop_app', 'shop');
    expect((await app.query('SELECT current_user, count(*)::int AS n FROM orders GROUP BY 1')).rows).toEqual(
      [],
    );
    await app.end();
    await expect(deployed.login('shop_owner', 'shop')).rejects.toMatchObject({ code: '28P01' });
  });

  test('test logins reach test databases, as the declared roles, and nothing else', async () => {
    await using testdb = deployed.client('testdb');
    const run = newRunId();
    const prepared = await testdb.prepare({ database: 'shop', hash, run, count: 1 });
    if (prepared.status !== 'ready') throw new Error('unknown');
    const app = await deployed.login('pt_shop_app', prepared.databases[0] ?? '');
    expect((await app.query('SELECT current_user')).rows).toEqual([{ current_user: 'shop_app' }]);
    await app.end();
    for (const database of ['shop', 'postern']) {
      await expect(deployed.login('pt_shop_app', database)).rejects.toMatchObject({ code: '42501' });
    }
    expect(await testdb.drop({ run })).toEqual({ dropped: prepared.databases });
    expect(await asSuperuser(`SELECT datname FROM pg_database WHERE datname ~ '^pt_'`)).toEqual([]);
  });

  test('each function does only what it is configured for, and only for those whom IAM allows', async () => {
    await using ci = deployed.client('bootstrap', 'ci');
    await expect(ci.apply()).rejects.toMatchObject({ code: 'BOOTSTRAP_ACCESS_DENIED', kind: 'denied' });
    await using testdb = deployed.client('testdb');
    await expect(testdb.apply()).rejects.toMatchObject({
      code: 'BOOTSTRAP_ACTION_FORBIDDEN',
      kind: 'denied',
    });
  });

  test('a rotated password is read again, also when the function reads the old one first', async () => {
    await using bootstrap = deployed.client('bootstrap');
    const { secrets, cluster } = deployed.cloud;
    const rotate = async (): Promise<void> => {
      const password = `Rotated:/@${newRunId()}`;
      await asSuperuser(`ALTER ROLE postern_master PASSWORD '${password}'`);
      secrets.putValue(cluster.masterSecretArn, JSON.stringify({ username: 'postern_master', password }));
    };
    await rotate();
    expect((await bootstrap.apply()).statements).toEqual([]);
  });
});

describe('what goes wrong comes back typed', () => {
  test('a migration that throws: file, line, SQL error, the end of the log, nothing half-applied', async () => {
    await using workspace = await writeWorkspace([
      { declaration: { name: 'torn' }, migrations: { '1_a.sql': 'CREATE TABLE a ();\nSELECT nothing;' } },
    ]);
    await using bootstrap = deployed.client('bootstrap');
    await deployed.updateCode((await buildArtifact({ root: workspace.root })).zip);
    const error = await bootstrap.apply().catch((thrown: unknown) => thrown);
    expect(isBootstrapError(error)).toBe(true);
    expect(error).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_FAILED',
      message: 'database "torn": migration 1_a.sql:2: column "nothing" does not exist (42703)',
      hint: expect.stringContaining('rolled back'),
      details: { file: '1_a.sql', sqlState: '42703', logTail: expect.stringContaining('"message":"failed"') },
    });
    expect(await asSuperuser(`SELECT 1 FROM pg_class WHERE relname = 'a'`, 'torn')).toEqual([]);
  });

  test('a missing secret, a wrong CA, a wrong server, a broken configuration', async () => {
    await using bootstrap = deployed.client('bootstrap');
    const { cluster } = deployed.cloud;
    const cases: [Record<string, string>, string, string][] = [
      [
        { POSTERN_DB_SECRET_ARN: `${cluster.masterSecretArn.slice(0, -6)}nosuch` },
        'BOOTSTRAP_SECRET_',
        'secret',
      ],
      [{ POSTERN_DB_CA: rootCertificates[0] ?? '' }, 'BOOTSTRAP_TLS_UNTRUSTED', 'CA'],
      [{ POSTERN_DB_CA: '', POSTERN_DB_CA_FILE: '/var/task/none.pem' }, 'BOOTSTRAP_CONFIG_INVALID', 'CA'],
      [{ POSTERN_DB_HOST: '127.0.0.1' }, 'BOOTSTRAP_TLS_UNTRUSTED', 'name'],
      [{ POSTERN_DB_PORT: '1' }, 'BOOTSTRAP_DATABASE_UNREACHABLE', 'port'],
      [
        { POSTERN_DB_HOST: '', POSTERN_DB_PORT: 'x', POSTERN_ALLOWED_ACTIONS: 'dance' },
        'BOOTSTRAP_CONFIG_INVALID',
        'all',
      ],
    ];
    for (const [variables, code, what] of cases) {
      await deployed.updateConfiguration('bootstrap', variables);
      await expect(bootstrap.ping(), what).rejects.toMatchObject({ code: expect.stringContaining(code) });
    }
    await expect(bootstrap.ping()).rejects.toMatchObject({
      details: {
        problems: [
          'POSTERN_DB_HOST is not set',
          'POSTERN_DB_PORT is not a port',
          expect.stringContaining('POSTERN_ALLOWED_ACTIONS: "dance" is none of'),
        ],
      },
    });
    await deployed.updateConfiguration('bootstrap', {});
  });

  test('no such function, no credentials, credentials that ended', async () => {
    const { endpoint, region } = deployed.cloud;
    const credentials = deployed.cloud.credentials('deploy');
    const call = async (
      functionName: string,
      by: { accessKeyId: string; secretAccessKey: string },
    ): Promise<unknown> => {
      await using client = createBootstrapClient({ functionName, endpoint, region, credentials: by });
      return await client.ping().catch((error: unknown) => error);
    };
    expect(await call('postern-bootstrap-local', { ...credentials, secretAccessKey: 'x' })).toMatchObject({
      code: 'BOOTSTRAP_ACCESS_DENIED',
    });
    deployed.cloud.iam.putPolicy('postern-deploy-local', 'all', {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'lambda:*', Resource: '*' }],
    });
    expect(await call('no-such-function', credentials)).toMatchObject({
      code: 'BOOTSTRAP_FUNCTION_NOT_FOUND',
      kind: 'not-found',
    });
    expect(
      await call('postern-bootstrap-local', { accessKeyId: 'AKIANOBODY0000000000', secretAccessKey: 'x' }),
    ).toMatchObject({
      code: 'BOOTSTRAP_ACCESS_DENIED',
    });
  });

  test('cancellation throws the reason that was given', async () => {
    await using bootstrap = deployed.client('bootstrap');
    const reason = new Error('enough');
    await expect(bootstrap.ping({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const pinging = bootstrap.ping({ signal: controller.signal });
    controller.abort(reason);
    await expect(pinging).rejects.toBe(reason);
  });
});

describe('a run that takes more than one invocation', () => {
  test('is continued by the client, which tells of each invocation when it is over', async () => {
    await using workspace = await writeWorkspace([
      {
        declaration: { name: 'long' },
        migrations: {
          '1_a.sql': `DO $$ BEGIN RAISE NOTICE 'the first'; END $$; CREATE TABLE a ();`,
          '2_b.sql': 'CREATE TABLE b ();',
          '3_c.sql': 'CREATE TABLE c ();',
        },
      },
    ]);
    await deployed.updateCode((await buildArtifact({ root: workspace.root })).zip);
    await using bootstrap = deployed.client('bootstrap');
    let invocations = 0;
    const count = (): void => void invocations++;
    subscribe('postern:bootstrap:invoke', count);
    const told: unknown[] = [];
    const { done, migrations } = await bootstrap.apply(
      { budgetMs: 1 },
      {
        onProgress: (event) => {
          if (event.event === 'migration') told.push([event.name, invocations]);
          if (event.event === 'notice') told.push([event.message, invocations]);
        },
      },
    );
    unsubscribe('postern:bootstrap:invoke', count);
    expect({ done, migrations }).toMatchObject({
      done: true,
      migrations: [{ database: 'long', applied: ['1_a', '2_b', '3_c'], notices: [{ message: 'the first' }] }],
    });
    // The first one made roles and database, and then its time was up.
    expect(told).toEqual([
      ['the first', 2],
      ['1_a', 2],
      ['2_b', 3],
      ['3_c', 4],
    ]);
    expect((await bootstrap.status()).databases).toMatchObject([{ name: 'long', pending: [] }]);
  });
});

describe('what Lambda itself tells', () => {
  async function invoke(
    event: object,
  ): Promise<{ error: string | undefined; payload: unknown; log: string }> {
    const { endpoint, region, functions } = deployed.cloud;
    const lambda = new LambdaClient({ endpoint, region, credentials: deployed.cloud.credentials('deploy') });
    const { FunctionError, Payload, LogResult } = await lambda.send(
      new InvokeCommand({
        FunctionName: functions.bootstrap,
        LogType: 'Tail',
        Payload: Buffer.from(JSON.stringify(event)),
      }),
    );
    lambda.destroy();
    return {
      error: FunctionError,
      payload: JSON.parse(Buffer.from(Payload ?? []).toString()),
      log: Buffer.from(LogResult ?? '', 'base64').toString(),
    };
  }

  test('Terraform: a failure is a function error that says what to do', async () => {
    const { error, payload } = await invoke({
      action: 'plan',
      databases: ['nosuch'],
      tf: { action: 'create' },
    });
    expect(error).toBe('Unhandled');
    expect(payload).toMatchObject({
      errorType: 'BOOTSTRAP_DATABASE_UNKNOWN',
      errorMessage: expect.stringMatching(/^BOOTSTRAP_DATABASE_UNKNOWN: .*nosuch\nDeclared are: /),
    });
    expect(await invoke({ action: 'plan', tf: { action: 'update' } })).toMatchObject({
      error: undefined,
      payload: { ok: true },
    });
  });

  test('CloudWatch: each line of the log is one JSON object, the metrics too', async () => {
    const { log } = await invoke({ action: 'ping', correlationId: 'c-1' });
    const lines = log.split('\n').filter((line) => line.startsWith('{'));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'INFO', message: 'done', function_name: 'postern-bootstrap-local', correlation_id: 'c-1' },
      { _aws: { CloudWatchMetrics: [{ Namespace: 'Postern' }] }, action: 'ping' },
    ]);
  });
});

test('a secret that was deleted is told as missing', async () => {
  deployed.cloud.secrets.delete(deployed.cloud.cluster.masterSecretArn);
  await using bootstrap = deployed.client('bootstrap');
  await expect(bootstrap.apply()).rejects.toMatchObject({
    code: 'BOOTSTRAP_SECRET_MISSING',
    kind: 'not-found',
  });
});
