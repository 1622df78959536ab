import { describe, expect, test } from 'vitest';
import { checkPolicy } from './check-policy.ts';
import { evaluate } from './evaluate.ts';
import type { PrincipalName } from './principals.ts';
import { predefinedPrincipals, principalNames } from './principals.ts';

const base = 'eu-west-2:123456789012';
const instance = `arn:aws:ec2:${base}:instance/i-0a1b2c3d4e5f60718`;
const document = 'arn:aws:ssm:eu-west-2::document';
const bootstrap = `arn:aws:lambda:${base}:function:postern-bootstrap-local`;
const testdb = `arn:aws:lambda:${base}:function:postern-testdb-local`;
const secret = `arn:aws:secretsmanager:${base}:secret:rds!cluster-x-abcdef`;
const connect = `arn:aws:rds-db:${base}:dbuser`;
const principals = predefinedPrincipals({
  region: 'eu-west-2',
  accountId: '123456789012',
  clusterArn: `arn:aws:rds:${base}:cluster:postern-local`,
  clusterResourceId: 'cluster-LOCAL',
  masterSecretArn: secret,
  jumpHostTag: { key: 'postern:jump-host', value: 'local' },
  document: 'postern-database-local',
  functions: { bootstrap: 'postern-bootstrap-local', testdb: 'postern-testdb-local' },
});
const tagged = { 'ssm:resourceTag/postern:jump-host': 'local', 'ssm:SessionDocumentAccessCheck': 'true' };

const may = (
  name: PrincipalName,
  action: string,
  resource: string,
  context: Record<string, string> = {},
): boolean => {
  const { policies, offlineOnly, type, iamName } = principals[name];
  const principal =
    type === 'user'
      ? { arn: `arn:aws:iam::123456789012:user/${iamName}`, userId: 'AIDA', username: iamName }
      : { arn: `arn:aws:sts::123456789012:assumed-role/${iamName}/s`, userId: 'AROA:s' };
  return (
    evaluate({
      policies: Object.values({ ...policies, ...offlineOnly }),
      action,
      resource,
      context,
      principal,
    }).decision === 'allow'
  );
};

const everybody: readonly PrincipalName[] = principalNames;
const own = { 'ssm:resourceTag/aws:ssmmessages:session-id': 'AROA:s' };
describe.each([
  ['start a session on the tagged jump host', ['developer', 'ci'], 'ssm:StartSession', instance, tagged],
  [
    'start a session on an untagged instance',
    [],
    'ssm:StartSession',
    instance,
    { 'ssm:SessionDocumentAccessCheck': 'true' },
  ],
  [
    'get a shell for want of a document',
    [],
    'ssm:StartSession',
    instance,
    { ...tagged, 'ssm:SessionDocumentAccessCheck': 'false' },
  ],
  [
    'forward to any remote host',
    [],
    'ssm:StartSession',
    `${document}/AWS-StartPortForwardingSessionToRemoteHost`,
    {},
  ],
  [
    'use the fixed document',
    ['developer', 'ci'],
    'ssm:StartSession',
    `arn:aws:ssm:${base}:document/postern-database-local`,
    {},
  ],
  [
    'use a document of another environment',
    [],
    'ssm:StartSession',
    `arn:aws:ssm:${base}:document/postern-database-production`,
    {},
  ],
  [
    'forward to the jump host itself',
    [],
    'ssm:StartSession',
    `${document}/AWS-StartPortForwardingSession`,
    {},
  ],
  ['open a shell', [], 'ssm:StartSession', `${document}/SSM-SessionManagerRunShell`, {}],
  ['end their own session', ['ci'], 'ssm:TerminateSession', `arn:aws:ssm:${base}:session/s-1`, own],
  [
    'end a session of somebody else',
    [],
    'ssm:TerminateSession',
    `arn:aws:ssm:${base}:session/s-1`,
    { 'ssm:resourceTag/aws:ssmmessages:session-id': 'AROA:t' },
  ],
  [
    'open a data channel',
    ['developer', 'ci', 'jump-host'],
    'ssmmessages:OpenDataChannel',
    `arn:aws:ssm:${base}:session/s-1`,
    {},
  ],
  ['run commands', [], 'ssm:SendCommand', instance, tagged],
  [
    'log in as a test role',
    ['developer', 'ci'],
    'rds-db:connect',
    `${connect}:cluster-LOCAL/pt_ledger_app`,
    {},
  ],
  ['log in as a migrator', ['bootstrap'], 'rds-db:connect', `${connect}:cluster-LOCAL/ledger_migrator`, {}],
  ['log in as a real role', [], 'rds-db:connect', `${connect}:cluster-LOCAL/ledger_app`, {}],
  ['log in as the master', [], 'rds-db:connect', `${connect}:cluster-LOCAL/postern_master`, {}],
  ['log in by the cluster identifier', [], 'rds-db:connect', `${connect}:postern-local/pt_ledger_app`, {}],
  ['log in as themselves', ['developer'], 'rds-db:connect', `${connect}:cluster-LOCAL/developer`, {}],
  ['run the bootstrap', ['developer', 'deploy'], 'lambda:InvokeFunction', bootstrap, {}],
  ['run the test databases', ['developer', 'ci'], 'lambda:InvokeFunction', testdb, {}],
  ['run another version of them', [], 'lambda:InvokeFunction', `${testdb}:7`, {}],
  ['change code', ['deploy'], 'lambda:UpdateFunctionCode', bootstrap, {}],
  ['create other functions', [], 'lambda:CreateFunction', `arn:aws:lambda:${base}:function:other`, {}],
  [
    'hand on the execution role',
    ['deploy'],
    'iam:PassRole',
    'arn:aws:iam::123456789012:role/postern-bootstrap-local',
    { 'iam:PassedToService': 'lambda.amazonaws.com' },
  ],
  [
    'hand it to a machine',
    [],
    'iam:PassRole',
    'arn:aws:iam::123456789012:role/postern-bootstrap-local',
    { 'iam:PassedToService': 'ec2.amazonaws.com' },
  ],
  ['read the master secret', ['bootstrap', 'testdb'], 'secretsmanager:GetSecretValue', secret, {}],
  [
    'find the cluster',
    ['developer', 'ci'],
    'rds:DescribeDBClusters',
    `arn:aws:rds:${base}:cluster:postern-local`,
    {},
  ],
] as Array<[string, PrincipalName[], string, string, Record<string, string>]>)(
  'who may %s',
  (_name, allowed, action, resource, context) => {
    test(allowed.length === 0 ? 'nobody' : allowed.join(', '), () => {
      expect(everybody.filter((name) => may(name, action, resource, context))).toEqual(
        everybody.filter((name) => allowed.includes(name)),
      );
    });
  },
);

test('each has its policies under the names that Terraform gives them, and what it has more is only the deploy role', () => {
  const offlineOnly = everybody.flatMap((name) =>
    Object.keys(principals[name].offlineOnly).map((policy) => `${name}: ${policy}`),
  );
  expect(offlineOnly).toEqual(['deploy: offline-make-functions']);
  for (const { policies, offlineOnly: more, trust } of Object.values(principals)) {
    for (const document of Object.values({ ...policies, ...more })) checkPolicy(document, 'identity');
    if (trust !== undefined) checkPolicy(trust, 'trust');
  }
});
