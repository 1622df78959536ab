import { describe, expect, test } from 'vitest';
import { IamDirectory } from './directory.ts';
import type { PolicyDocument } from './policy.ts';
import { evaluateTrust } from './trust.ts';

const accountId = '123456789012';
const allow = (Action: string, Resource = '*'): PolicyDocument => ({
  Version: '2012-10-17',
  Statement: { Effect: 'Allow', Action, Resource },
});
const trustRoot: PolicyDocument = {
  Version: '2012-10-17',
  Statement: {
    Effect: 'Allow',
    Principal: { AWS: `arn:aws:iam::${accountId}:root` },
    Action: 'sts:AssumeRole',
  },
};

function directory(startMs = 0): { iam: IamDirectory; time: { nowMs: number } } {
  const time = { nowMs: startMs };
  return { iam: new IamDirectory({ accountId, clock: () => time.nowMs }), time };
}

test('keys look like AWS keys, and the temporary ones are as long', () => {
  const { iam } = directory();
  iam.createUser('ada');
  iam.createRole('ci', { trust: trustRoot });
  expect(iam.createAccessKey('ada')).toEqual({
    accessKeyId: expect.stringMatching(/^AKIA[A-Z2-7]{16}$/),
    secretAccessKey: expect.stringMatching(/^[A-Za-z0-9+/]{40}$/),
  });
  const session = iam.assume('ci', { sessionName: 'run-7', expiresInMs: 1000 });
  expect(session.accessKeyId).toMatch(/^ASIA/);
  expect(session.sessionToken?.length).toBeGreaterThan(700);
  expect(session.expiration).toEqual(new Date(1000));
});

test('a caller is known by user id, ARN and session name', () => {
  const { iam } = directory();
  const { userId } = iam.createUser('ada');
  const { roleId } = iam.createRole('ci', { trust: trustRoot });
  expect(iam.findKey(iam.createAccessKey('ada').accessKeyId)?.caller).toMatchObject({
    arn: `arn:aws:iam::${accountId}:user/ada`,
    userId,
    sessionName: 'ada',
  });
  const { accessKeyId } = iam.assume('ci', { sessionName: 'run-7', expiresInMs: 1000 });
  expect(iam.findKey(accessKeyId)?.caller).toMatchObject({
    arn: `arn:aws:sts::${accountId}:assumed-role/ci/run-7`,
    userId: `${roleId}:run-7`,
    sessionName: 'run-7',
  });
});

describe('authorize', () => {
  const denied = (name: string, why: string): string =>
    `User: ${name} is not authorized to perform: rds:DescribeDBClusters on resource: * ${why}`;
  const arn = `arn:aws:iam::${accountId}:user/ada`;

  function callerWith(...policies: PolicyDocument[]) {
    const { iam } = directory();
    iam.createUser('ada', { policies: Object.fromEntries(policies.map((each, i) => [`p${i}`, each])) });
    const key = iam.findKey(iam.createAccessKey('ada').accessKeyId);
    return { iam, caller: key!.caller };
  }

  test('says that no policy allows the action', () => {
    const { iam, caller } = callerWith(allow('ssm:*'));
    expect(() => iam.authorize(caller, 'rds:DescribeDBClusters', '*')).toThrow(
      denied(arn, 'because no identity-based policy allows the rds:DescribeDBClusters action'),
    );
  });

  test('says that a policy denies the action', () => {
    const deny: PolicyDocument = { Statement: { Effect: 'Deny', Action: 'rds:*', Resource: '*' } };
    const { iam, caller } = callerWith(allow('*'), deny);
    expect(() => iam.authorize(caller, 'rds:DescribeDBClusters', '*')).toThrow(
      denied(arn, 'with an explicit deny in an identity-based policy'),
    );
  });

  test('a changed policy counts at once, a deleted user not at all', () => {
    const { iam, caller } = callerWith();
    iam.putPolicy('ada', 'rds', allow('rds:*'));
    iam.authorize(caller, 'rds:DescribeDBClusters', '*');
    iam.deletePolicy('ada', 'rds');
    expect(() => iam.authorize(caller, 'rds:DescribeDBClusters', '*')).toThrow();
    iam.putPolicy('ada', 'rds', allow('rds:*'));
    iam.delete('ada');
    expect(iam.findKey(caller.accessKeyId)).toBeUndefined();
  });

  test('a session policy only takes away', () => {
    const { iam } = directory();
    iam.createRole('ci', { trust: trustRoot, policies: { all: allow('rds:*') } });
    const sessionOf = (sessionPolicy: PolicyDocument) => {
      const { accessKeyId } = iam.assume('ci', { sessionName: 's1', expiresInMs: 1000, sessionPolicy });
      return iam.findKey(accessKeyId)!.caller;
    };
    iam.authorize(sessionOf(allow('rds:Describe*')), 'rds:DescribeDBClusters', '*');
    expect(() => iam.authorize(sessionOf(allow('ssm:*')), 'rds:DescribeDBClusters', '*')).toThrow(
      'because no session policy allows the rds:DescribeDBClusters action',
    );
    expect(() => iam.authorize(sessionOf(allow('*')), 'ssm:StartSession', '*')).toThrow('no identity-based');
  });

  test('time is a condition key', () => {
    const { iam, time } = directory(Date.parse('2026-11-22T00:00:00Z'));
    const Condition = { DateLessThan: { 'aws:CurrentTime': '2026-11-23T00:00:00Z' } };
    const policy: PolicyDocument = { Statement: { Effect: 'Allow', Action: '*', Resource: '*', Condition } };
    iam.createUser('ada', { policies: { policy } });
    const { caller } = iam.findKey(iam.createAccessKey('ada').accessKeyId)!;
    iam.authorize(caller, 'rds:DescribeDBClusters', '*');
    time.nowMs += 25 * 3_600_000;
    expect(() => iam.authorize(caller, 'rds:DescribeDBClusters', '*')).toThrow();
  });
});

describe('what the directory refuses', () => {
  const { iam } = directory();
  iam.createUser('ada');
  test.each([
    ['a user twice', () => iam.createUser('ada'), 'CLOUD_PRINCIPAL_EXISTS'],
    ['a name with a slash', () => iam.createUser('a/b'), 'CLOUD_OPTIONS_INVALID'],
    ['a key of nobody', () => iam.createAccessKey('bob'), 'CLOUD_PRINCIPAL_UNKNOWN'],
    [
      'a role that is a user',
      () => iam.assume('ada', { sessionName: 'x', expiresInMs: 1 }),
      'CLOUD_PRINCIPAL_UNKNOWN',
    ],
    ['an unknown key', () => iam.setExpiration('AKIAX', 0), 'CLOUD_PRINCIPAL_UNKNOWN'],
    ['no statement', () => iam.putPolicy('ada', 'p', { Statement: [] }), 'CLOUD_POLICY_INVALID'],
    [
      'no resource',
      () => iam.putPolicy('ada', 'p', { Statement: { Effect: 'Allow', Action: '*' } }),
      'CLOUD_POLICY_INVALID',
    ],
    ['an action without a service', () => iam.putPolicy('ada', 'p', allow('Invoke')), 'CLOUD_POLICY_INVALID'],
    [
      'a misspelt operator',
      () =>
        iam.putPolicy('ada', 'p', {
          Statement: { Effect: 'Allow', Action: '*', Resource: '*', Condition: { StringEqual: { a: 'b' } } },
        }),
      'CLOUD_POLICY_INVALID',
    ],
    [
      'a version of its own',
      () => iam.putPolicy('ada', 'p', { ...allow('*'), Version: '2026-01-01' as '2012-10-17' }),
      'CLOUD_POLICY_INVALID',
    ],
    [
      'a trust policy without principal',
      () => iam.createRole('r', { trust: allow('sts:AssumeRole') }),
      'CLOUD_POLICY_INVALID',
    ],
  ])('%s', (_name, act, code) => {
    expect(act).toThrow(expect.objectContaining({ name: 'CloudError', code, hint: expect.any(String) }));
  });
});

describe('trust policies', () => {
  const ada = { arn: `arn:aws:iam::${accountId}:user/ada`, userId: 'AIDA', username: 'ada' };
  const session = { arn: `arn:aws:sts::${accountId}:assumed-role/ci/run-7`, userId: 'AROA:run-7' };
  const trusting = (Principal: Record<string, string> | '*', rest: object = {}): PolicyDocument => ({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Principal, Action: 'sts:AssumeRole', ...rest },
  });
  test.each([
    ['the account', trustRoot, ada, 'account'],
    ['the account by number', trusting({ AWS: accountId }), ada, 'account'],
    ['another account', trusting({ AWS: 'arn:aws:iam::999999999999:root' }), ada, 'none'],
    ['the user', trusting({ AWS: ada.arn }), ada, 'direct'],
    ['another user', trusting({ AWS: `${ada.arn}x` }), ada, 'none'],
    ['the role of a session', trusting({ AWS: `arn:aws:iam::${accountId}:role/ci` }), session, 'direct'],
    ['one session of a role', trusting({ AWS: session.arn }), session, 'direct'],
    ['everybody', trusting('*'), ada, 'direct'],
    [
      'a service',
      trusting({ Service: 'lambda.amazonaws.com' }),
      { service: 'lambda.amazonaws.com' },
      'direct',
    ],
    [
      'another service',
      trusting({ Service: 'ec2.amazonaws.com' }),
      { service: 'lambda.amazonaws.com' },
      'none',
    ],
    ['a service does not speak for the account', trustRoot, { service: 'lambda.amazonaws.com' }, 'none'],
    ['another action', trusting({ AWS: ada.arn }, { Action: 'sts:TagSession' }), ada, 'none'],
    ['a deny', trusting({ AWS: ada.arn }, { Effect: 'Deny' }), ada, 'explicit-deny'],
    [
      'a condition that fails',
      trusting({ AWS: ada.arn }, { Condition: { StringEquals: { 'sts:ExternalId': 'x' } } }),
      ada,
      'none',
    ],
  ] as const)('%s', (_name, trust, caller, decision) => {
    expect(evaluateTrust(trust, { action: 'sts:AssumeRole', caller })).toBe(decision);
  });
});

test('who was allowed and denied what is counted, with the policies that they have', () => {
  const { iam } = directory();
  iam.createUser('ada', { policies: { read: allow('rds:*'), start: allow('ssm:*') } });
  iam.createUser('bob');
  const { caller } = iam.findKey(iam.createAccessKey('ada').accessKeyId)!;
  for (let n = 0; n < 2; n += 1) iam.authorize(caller, 'rds:DescribeDBClusters', '*');
  iam.deletePolicy('ada', 'start');
  expect(() => iam.authorize(caller, 'ssm:StartSession', '*')).toThrow('not authorized');
  expect(iam.statistics()).toEqual({
    'user/ada': {
      policies: ['read'],
      allowed: { 'rds:DescribeDBClusters': 2 },
      denied: { 'ssm:StartSession': 1 },
    },
  });
});
