import { DescribeDBClustersCommand, RDSClient } from '@aws-sdk/client-rds';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestEndpoint } from '../../test/fixtures/test-endpoint.ts';
import { accountId, everything, startTestEndpoint } from '../../test/fixtures/test-endpoint.ts';
import type { Credentials, PolicyDocument } from '../iam/index.ts';

let aws: TestEndpoint;
beforeAll(async () => {
  aws = await startTestEndpoint();
  const trust = (AWS: string): PolicyDocument => ({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Principal: { AWS }, Action: 'sts:AssumeRole' },
  });
  const root = trust(`arn:aws:iam::${accountId}:root`);
  aws.iam.createRole('reader', { trust: root, policies: { everything } });
  aws.iam.createRole('long', { trust: root, policies: { everything }, maxSessionDurationS: 12 * 3600 });
  aws.iam.createRole('for-carol', { trust: trust(`arn:aws:iam::${accountId}:user/carol`) });
  aws.iam.createRole('for-others', { trust: trust('arn:aws:iam::999999999999:root') });
});
afterAll(() => aws[Symbol.asyncDispose]());

const roleArn = (name: string): string => `arn:aws:iam::${accountId}:role/${name}`;
const sts = (credentials?: Credentials): STSClient => new STSClient(aws.client(credentials));
async function assume(
  input: Partial<ConstructorParameters<typeof AssumeRoleCommand>[0]>,
  credentials?: Credentials,
): Promise<Credentials> {
  const answer = await sts(credentials).send(
    new AssumeRoleCommand({ RoleArn: roleArn('reader'), RoleSessionName: 'run-7', ...input }),
  );
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '', Expiration } = answer.Credentials ?? {};
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    expiration: Expiration!,
  };
}
const named = (name: string, message: RegExp | string, status = 403) =>
  expect.objectContaining({
    name,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
    $metadata: expect.objectContaining({ httpStatusCode: status, attempts: 1 }),
  });

test('GetCallerIdentity needs no permission and keeps zeros of the account', async () => {
  const credentials = aws.user('alice');
  expect(await sts(credentials).send(new GetCallerIdentityCommand({}))).toMatchObject({
    Arn: `arn:aws:iam::${accountId}:user/alice`,
    Account: accountId,
    UserId: expect.stringMatching(/^AIDA/),
  });
});

test('an assumed role works until it expires, and says who it is', async () => {
  const credentials = await assume({ DurationSeconds: 900 });
  expect(credentials.expiration?.getTime()).toBeGreaterThan(Date.now() + 800_000);
  const { roleId } = aws.iam.role('reader')!;
  expect(await sts(credentials).send(new GetCallerIdentityCommand({}))).toMatchObject({
    Arn: `arn:aws:sts::${accountId}:assumed-role/reader/run-7`,
    UserId: `${roleId}:run-7`,
  });
  aws.time.offsetMs += 901_000;
  await expect(sts(credentials).send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
    name: 'ExpiredToken',
  });
  aws.time.offsetMs = 0;
});

describe('a chain of roles', () => {
  test('ends after an hour at the latest', async () => {
    const first = await assume({});
    const second = await assume({ RoleArn: roleArn('long'), RoleSessionName: 'second' }, first);
    expect(await sts(second).send(new GetCallerIdentityCommand({}))).toMatchObject({
      Arn: `arn:aws:sts::${accountId}:assumed-role/long/second`,
    });
    await expect(assume({ RoleArn: roleArn('long'), DurationSeconds: 7200 }, first)).rejects.toEqual(
      named('ValidationError', /1 hour session limit for roles assumed by role chaining/, 400),
    );
    expect((await assume({ RoleArn: roleArn('long'), DurationSeconds: 7200 })).accessKeyId).toMatch(/^ASIA/);
  });
});

test('a session policy takes away what the role may do', async () => {
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Action: 'ssm:*', Resource: '*' },
  });
  const credentials = await assume({ Policy });
  await expect(
    new RDSClient(aws.client(credentials)).send(new DescribeDBClustersCommand({})),
  ).rejects.toEqual(
    named('AccessDenied', /because no session policy allows the rds:DescribeDBClusters action$/),
  );
});

describe('AssumeRole needs both doors open', () => {
  const may: PolicyDocument = {
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' },
  };
  const mayNot: PolicyDocument = {
    Version: '2012-10-17',
    Statement: { Effect: 'Deny', Action: 'sts:AssumeRole', Resource: '*' },
  };
  const denied = (user: string, role: string, because: string): string =>
    `User: arn:aws:iam::${accountId}:user/${user} is not authorized to perform: sts:AssumeRole on resource: ${roleArn(role)} ${because}`;

  test('the account is trusted, but the user has no permission', async () => {
    await expect(assume({}, aws.user('bob'))).rejects.toEqual(
      named(
        'AccessDenied',
        denied('bob', 'reader', 'because no identity-based policy allows the sts:AssumeRole action'),
      ),
    );
  });

  test('a named user needs no permission of its own, unless it is denied', async () => {
    expect((await assume({ RoleArn: roleArn('for-carol') }, aws.user('carol'))).accessKeyId).toMatch(/^ASIA/);
    aws.iam.putPolicy('carol', 'deny', mayNot);
    await expect(assume({ RoleArn: roleArn('for-carol') }, aws.iam.createAccessKey('carol'))).rejects.toEqual(
      named(
        'AccessDenied',
        denied('carol', 'for-carol', 'with an explicit deny in an identity-based policy'),
      ),
    );
  });

  test('the role trusts somebody else', async () => {
    await expect(assume({ RoleArn: roleArn('for-others') }, aws.user('dave', may))).rejects.toEqual(
      named(
        'AccessDenied',
        denied('dave', 'for-others', 'because no resource-based policy allows the sts:AssumeRole action'),
      ),
    );
  });

  test('a role that does not exist is denied, not missing', async () => {
    await expect(assume({ RoleArn: roleArn('nobody') })).rejects.toEqual(
      named('AccessDenied', /role\/nobody because/),
    );
  });
});

test.each([
  [
    'session name too short',
    { RoleSessionName: 'x' },
    'ValidationError',
    /at 'roleSessionName' failed .* greater than or equal to 2$/,
  ],
  ['session name with a space', { RoleSessionName: 'a b' }, 'ValidationError', /regular expression pattern/],
  ['no session name', { RoleSessionName: undefined }, 'ValidationError', /Value null at 'roleSessionName'/],
  [
    '10 minutes',
    { DurationSeconds: 600 },
    'ValidationError',
    /at 'durationSeconds' .* greater than or equal to 900$/,
  ],
  ['13 hours', { DurationSeconds: 46_800 }, 'ValidationError', /less than or equal to 43200$/],
  [
    'longer than the role allows',
    { DurationSeconds: 7200 },
    'ValidationError',
    /exceeds the MaxSessionDuration set for this role/,
  ],
  [
    'several problems at once',
    { DurationSeconds: 1, RoleSessionName: 'x' },
    'ValidationError',
    /^2 validation errors detected/,
  ],
  ['not a role ARN', { RoleArn: 'arn:aws:iam::123456789012:user/x' }, 'ValidationError', /is invalid$/],
  ['broken session policy', { Policy: '{' }, 'MalformedPolicyDocumentException', /invalid Json/],
  [
    'session policy of another grammar',
    { Policy: '{"Statement":[]}' },
    'MalformedPolicyDocumentException',
    /Statement is missing/,
  ],
])('AssumeRole refuses: %s', async (_name, input, name, message) => {
  await expect(assume(input as object)).rejects.toEqual(named(name, message, 400));
});

test('an action that is not there', async () => {
  const client = sts();
  client.middlewareStack.add(
    (next) => async (args) => {
      const request = args.request as { body: string };
      request.body = request.body.replace('GetCallerIdentity', 'GetFederationToken');
      return next(args);
    },
    { step: 'serialize', priority: 'low' },
  );
  await expect(client.send(new GetCallerIdentityCommand({}))).rejects.toEqual(
    named('InvalidAction', 'Could not find operation GetFederationToken for version 2011-06-15', 400),
  );
});
