import { describe, expect, test } from 'vitest';
import type { EvaluateInput } from './evaluate.ts';
import { evaluate } from './evaluate.ts';
import type { ConditionBlock, PolicyDocument, PolicyStatement } from './policy.ts';

const allowAll: PolicyStatement = { Effect: 'Allow', Action: '*', Resource: '*' };
const policy = (...Statement: PolicyStatement[]): PolicyDocument => ({ Version: '2012-10-17', Statement });
const user = {
  arn: 'arn:aws:iam::123456789012:user/ada',
  userId: 'AIDAEXAMPLE',
  username: 'ada',
  accountId: '123456789012',
};
const role = {
  arn: 'arn:aws:sts::123456789012:assumed-role/ci/run-7',
  userId: 'AROAEXAMPLE:run-7',
  accountId: '123456789012',
  tags: { team: 'ledger' },
};
const fn = 'arn:aws:lambda:eu-west-2:123456789012:function:boot';

function decide(input: Partial<EvaluateInput> & { statement?: PolicyStatement }) {
  const { statement, ...rest } = input;
  return evaluate({
    policies: [policy(statement ?? allowAll)],
    action: 'lambda:InvokeFunction',
    resource: fn,
    principal: user,
    ...rest,
  }).decision;
}

describe('effects', () => {
  test.each([
    ['nothing is allowed by default', [], 'implicit-deny'],
    ['an Allow allows', [allowAll], 'allow'],
    ['a Deny alone is explicit', [{ ...allowAll, Effect: 'Deny' }], 'explicit-deny'],
    ['a Deny after an Allow wins', [allowAll, { ...allowAll, Effect: 'Deny' }], 'explicit-deny'],
    ['a Deny before an Allow wins', [{ ...allowAll, Effect: 'Deny' }, allowAll], 'explicit-deny'],
    [
      'a Deny of something else does nothing',
      [allowAll, { Effect: 'Deny', Action: 's3:*', Resource: '*' }],
      'allow',
    ],
  ] as Array<[string, PolicyStatement[], string]>)('%s', (_name, statements, decision) => {
    expect(decide({ policies: statements.map((statement) => policy(statement)) })).toBe(decision);
  });

  test('the deciding statement is told, so that a surprise can be explained', () => {
    const deny: PolicyStatement = { Sid: 'NoInvoke', Effect: 'Deny', Action: 'lambda:*', Resource: '*' };
    const result = evaluate({
      policies: [policy(allowAll, deny)],
      action: 'lambda:InvokeFunction',
      resource: fn,
    });
    expect(result.statement?.Sid).toBe('NoInvoke');
  });
});

describe('actions and resources', () => {
  const rds = 'arn:aws:rds-db:eu-west-2:123456789012:dbuser:cluster-ABC/pt_app';
  test.each([
    ['action in full', { Action: 'lambda:InvokeFunction' }, {}, true],
    ['action in another letter case', { Action: 'LAMBDA:invokefunction' }, {}, true],
    ['action with star', { Action: 'lambda:Invoke*' }, {}, true],
    ['action with question mark', { Action: 'lambda:InvokeFunctio?' }, {}, true],
    ['another action', { Action: 'lambda:GetFunction' }, {}, false],
    ['prefix of an action is not the action', { Action: 'lambda:Invoke' }, {}, false],
    ['one of a list', { Action: ['s3:Get*', 'lambda:InvokeFunction'] }, {}, true],
    ['NotAction names it', { Action: undefined, NotAction: 'lambda:*' }, {}, false],
    ['NotAction names another', { Action: undefined, NotAction: 's3:*' }, {}, true],
    ['resource in full', { Resource: fn }, {}, true],
    ['resource of another name', { Resource: `${fn}2` }, {}, false],
    ['resource in another letter case', { Resource: fn.replace('boot', 'Boot') }, {}, false],
    ['resource with star', { Resource: 'arn:aws:lambda:*:*:function:bo*' }, {}, true],
    ['a star stays within its segment', { Resource: 'arn:aws:lambda:*:function:boot' }, {}, false],
    ['a star in the last segment covers colons', { Resource: `${fn}*` }, { resource: `${fn}:$LATEST` }, true],
    ['the plain ARN does not cover a qualifier', { Resource: fn }, { resource: `${fn}:$LATEST` }, false],
    ['an incomplete ARN is completed', { Resource: 'arn:aws:lambda' }, {}, true],
    ['question mark is one character', { Resource: fn.replace('boot', 'bo?t') }, {}, true],
    ['question mark is not none', { Resource: fn.replace('boot', 'boot?') }, {}, false],
    ['NotResource names it', { Resource: undefined, NotResource: fn }, {}, false],
    ['NotResource names another', { Resource: undefined, NotResource: `${fn}2` }, {}, true],
    ['an ARN does not cover "no resource"', { Resource: fn }, { resource: '*' }, false],
    ['star covers "no resource"', { Resource: '*' }, { resource: '*' }, true],
    [
      'database users by prefix',
      { Resource: 'arn:aws:rds-db:*:*:dbuser:cluster-ABC/pt_*' },
      { resource: rds },
      true,
    ],
    [
      'database users of another cluster',
      { Resource: 'arn:aws:rds-db:*:*:dbuser:cluster-XYZ/pt_*' },
      { resource: rds },
      false,
    ],
    [
      'a pattern of many stars ends',
      { Resource: `arn:aws:lambda:*:*:${'*a'.repeat(30)}b` },
      { resource: `arn:aws:lambda:::${'a'.repeat(3000)}` },
      false,
    ],
  ] as Array<[string, Partial<PolicyStatement>, Partial<EvaluateInput>, boolean]>)(
    '%s',
    (_name, change, input, allowed) => {
      const statement = Object.fromEntries(
        Object.entries({ ...allowAll, ...change }).filter(([, value]) => value !== undefined),
      ) as unknown as PolicyStatement;
      expect(decide({ statement, ...input })).toBe(allowed ? 'allow' : 'implicit-deny');
    },
  );
});

describe('conditions', () => {
  const context = {
    'ssm:resourceTag/env': 'local',
    'aws:SourceIp': '10.1.2.3',
    'test:v6': '2001:db8::1:5',
    'test:number': '5',
    'test:date': '2026-11-22T09:00:00Z',
    'test:bool': 'true',
    'test:arn': 'arn:aws:iam::123456789012:role/ci',
    'test:many': ['a', 'b'],
    'test:none': [],
  };
  test.each([
    ['StringEquals', { StringEquals: { 'ssm:resourceTag/env': 'local' } }, true],
    ['StringEquals differs in case', { StringEquals: { 'ssm:resourceTag/env': 'Local' } }, false],
    ['keys in any case', { StringEquals: { 'SSM:ResourceTag/ENV': 'local' } }, true],
    ['StringEquals knows no wildcards', { StringEquals: { 'ssm:resourceTag/env': 'loc*' } }, false],
    ['any of several values', { StringEquals: { 'ssm:resourceTag/env': ['prod', 'local'] } }, true],
    ['absent key fails', { StringEquals: { 'test:absent': 'x' } }, false],
    ['absent key passes IfExists', { StringEqualsIfExists: { 'test:absent': 'x' } }, true],
    ['IfExists still compares', { StringEqualsIfExists: { 'ssm:resourceTag/env': 'x' } }, false],
    ['StringNotEquals', { StringNotEquals: { 'ssm:resourceTag/env': 'prod' } }, true],
    [
      'StringNotEquals needs none to match',
      { StringNotEquals: { 'ssm:resourceTag/env': ['prod', 'local'] } },
      false,
    ],
    ['negated and absent passes', { StringNotEquals: { 'test:absent': 'x' } }, true],
    ['StringEqualsIgnoreCase', { StringEqualsIgnoreCase: { 'ssm:resourceTag/env': 'LOCAL' } }, true],
    ['StringNotEqualsIgnoreCase', { StringNotEqualsIgnoreCase: { 'ssm:resourceTag/env': 'LOCAL' } }, false],
    ['StringLike', { StringLike: { 'ssm:resourceTag/env': 'lo?a*' } }, true],
    ['StringNotLike', { StringNotLike: { 'ssm:resourceTag/env': 'lo*' } }, false],
    ['NumericEquals', { NumericEquals: { 'test:number': '5.0' } }, true],
    ['NumericLessThan', { NumericLessThan: { 'test:number': 5 } }, false],
    ['NumericLessThanEquals', { NumericLessThanEquals: { 'test:number': 5 } }, true],
    ['NumericGreaterThan', { NumericGreaterThan: { 'test:number': '4' } }, true],
    ['NumericNotEquals', { NumericNotEquals: { 'test:number': '4' } }, true],
    ['a number that is none', { NumericEquals: { 'ssm:resourceTag/env': '5' } }, false],
    ['DateGreaterThan', { DateGreaterThan: { 'test:date': '2026-01-01T00:00:00Z' } }, true],
    ['DateLessThan in epoch seconds', { DateLessThan: { 'test:date': '1' } }, false],
    ['Bool', { Bool: { 'test:bool': 'true' } }, true],
    ['Bool as JSON boolean', { Bool: { 'test:bool': false } }, false],
    ['Bool and absent', { Bool: { 'test:absent': 'true' } }, false],
    ['BoolIfExists and absent', { BoolIfExists: { 'test:absent': 'true' } }, true],
    ['IpAddress in a network', { IpAddress: { 'aws:SourceIp': '10.1.0.0/16' } }, true],
    ['IpAddress outside', { IpAddress: { 'aws:SourceIp': '10.2.0.0/16' } }, false],
    ['IpAddress exact', { IpAddress: { 'aws:SourceIp': '10.1.2.3' } }, true],
    ['NotIpAddress', { NotIpAddress: { 'aws:SourceIp': '10.1.0.0/16' } }, false],
    ['IpAddress of version 6', { IpAddress: { 'test:v6': '2001:db8::/32' } }, true],
    ['IpAddress of another family', { IpAddress: { 'test:v6': '10.0.0.0/8' } }, false],
    ['ArnLike', { ArnLike: { 'test:arn': 'arn:aws:iam::*:role/c*' } }, true],
    ['ArnEquals knows wildcards too', { ArnEquals: { 'test:arn': 'arn:aws:iam::*:role/ci' } }, true],
    ['ArnNotLike', { ArnNotLike: { 'test:arn': 'arn:aws:iam::*:role/*' } }, false],
    ['Null true: key must be absent', { Null: { 'test:absent': 'true' } }, true],
    ['Null true: key is there', { Null: { 'test:bool': 'true' } }, false],
    ['Null false: key must be there', { Null: { 'test:bool': 'false' } }, true],
    ['Null and an empty list', { Null: { 'test:none': 'true' } }, true],
    ['ForAnyValue', { 'ForAnyValue:StringEquals': { 'test:many': ['b', 'z'] } }, true],
    ['ForAnyValue without a match', { 'ForAnyValue:StringEquals': { 'test:many': 'z' } }, false],
    ['ForAnyValue and absent', { 'ForAnyValue:StringEquals': { 'test:absent': 'z' } }, false],
    ['ForAnyValue negated', { 'ForAnyValue:StringNotEquals': { 'test:many': 'a' } }, true],
    ['ForAnyValue negated and absent', { 'ForAnyValue:StringNotEquals': { 'test:absent': 'a' } }, false],
    ['ForAllValues', { 'ForAllValues:StringEquals': { 'test:many': ['a', 'b', 'c'] } }, true],
    ['ForAllValues with one outside', { 'ForAllValues:StringEquals': { 'test:many': ['a'] } }, false],
    ['ForAllValues and absent (a trap)', { 'ForAllValues:StringEquals': { 'test:absent': 'a' } }, true],
    ['ForAllValues and empty', { 'ForAllValues:StringLike': { 'test:none': 'a' } }, true],
    [
      'all operators must hold',
      { Bool: { 'test:bool': 'true' }, NumericEquals: { 'test:number': '6' } },
      false,
    ],
    ['all keys must hold', { StringEquals: { 'test:bool': 'true', 'test:number': '6' } }, false],
    ['unknown operators never hold', { StringMatches: { 'test:bool': 'true' } } as ConditionBlock, false],
  ] as Array<[string, ConditionBlock, boolean]>)('%s', (_name, Condition, holds) => {
    const decision = decide({ statement: { ...allowAll, Condition }, context });
    expect(decision).toBe(holds ? 'allow' : 'implicit-deny');
  });
});

describe('policy variables', () => {
  const session = 'arn:aws:ssm:eu-west-2:123456789012:session/';
  const onResource = (
    Resource: string,
    input: Partial<EvaluateInput>,
    Version?: PolicyDocument['Version'],
  ) => {
    const document: PolicyDocument = {
      ...(Version === undefined ? {} : { Version }),
      Statement: { Effect: 'Allow', Action: 'ssm:*', Resource },
    };
    return evaluate({
      policies: [document],
      action: 'ssm:ResumeSession',
      resource: '*',
      principal: user,
      ...input,
    }).decision;
  };
  test.each([
    ['aws:username of a user', `${session}\${aws:username}-*`, { resource: `${session}ada-1` }, true],
    ['aws:username of somebody else', `${session}\${aws:username}-*`, { resource: `${session}bob-1` }, false],
    [
      'a role has no aws:username',
      `${session}\${aws:username}-*`,
      { resource: `${session}-1`, principal: role },
      false,
    ],
    [
      'aws:userid of a role',
      `${session}\${aws:userid}-*`,
      { resource: `${session}AROAEXAMPLE:run-7-1`, principal: role },
      true,
    ],
    [
      'aws:userid never is the start of a session id',
      `${session}\${aws:userid}-*`,
      { resource: `${session}run-7-1`, principal: role },
      false,
    ],
    ['a default value', `${session}\${aws:PrincipalTag/x, 'all'}-*`, { resource: `${session}all-1` }, true],
    [
      'a tag of the principal',
      `${session}\${aws:PrincipalTag/team}-*`,
      { resource: `${session}ledger-1`, principal: role },
      true,
    ],
    ['an escaped star', `${session}\${*}`, { resource: `${session}abc` }, false],
    [
      'a value with a star is literal',
      `${session}\${aws:username}`,
      { resource: `${session}abc`, principal: { ...user, username: '*' } },
      false,
    ],
    [
      'an unclosed variable is text',
      `${session}\${aws:username`,
      { resource: `${session}\${aws:username` },
      true,
    ],
  ] as Array<[string, string, Partial<EvaluateInput>, boolean]>)('%s', (_name, resource, input, allowed) => {
    expect(onResource(resource, input, '2012-10-17')).toBe(allowed ? 'allow' : 'implicit-deny');
  });

  test('documents without the 2012 version have no variables', () => {
    const resource = `${session}\${aws:username}-*`;
    expect(onResource(resource, { resource: `${session}ada-1` })).toBe('implicit-deny');
    expect(onResource(resource, { resource: `${session}\${aws:username}-1` }, '2008-10-17')).toBe('allow');
  });

  test('in conditions: own sessions only', () => {
    const statement: PolicyStatement = {
      ...allowAll,
      Condition: { StringLike: { 'ssm:resourceTag/aws:ssmmessages:session-id': `\${aws:userid}` } },
    };
    const context = { 'ssm:resourceTag/aws:ssmmessages:session-id': 'AROAEXAMPLE:run-7' };
    expect(decide({ statement, context, principal: role })).toBe('allow');
    expect(decide({ statement, context, principal: { ...role, userId: 'AROAEXAMPLE:run-8' } })).toBe(
      'implicit-deny',
    );
  });

  test('aws:PrincipalArn of an assumed role is the role', () => {
    const Condition = { ArnEquals: { 'aws:PrincipalArn': 'arn:aws:iam::123456789012:role/ci' } };
    expect(decide({ statement: { ...allowAll, Condition }, principal: role })).toBe('allow');
  });
});
