import {
  CreateFunctionCommand,
  type CreateFunctionCommandInput,
  DeleteFunctionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  type InvokeCommandInput,
  LambdaClient,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestEndpoint } from '../../test/fixtures/test-endpoint.ts';
import { accountId, lambdaTrust, region, startTestEndpoint, zip } from '../../test/fixtures/test-endpoint.ts';
import type { PolicyDocument } from '../iam/index.ts';

let aws: TestEndpoint;
let lambda: LambdaClient;
const role = `arn:aws:iam::${accountId}:role/execution`;
const arn = `arn:aws:lambda:${region}:${accountId}:function:echo`;
const echo = zip({ 'index.mjs': 'export const handler = async (event) => event;' });

beforeAll(async () => {
  aws = await startTestEndpoint();
  lambda = new LambdaClient(aws.client());
  aws.iam.createRole('execution', { trust: lambdaTrust });
  aws.iam.createRole('of-machines', {
    trust: {
      Statement: { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
    },
  });
  await create({ FunctionName: 'echo' });
});
afterAll(() => aws[Symbol.asyncDispose]());

const create = (input: Partial<CreateFunctionCommandInput>, client = lambda) =>
  client.send(
    new CreateFunctionCommand({
      FunctionName: 'new',
      Runtime: 'nodejs24.x',
      Role: role,
      Handler: 'index.handler',
      Code: { ZipFile: echo },
      ...input,
    }),
  );
const invoke = (input: Partial<InvokeCommandInput> = {}, client = lambda) =>
  client.send(new InvokeCommand({ FunctionName: 'echo', ...input }));
const refused = (name: string, httpStatusCode: number, message: RegExp | string) =>
  expect.objectContaining({
    name,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
    $metadata: expect.objectContaining({ httpStatusCode, attempts: 1, requestId: expect.any(String) }),
  });

describe('life of a function', () => {
  test('created, active, updated, deleted', async () => {
    const created = await create({
      FunctionName: 'life',
      Timeout: 30,
      MemorySize: 256,
      Environment: { Variables: { STAGE: 'local' } },
      Architectures: ['arm64'],
      VpcConfig: { SubnetIds: ['subnet-1'], SecurityGroupIds: ['sg-1'] },
    });
    expect(created).toMatchObject({
      FunctionArn: `arn:aws:lambda:${region}:${accountId}:function:life`,
      State: 'Pending',
      LastUpdateStatus: 'Successful',
      Runtime: 'nodejs24.x',
      Timeout: 30,
      MemorySize: 256,
      CodeSize: echo.length,
      CodeSha256: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/),
      LastModified: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/),
      Version: '$LATEST',
      RevisionId: expect.any(String),
      PackageType: 'Zip',
      Architectures: ['arm64'],
      VpcConfig: { SubnetIds: ['subnet-1'] },
      $metadata: { httpStatusCode: 201 },
    });
    const limits = { client: lambda, maxWaitTime: 10 };
    expect(await waitUntilFunctionActiveV2(limits, { FunctionName: 'life' })).toMatchObject({
      state: 'SUCCESS',
    });

    const other = zip({ 'index.mjs': 'export const handler = async () => process.env.STAGE;' });
    const coded = await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: 'life', ZipFile: other }));
    expect(coded).toMatchObject({ LastUpdateStatus: 'InProgress' });
    expect(coded.CodeSha256).not.toBe(created.CodeSha256);
    expect(await waitUntilFunctionUpdatedV2(limits, { FunctionName: 'life' })).toMatchObject({
      state: 'SUCCESS',
    });
    expect((await invoke({ FunctionName: 'life' })).Payload?.transformToString()).toBe('"local"');

    const changed = await lambda.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName: 'life',
        Environment: { Variables: { STAGE: 'new' } },
      }),
    );
    expect(changed).toMatchObject({ Timeout: 30, Environment: { Variables: { STAGE: 'new' } } });
    expect((await invoke({ FunctionName: 'life' })).Payload?.transformToString()).toBe('"new"');
    expect(await lambda.send(new GetFunctionCommand({ FunctionName: 'life' }))).toMatchObject({
      Configuration: { State: 'Active', LastUpdateStatus: 'Successful' },
      Code: { RepositoryType: 'S3', Location: expect.stringMatching(/^https:/) },
    });
    await lambda.send(new DeleteFunctionCommand({ FunctionName: 'life' }));
    await expect(invoke({ FunctionName: 'life' })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });

  test('while it is pending or being updated, calls conflict', async () => {
    await using slow = await startTestEndpoint();
    slow.iam.createRole('execution', { trust: lambdaTrust });
    const client = new LambdaClient(slow.client());
    await create({ FunctionName: 'slow' }, client);
    // The function was made just now, so in a past of the simulated clock it is still pending.
    slow.time.offsetMs = -60_000;
    const at = new LambdaClient({ ...slow.client(), systemClockOffset: -60_000 });
    await expect(invoke({ FunctionName: 'slow' }, at)).rejects.toEqual(
      refused('ResourceConflictException', 409, /currently in the following state: Pending$/),
    );
    await expect(
      at.send(new UpdateFunctionCodeCommand({ FunctionName: 'slow', ZipFile: echo })),
    ).rejects.toEqual(refused('ResourceConflictException', 409, /state: Pending$/));
    expect(await at.send(new GetFunctionConfigurationCommand({ FunctionName: 'slow' }))).toMatchObject({
      State: 'Pending',
    });
  });
});

test.each([
  ['its name', 'echo'],
  ['name and qualifier', 'echo:$LATEST'],
  ['a partial ARN', `${accountId}:function:echo`],
  ['its ARN', arn],
  ['its ARN with a qualifier', `${arn}:$LATEST`],
])('a function is found by %s', async (_name, FunctionName) => {
  expect(await invoke({ FunctionName, Payload: '1' })).toMatchObject({
    StatusCode: 200,
    ExecutedVersion: '$LATEST',
  });
});

describe('Invoke', () => {
  test('answers what the function returns', async () => {
    const answer = await invoke({ Payload: JSON.stringify({ a: [1, 'ü'] }), Qualifier: '$LATEST' });
    expect(answer.Payload?.transformToString()).toBe('{"a":[1,"ü"]}');
    expect(answer.FunctionError).toBeUndefined();
    expect(answer.LogResult).toBeUndefined();
  });

  test('an absent payload is an empty object', async () => {
    expect((await invoke()).Payload?.transformToString()).toBe('{}');
  });

  test('LogType Tail brings the log', async () => {
    const { LogResult = '' } = await invoke({ LogType: 'Tail' });
    expect(Buffer.from(LogResult, 'base64').toString()).toMatch(
      /^START RequestId: .*\nEND RequestId: .*\nREPORT/s,
    );
  });

  test('Event is accepted and runs afterwards, DryRun never runs', async () => {
    const before = aws.runner.statistics().invocations;
    expect(await invoke({ InvocationType: 'DryRun' })).toMatchObject({ StatusCode: 204 });
    const accepted = await invoke({ InvocationType: 'Event', Payload: '{}' });
    expect(accepted).toMatchObject({ StatusCode: 202 });
    expect(accepted.Payload?.length ?? 0).toBe(0);
    await expect.poll(() => aws.runner.statistics().invocations).toBe(before + 1);
  });

  test('a client context reaches the function', async () => {
    const code = zip({
      'index.mjs': 'export const handler = async (_event, context) => context.clientContext;',
    });
    await create({ FunctionName: 'context', Code: { ZipFile: code } });
    const ClientContext = Buffer.from('{"custom":{"run":"7"}}').toString('base64');
    expect((await invoke({ FunctionName: 'context', ClientContext })).Payload?.transformToString()).toBe(
      '{"custom":{"run":"7"}}',
    );
  });

  test('too many at once get 429, which the SDK repeats', async () => {
    await using small = await startTestEndpoint({ maxConcurrency: 1 });
    small.iam.createRole('execution', { trust: lambdaTrust });
    const client = new LambdaClient({ ...small.client(), maxAttempts: 1 });
    const code = zip({
      'index.mjs': 'export const handler = (event) => new Promise((done) => setTimeout(done, event.ms, 1));',
    });
    await create({ FunctionName: 'slow', Code: { ZipFile: code } }, client);
    const running = invoke({ FunctionName: 'slow', Payload: '{"ms":1500}' }, client);
    await expect.poll(() => small.runner.statistics().coldStarts).toBe(1);
    await expect(invoke({ FunctionName: 'slow', Payload: '{"ms":1}' }, client)).rejects.toMatchObject({
      name: 'TooManyRequestsException',
      Reason: 'ConcurrentInvocationLimitExceeded',
      $metadata: { httpStatusCode: 429 },
    });
    await running;
  });
});

describe('permissions', () => {
  const may = (Action: string, Resource: string): PolicyDocument => ({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Action, Resource },
  });
  const as = (name: string, ...policies: PolicyDocument[]): LambdaClient =>
    new LambdaClient(aws.client(aws.user(name, ...policies)));

  test('a policy on the plain ARN does not reach a qualifier', async () => {
    const client = as('plain', may('lambda:InvokeFunction', arn));
    expect(await invoke({}, client)).toMatchObject({ StatusCode: 200 });
    await expect(invoke({ Qualifier: '$LATEST' }, client)).rejects.toEqual(
      refused('AccessDeniedException', 403, new RegExp(`on resource: ${arn}:\\$LATEST because`)),
    );
  });

  test('who may not ask does not learn whether the function exists', async () => {
    const client = as('curious', may('lambda:InvokeFunction', arn));
    await expect(invoke({ FunctionName: 'none' }, client)).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
    await expect(invoke({ FunctionName: 'none', InvocationType: 'DryRun' }, client)).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
  });

  test('creating a function needs iam:PassRole on its role', async () => {
    await expect(create({}, as('no-pass', may('lambda:*', '*')))).rejects.toEqual(
      refused('AccessDeniedException', 403, new RegExp(`perform: iam:PassRole on resource: ${role} because`)),
    );
  });

  test('the function is its role, and nobody else', async () => {
    const code = zip({
      'index.mjs':
        'export const handler = async () => [process.env.AWS_ACCESS_KEY_ID, process.env.AWS_SESSION_TOKEN];',
    });
    await create({ FunctionName: 'whoami', Code: { ZipFile: code } });
    const [id, token] = JSON.parse(
      (await invoke({ FunctionName: 'whoami' })).Payload?.transformToString() ?? '[]',
    ) as string[];
    const key = aws.iam.findKey(id ?? '');
    expect(key?.caller.arn).toBe(`arn:aws:sts::${accountId}:assumed-role/execution/whoami`);
    expect(key?.sessionToken).toBe(token);
  });
});
