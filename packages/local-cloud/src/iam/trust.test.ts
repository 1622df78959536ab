import { describe, expect, test } from 'vitest';
import type { PolicyDocument } from './policy.ts';
import { evaluateTrust } from './trust.ts';

const github = 'arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com';
const subject = 'token.actions.githubusercontent.com:sub';
const trust: PolicyDocument = {
  Version: '2012-10-17',
  Statement: {
    Effect: 'Allow',
    Principal: { Federated: github },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: { StringEquals: { [subject]: 'repo:acme/shop:ref:refs/heads/main' } },
  },
};

describe('whom an identity provider vouches for', () => {
  test.each([
    ['the provider that is named', github, 'sts:AssumeRoleWithWebIdentity', 'main', 'direct'],
    ['another provider', `${github}.example`, 'sts:AssumeRoleWithWebIdentity', 'main', 'none'],
    ['another action', github, 'sts:AssumeRole', 'main', 'none'],
    ['another claim', github, 'sts:AssumeRoleWithWebIdentity', 'other', 'none'],
  ])('%s', (_name, federated, action, branch, decision) => {
    const context = { [subject]: `repo:acme/shop:ref:refs/heads/${branch}` };
    expect(evaluateTrust(trust, { action, caller: { federated }, context })).toBe(decision);
  });

  test('is no identity of the account, and no service', () => {
    const action = 'sts:AssumeRoleWithWebIdentity';
    const context = { [subject]: 'repo:acme/shop:ref:refs/heads/main' };
    for (const caller of [{ service: github }, { arn: github, userId: 'AROA:x' }]) {
      expect(evaluateTrust(trust, { action, caller, context })).toBe('none');
    }
  });
});
