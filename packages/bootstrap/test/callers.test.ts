import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Send } from '../src/runtime/cloudformation.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { createFunction, type InProcessFunction } from './fixtures/function.ts';
import { deploy, shop } from './fixtures/service.ts';

/** Those that speak no contract of ours: Terraform, CloudFormation, and Lambda itself when it repeats an event. */
let cluster: Cluster;
let artefact: Awaited<ReturnType<typeof deploy>>;
let lambda: InProcessFunction;

beforeAll(async () => {
  [cluster, artefact] = await Promise.all([startCluster(), deploy([shop])]);
  lambda = createFunction(cluster, artefact.folder, {
    environment: { POSTERN_ALLOWED_ACTIONS: 'ping,plan,apply,status,migrate,down' },
  });
});
afterAll(async () => {
  await artefact?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const reversibleSql = (name: string): string =>
  `-- Up Migration\nCREATE TABLE t${name} ();\n-- Down Migration\nDROP TABLE t${name};`;
const databases = (): Promise<unknown[]> => cluster.query(`SELECT 1 FROM pg_database WHERE datname = 'shop'`);
const thrownBy = async (event: unknown, context?: object): Promise<unknown> =>
  await lambda.handle(event, context).then(
    () => 'nothing was thrown',
    (error: unknown) => error,
  );

describe('Terraform (aws_lambda_invocation, lifecycle_scope = "CRUD")', () => {
  const input = { action: 'apply', databases: ['shop'] };
  const event = (action: string, prev: object | null = null): object => ({
    ...input,
    tf: { action, prev_input: prev },
  });

  test('creates, updates, and deletes its resource without deleting the database', async () => {
    expect(await lambda.handle(event('create'))).toMatchObject({ ok: true, result: { done: true } });
    expect(await lambda.handle(event('update', { action: 'apply' }))).toMatchObject({
      ok: true,
      result: { statements: [] },
    });
    expect(await lambda.handle(event('delete', { action: 'apply' }))).toEqual({ ok: true, result: null });
    expect(await databases()).toHaveLength(1);
  });

  test('deletes a resource whose input this artefact does not understand any more', async () => {
    const old = { action: 'reconcile', tables: ['x'], tf: { action: 'delete', prev_input: null } };
    expect(await lambda.handle(old)).toEqual({ ok: true, result: null });
  });

  test.each([
    [{ action: 'apply', databases: ['shop', 'nosuch'] }, 'BOOTSTRAP_DATABASE_UNKNOWN', 'Declared are: shop'],
    [{ action: 'apply', sql: 'DROP TABLE x' }, 'BOOTSTRAP_REQUEST_INVALID', 'see the contract'],
    [{ action: 'down', database: 'shop', count: 1 }, 'BOOTSTRAP_REQUEST_INVALID', 'from: is missing'],
    [{ action: 'prune' }, 'BOOTSTRAP_ACTION_FORBIDDEN', 'POSTERN_ALLOWED_ACTIONS'],
  ])('fails its apply, because a returned failure would be green: %j', async (request, code, hint) => {
    const error = await thrownBy({ ...request, tf: { action: 'create', prev_input: null } });
    expect(error).toMatchObject({ name: code, message: expect.stringMatching(`^${code}: `) });
    expect((error as Error).message).toContain(hint);
  });

  test.each([5, null, [], {}, { action: 'destroy' }])(
    'with a key of another shape is refused: tf = %j',
    async (tf) => {
      expect(await thrownBy({ ...input, tf })).toMatchObject({ name: 'BOOTSTRAP_REQUEST_INVALID' });
    },
  );

  test('is told when the run stopped in time: a green apply without tables would be a lie', async () => {
    await using later = await deploy([
      { declaration: { name: 'long' }, migrations: { '1_a.sql': 'SELECT 1;', '2_b.sql': 'SELECT 1;' } },
    ]);
    const short = createFunction(cluster, later.folder);
    // So little is left that only what was begun comes to its end; two migrations take two invocations after the grants.
    const context = { getRemainingTimeInMillis: () => 5_000 };
    const request = { action: 'apply', tf: { action: 'create', prev_input: null } };
    const told: string[] = [];
    for (;;) {
      const answer = await short.handle(request, context).catch((error: Error) => error);
      if (!(answer instanceof Error)) break;
      expect(answer.name).toBe('BOOTSTRAP_INCOMPLETE');
      told.push(answer.message);
    }
    expect(told).toEqual([
      expect.stringContaining('with 2 migrations still to do'),
      expect.stringContaining('with 1 migrations still to do'),
    ]);
    expect(await short.call({ action: 'status' })).toMatchObject({ databases: [{ pending: [] }] });
  });
});

describe('CloudFormation (custom resource)', () => {
  const bodies: { Status: string; Reason?: string; Data?: object }[] = [];
  const send: Send = async (_url, { body }) => {
    bodies.push(JSON.parse(body));
    return { status: 200 };
  };
  const event = (RequestType: string, ResourceProperties: object): object => ({
    RequestType,
    ResponseURL:
      'https://cloudformation-custom-resource-response-euwest2.s3.eu-west-2.amazonaws.com/x?sig=hunter2',
    StackId: 'arn:aws:cloudformation:eu-west-2:123456789012:stack/s/guid',
    RequestId: 'request-1',
    LogicalResourceId: 'Shop',
    ...(RequestType === 'Create' ? {} : { PhysicalResourceId: 'p' }),
    ResourceProperties: { ServiceToken: 'arn:…', ...ResourceProperties },
  });

  test('applies, is told of failures, and a deleted stack leaves the database', async () => {
    const stack = createFunction(cluster, artefact.folder, { ports: { send } });
    expect(await stack.handle(event('Create', { databases: ['shop'] }))).toEqual({ status: 'SUCCESS' });
    expect(await stack.handle(event('Update', { databases: ['nosuch'] }))).toEqual({ status: 'FAILED' });
    expect(await stack.handle(event('Update', { sql: 'DROP TABLE x' }))).toEqual({ status: 'FAILED' });
    expect(await stack.handle(event('Delete', { databases: ['shop'] }))).toEqual({ status: 'SUCCESS' });
    expect(bodies).toMatchObject([
      { Status: 'SUCCESS', Data: { manifest: artefact.built.manifest.hash } },
      { Status: 'FAILED', Reason: expect.stringContaining('BOOTSTRAP_DATABASE_UNKNOWN') },
      { Status: 'FAILED', Reason: expect.stringContaining('BOOTSTRAP_REQUEST_INVALID') },
      { Status: 'SUCCESS' },
    ]);
    expect(await databases()).toHaveLength(1);
    // The address is a permission to answer; the request's id tells lines and stack events together.
    expect(JSON.stringify(stack.logged)).not.toContain('hunter2');
    expect(stack.logged.filter((line) => line['correlation_id'] === 'request-1').length).toBeGreaterThan(2);
  });

  test('whose answer is lost and which Lambda repeats takes no more migrations back than it says', async () => {
    await using four = await deploy([
      {
        declaration: { name: 'stack' },
        migrations: Object.fromEntries(
          ['1_a', '2_b', '3_c', '4_d'].map((name) => [`${name}.sql`, reversibleSql(name)]),
        ),
      },
    ]);
    let status = 403;
    const reasons: (string | undefined)[] = [];
    const stack = createFunction(cluster, four.folder, {
      environment: { POSTERN_ALLOWED_ACTIONS: 'apply,down,status' },
      ports: {
        send: async (_url, { body }) => {
          if (status === 200) reasons.push(JSON.parse(body).Reason);
          return { status };
        },
      },
    });
    const applied = async (): Promise<number | undefined> =>
      (await stack.call({ action: 'status' })).databases[0]?.applied.length;
    await stack.call({ action: 'apply' });
    const down = { action: 'down', database: 'stack', count: '1' };
    const named = event('Update', { ...down, from: '4_d' });
    await expect(stack.handle(named)).rejects.toMatchObject({ name: 'BOOTSTRAP_CALLBACK_FAILED' });
    expect(await applied()).toBe(3);
    status = 200;
    expect(await stack.handle(named)).toEqual({ status: 'SUCCESS' });
    expect(await stack.handle(event('Update', down))).toEqual({ status: 'FAILED' });
    expect(reasons).toEqual([undefined, expect.stringContaining('from: is missing')]);
    expect(await applied()).toBe(3);
  });

  test('that cannot be answered to is thrown, so that Lambda repeats it', async () => {
    const stack = createFunction(cluster, artefact.folder, {
      ports: { send: async () => ({ status: 403 }) },
    });
    await expect(stack.handle(event('Delete', {}))).rejects.toMatchObject({
      name: 'BOOTSTRAP_CALLBACK_FAILED',
    });
    await expect(
      stack.handle({ ...event('Create', {}), ResponseURL: 'https://example.org' }),
    ).rejects.toMatchObject({ name: 'BOOTSTRAP_REQUEST_INVALID' });
  });
});

describe('an asynchronous invocation (InvocationType Event)', () => {
  test('that Lambda repeats does nothing twice', async () => {
    await lambda.call({ action: 'apply' });
    await using reversible = await deploy([
      {
        declaration: { name: 'back' },
        migrations: Object.fromEntries(
          ['1_a', '2_b', '3_c'].map((name) => [`${name}.sql`, reversibleSql(name)]),
        ),
      },
    ]);
    const again = createFunction(cluster, reversible.folder, {
      environment: { POSTERN_ALLOWED_ACTIONS: 'apply,down,status,fake,migrate' },
    });
    await again.call({ action: 'apply' });
    const down = { action: 'down', database: 'back', count: 2, from: '3_c' } as const;
    expect((await again.call(down)).reverted).toEqual(['3_c', '2_b']);
    expect((await again.call(down)).reverted).toEqual([]);
    // Cut off after the first of the two: the rest is meant, not two more.
    await again.call({ action: 'migrate', to: '2_b' });
    expect((await again.call(down)).reverted).toEqual(['2_b']);
    expect(await again.invoke({ ...down, from: '9_z' })).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_MIGRATION_UNKNOWN' },
    });
    await again.call({ action: 'apply' });
    await using older = await deploy([
      { declaration: { name: 'back' }, migrations: { '1_a.sql': reversibleSql('1_a') } },
    ]);
    const rolledBack = createFunction(cluster, older.folder, {
      environment: { POSTERN_ALLOWED_ACTIONS: 'down' },
    });
    expect(await rolledBack.invoke(down)).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_MIGRATION_IRREVERSIBLE', message: expect.stringContaining('3_c') },
    });
    expect(await again.invoke({ ...down, from: '2_b', count: 1 })).toMatchObject({
      ok: false,
      error: {
        code: 'BOOTSTRAP_MIGRATION_ORDER',
        message: expect.stringContaining('3_c was applied after 2_b'),
      },
    });
  });
});

describe('a correlation id', () => {
  test('of the caller is in every line of the log and in the error', async () => {
    const correlationId = 'pipeline-4711_a';
    const traced = createFunction(cluster, artefact.folder);
    const answer = await traced.handle({ action: 'apply', databases: ['nosuch'], correlationId });
    expect(answer).toMatchObject({ ok: false, error: { details: { correlationId } } });
    expect(traced.logged.map((line) => line['correlation_id'])).toEqual([correlationId, correlationId]);
  });

  test('of Lambda is used where the caller has none, and free text is refused', async () => {
    const traced = createFunction(cluster, artefact.folder);
    const answer = await traced.handle({ action: 'apply', databases: ['nosuch'] }, { awsRequestId: 'aws-1' });
    expect(answer).toMatchObject({ error: { details: { correlationId: 'aws-1' } } });
    for (const correlationId of ['a b', '', 'x'.repeat(65), 5, null, "'; DROP"]) {
      expect(await traced.handle({ action: 'ping', correlationId })).toMatchObject({
        ok: false,
        error: {
          code: 'BOOTSTRAP_REQUEST_INVALID',
          message: expect.stringContaining('correlationId: expected'),
        },
      });
    }
  });
});
