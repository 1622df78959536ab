import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestEndpoint } from '../../test/fixtures/test-endpoint.ts';
import { startTestEndpoint } from '../../test/fixtures/test-endpoint.ts';

let aws: TestEndpoint;
let client: SecretsManagerClient;
let arn: string;
beforeAll(async () => {
  aws = await startTestEndpoint();
  client = new SecretsManagerClient(aws.client());
  const value = JSON.stringify({ username: 'postern_master', password: 'p$?#1' });
  ({ arn } = aws.secrets.create('rds!cluster-1', value, { owningService: 'rds' }));
});
afterAll(() => aws[Symbol.asyncDispose]());
const get = (input: ConstructorParameters<typeof GetSecretValueCommand>[0]) =>
  client.send(new GetSecretValueCommand(input));

test('the managed master secret has user and password, and nothing else', async () => {
  const answer = await get({ SecretId: arn });
  expect(answer).toMatchObject({
    ARN: arn,
    Name: 'rds!cluster-1',
    VersionStages: ['AWSCURRENT'],
    CreatedDate: expect.any(Date),
  });
  expect(JSON.parse(answer.SecretString ?? '')).toEqual({ username: 'postern_master', password: 'p$?#1' });
  expect(await get({ SecretId: 'rds!cluster-1' })).toMatchObject({ ARN: arn });
  expect(await get({ SecretId: arn, VersionId: answer.VersionId })).toMatchObject({ ARN: arn });
});

test('after a rotation the new value is current and the old one previous', async () => {
  aws.secrets.create('rotating', 'one');
  aws.secrets.putValue('rotating', 'two');
  expect(await get({ SecretId: 'rotating' })).toMatchObject({ SecretString: 'two' });
  expect(await get({ SecretId: 'rotating', VersionStage: 'AWSPREVIOUS' })).toMatchObject({
    SecretString: 'one',
  });
  const { VersionIdsToStages = {} } = await client.send(new DescribeSecretCommand({ SecretId: 'rotating' }));
  expect(Object.values(VersionIdsToStages).flat().sort()).toEqual(['AWSCURRENT', 'AWSPREVIOUS']);
});

test('a description says who owns it and never the value', async () => {
  const answer = await client.send(new DescribeSecretCommand({ SecretId: arn }));
  expect(answer).toMatchObject({
    ARN: arn,
    OwningService: 'rds',
    RotationEnabled: true,
    LastChangedDate: expect.any(Date),
  });
  expect(JSON.stringify(answer)).not.toContain('p$?#1');
});

test('a secret that is being deleted can be described, not read', async () => {
  aws.secrets.create('leaving', 'x');
  aws.secrets.delete('leaving', { recoverable: true });
  expect(await client.send(new DescribeSecretCommand({ SecretId: 'leaving' }))).toMatchObject({
    DeletedDate: expect.any(Date),
  });
  await expect(get({ SecretId: 'leaving' })).rejects.toMatchObject({
    name: 'InvalidRequestException',
    message: expect.stringContaining('marked for deletion'),
  });
});

test.each([
  [
    'no such secret',
    { SecretId: 'none' },
    'ResourceNotFoundException',
    /^Secrets Manager can't find the specified secret\.$/,
  ],
  [
    'no such stage',
    { SecretId: 'rds!cluster-1', VersionStage: 'AWSPENDING' },
    'ResourceNotFoundException',
    /staging label: AWSPENDING/,
  ],
  [
    'no such version',
    { SecretId: 'rds!cluster-1', VersionId: 'x'.repeat(32) },
    'ResourceNotFoundException',
    /VersionId: x+/,
  ],
  [
    'a version id that is none',
    { SecretId: 'rds!cluster-1', VersionId: 'x' },
    'ValidationException',
    /versionId/,
  ],
  ['no id', { SecretId: '' }, 'ValidationException', /secretId/],
] as const)('refused: %s', async (_name, input, name, message) => {
  await expect(get(input)).rejects.toMatchObject({
    name,
    message: expect.stringMatching(message),
    $metadata: { httpStatusCode: 400, attempts: 1 },
  });
});

test('a stage that belongs to another version', async () => {
  const { VersionId } = await get({ SecretId: 'rds!cluster-1' });
  await expect(
    get({ SecretId: 'rds!cluster-1', VersionId, VersionStage: 'AWSPREVIOUS' }),
  ).rejects.toMatchObject({
    name: 'InvalidRequestException',
  });
});

test('an operation that is not simulated says so', async () => {
  await expect(client.send(new ListSecretsCommand({}))).rejects.toMatchObject({
    name: 'UnknownOperationException',
    message: expect.stringContaining('ListSecrets'),
    $metadata: { attempts: 1 },
  });
});

test('a policy on the ARN decides, also for a call by name', async () => {
  const policy = (Resource: string) => ({
    Version: '2012-10-17' as const,
    Statement: { Effect: 'Allow' as const, Action: 'secretsmanager:GetSecretValue', Resource },
  });
  const reader = new SecretsManagerClient(aws.client(aws.user('reader', policy(arn))));
  expect(await reader.send(new GetSecretValueCommand({ SecretId: 'rds!cluster-1' }))).toMatchObject({
    ARN: arn,
  });
  aws.secrets.create('other', 'x');
  await expect(reader.send(new GetSecretValueCommand({ SecretId: 'other' }))).rejects.toMatchObject({
    name: 'AccessDeniedException',
  });
});
