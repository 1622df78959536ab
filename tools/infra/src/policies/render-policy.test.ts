import { describe, expect, test } from 'vitest';
import { policyNames, policyVariables, renderPolicy } from './render-policy.ts';

describe('renderPolicy', () => {
  test('a text goes into its string, a list becomes a JSON list', () => {
    const policy = renderPolicy('ci-access/ci-target-instance', {
      target_arns: ['arn:aws:ec2:eu-west-2:123456789012:instance/*', 'arn:aws:ec2:eu-west-1:1:instance/*'],
      tag_key: 'postern:jump-host',
      tag_value: 'app-staging',
    });
    expect(policy.Statement).toMatchObject([
      {
        Resource: ['arn:aws:ec2:eu-west-2:123456789012:instance/*', 'arn:aws:ec2:eu-west-1:1:instance/*'],
        Condition: { StringEquals: { 'ssm:resourceTag/postern:jump-host': 'app-staging' } },
      },
    ]);
  });

  test("IAM's own variables stay", () => {
    const policy = renderPolicy('ci-access/ci-tunnel', {
      document_arn: 'arn:aws:ssm:eu-west-2:123456789012:document/postern-app-staging',
      partition: 'aws',
      region: 'eu-west-2',
      account_id: '123456789012',
    });
    expect(JSON.stringify(policy)).toContain(`"\${aws:userid}"`);
  });

  test('variables are told with their kind', () => {
    expect(policyVariables('ci-access/ci-target-instance')).toEqual({
      target_arns: 'list',
      tag_key: 'string',
      tag_value: 'string',
    });
    expect(policyVariables('ci-access/discover-sessions')).toEqual({});
  });

  test.each([
    ['a missing variable', 'ci-access/ci-test-databases', {}, 'no variable "testdb_arn"'],
    ['a list for a text', 'ci-access/ci-test-databases', { testdb_arn: ['a'] }, 'has to be a text'],
    ['a quote', 'ci-access/ci-test-databases', { testdb_arn: '", "Action": "*' }, 'end its JSON string'],
    [
      'a name inherited from Object',
      'ci-access/ci-test-databases',
      Object.create({ testdb_arn: 'a' }),
      'no var',
    ],
    ['a way out of the folder', 'ci-access/../../secrets', {}, 'is not <module>/<policy>'],
  ] as const)('%s is refused', (_name, file, variables, message) => {
    expect(() => renderPolicy(file, variables)).toThrow(message);
  });

  test('all modules with roles have their templates', () => {
    expect(new Set(policyNames().map((name) => name.split('/')[0]))).toEqual(
      new Set(['bootstrap-lambda', 'ci-access', 'database', 'database-user', 'jump-host']),
    );
  });
});
