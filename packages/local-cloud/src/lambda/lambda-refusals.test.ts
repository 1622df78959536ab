import {
  CreateFunctionCommand,
  type CreateFunctionCommandInput,
  DeleteFunctionCommand,
  InvokeCommand,
  type InvokeCommandInput,
  LambdaClient,
  ListFunctionsCommand,
  PublishVersionCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestEndpoint } from '../../test/fixtures/test-endpoint.ts';
import { accountId, lambdaTrust, region, startTestEndpoint, zip } from '../../test/fixtures/test-endpoint.ts';

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

describe('what is refused', () => {
  const constraint = 'failed to satisfy constraint:';
  const tooBig = Buffer.alloc(6_291_457, '1');
  test.each([
    [
      'Invoke of an unknown function',
      () => invoke({ FunctionName: 'none' }),
      'ResourceNotFoundException',
      404,
      `Function not found: arn:aws:lambda:${region}:${accountId}:function:none`,
    ],
    [
      'Invoke of an unknown version',
      () => invoke({ Qualifier: '7' }),
      'ResourceNotFoundException',
      404,
      `Function not found: ${arn}:7`,
    ],
    [
      'Invoke in another region',
      () => invoke({ FunctionName: arn.replace(region, 'us-east-1') }),
      'ResourceNotFoundException',
      404,
      /us-east-1/,
    ],
    [
      'a name that is none',
      () => invoke({ FunctionName: 'a b' }),
      'ValidationException',
      400,
      /at 'functionName' failed/,
    ],
    [
      'two qualifiers that differ',
      () => invoke({ FunctionName: 'echo:1', Qualifier: '2' }),
      'InvalidParameterValueException',
      400,
      /does not match/,
    ],
    [
      'a payload that is no JSON',
      () => invoke({ Payload: '{"a"' }),
      'InvalidRequestContentException',
      400,
      /^Could not parse request body into json/,
    ],
    [
      'a payload over 6 MB',
      () => invoke({ Payload: tooBig }),
      'RequestTooLargeException',
      413,
      /smaller than 6291456 bytes for the InvokeFunction operation$/,
    ],
    [
      'an event over 1 MB',
      () => invoke({ InvocationType: 'Event', Payload: tooBig.subarray(0, 1_048_577) }),
      'RequestTooLargeException',
      413,
      /1048576/,
    ],
    [
      'an invocation type that is none',
      () => invoke({ InvocationType: 'Later' as 'Event' }),
      'ValidationException',
      400,
      /'invocationType' .* \[RequestResponse, Event, DryRun\]/,
    ],
    [
      'a log type that is none',
      () => invoke({ LogType: 'All' as 'Tail' }),
      'ValidationException',
      400,
      /'logType'/,
    ],
    [
      'a client context that is no JSON',
      () => invoke({ ClientContext: 'eA==' }),
      'InvalidRequestContentException',
      400,
      /Client context/,
    ],
    [
      'a function twice',
      () => create({ FunctionName: 'echo' }),
      'ResourceConflictException',
      409,
      'Function already exist: echo',
    ],
    [
      'a zip that is none',
      () => create({ Code: { ZipFile: Buffer.from('no zip') } }),
      'InvalidParameterValueException',
      400,
      /^Could not unzip uploaded file/,
    ],
    [
      'an empty zip',
      () => create({ Code: { ZipFile: zip({}) } }),
      'InvalidParameterValueException',
      400,
      /non-empty zip/,
    ],
    [
      'a zip that climbs out',
      () => create({ Code: { ZipFile: zip({ '../../x.mjs': '' }) } }),
      'InvalidParameterValueException',
      400,
      /^Could not unzip/,
    ],
    [
      'a zip with an absolute name',
      () => create({ Code: { ZipFile: zip({ '/etc/x': '' }) } }),
      'InvalidParameterValueException',
      400,
      /^Could not unzip/,
    ],
    [
      'no code',
      () => create({ Code: {} }),
      'InvalidParameterValueException',
      400,
      /source for function code/,
    ],
    [
      'another runtime',
      () => create({ Runtime: 'python3.13' }),
      'InvalidParameterValueException',
      400,
      /Value python3\.13 at 'runtime'/,
    ],
    [
      'no runtime',
      () => create({ Runtime: undefined }),
      'InvalidParameterValueException',
      400,
      /missing runtime/,
    ],
    [
      'no role',
      () => create({ Role: undefined }),
      'ValidationException',
      400,
      `1 validation error detected: Value null at 'role' ${constraint} Member must not be null`,
    ],
    ['a role that is none', () => create({ Role: 'execution' }), 'ValidationException', 400, /at 'role'/],
    [
      'a role that does not exist',
      () => create({ Role: `${role}-not` }),
      'InvalidParameterValueException',
      400,
      'The role defined for the function cannot be assumed by Lambda.',
    ],
    [
      'a role that Lambda may not assume',
      () => create({ Role: `arn:aws:iam::${accountId}:role/of-machines` }),
      'InvalidParameterValueException',
      400,
      /cannot be assumed by Lambda/,
    ],
    [
      '16 minutes',
      () => create({ Timeout: 960 }),
      'ValidationException',
      400,
      `1 validation error detected: Value '960' at 'timeout' ${constraint} Member must have value less than or equal to 900`,
    ],
    [
      '64 MB and no time',
      () => create({ MemorySize: 64, Timeout: 0 }),
      'ValidationException',
      400,
      /^2 validation errors detected/,
    ],
    [
      'a reserved variable',
      () => create({ Environment: { Variables: { AWS_REGION: 'x' } } }),
      'InvalidParameterValueException',
      400,
      /Reserved keys used in this request: AWS_REGION$/,
    ],
    [
      'a malformed variable',
      () => create({ Environment: { Variables: { '1X': 'x' } } }),
      'ValidationException',
      400,
      /environment/,
    ],
    [
      '5 KB of variables',
      () => create({ Environment: { Variables: { LONG: 'x'.repeat(5000) } } }),
      'InvalidParameterValueException',
      400,
      /exceeded the 4KB limit/,
    ],
    [
      'an image',
      () => create({ PackageType: 'Image' }),
      'InvalidParameterValueException',
      400,
      /Not available in the local simulation: PackageType Image/,
    ],
    [
      'code from S3',
      () => create({ Code: { S3Bucket: 'b', S3Key: 'k' } }),
      'InvalidParameterValueException',
      400,
      /S3Bucket/,
    ],
    [
      'logs in JSON',
      () => create({ LoggingConfig: { LogFormat: 'JSON' } }),
      'InvalidParameterValueException',
      400,
      /Not available in the local simulation: LogFormat JSON/,
    ],
    [
      'an update to layers and JSON logs',
      () =>
        lambda.send(
          new UpdateFunctionConfigurationCommand({
            FunctionName: 'echo',
            Layers: ['arn:aws:lambda:eu-west-2:123456789012:layer:l:1'],
            LoggingConfig: { LogFormat: 'JSON' },
          }),
        ),
      'InvalidParameterValueException',
      400,
      /Not available in the local simulation: Layers, LogFormat JSON/,
    ],
    [
      'an update by an old revision',
      () =>
        lambda.send(
          new UpdateFunctionConfigurationCommand({ FunctionName: 'echo', RevisionId: 'x', Timeout: 5 }),
        ),
      'PreconditionFailedException',
      412,
      /Revision Id/,
    ],
    [
      'an update of nothing',
      () => lambda.send(new UpdateFunctionCodeCommand({ FunctionName: 'none', ZipFile: echo })),
      'ResourceNotFoundException',
      404,
      /none$/,
    ],
    [
      'a deletion of nothing',
      () => lambda.send(new DeleteFunctionCommand({ FunctionName: 'none' })),
      'ResourceNotFoundException',
      404,
      /none$/,
    ],
    [
      'a version',
      () => lambda.send(new PublishVersionCommand({ FunctionName: 'echo' })),
      'UnknownOperationException',
      404,
      /./,
    ],
    ['a list', () => lambda.send(new ListFunctionsCommand({})), 'UnknownOperationException', 404, /./],
  ] as Array<[string, () => Promise<unknown>, string, number, RegExp | string]>)(
    '%s',
    async (_name, call, name, status, message) => {
      await expect(call()).rejects.toEqual(refused(name, status, message));
    },
  );

  test('a zip that is damaged inside is found out when it is to run', async () => {
    const damaged = Buffer.from(
      zip({ 'index.mjs': `${'export const a = 1;'.repeat(50)} export const handler = a;` }),
    );
    damaged.fill(0xff, 40, 48);
    await create({ FunctionName: 'damaged', Code: { ZipFile: damaged } });
    const once = new LambdaClient({ ...aws.client(), maxAttempts: 1 });
    await expect(invoke({ FunctionName: 'damaged' }, once)).rejects.toEqual(
      refused('InvalidZipFileException', 502, 'Lambda could not unzip the deployment package.'),
    );
  });

  test('a refusal of the service tells whose fault it is', async () => {
    await expect(invoke({ FunctionName: 'none' })).rejects.toMatchObject({ Type: 'User', $fault: 'client' });
  });
});
