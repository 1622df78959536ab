import type { PolicyDocument, PolicyPrincipal, RequestContext } from '@postern/local-cloud/iam';
import { evaluate, evaluateTrust } from '@postern/local-cloud/iam';
import type { CallRow, Expected, SessionRow } from './tables/row.ts';
import { account, documents, github, region, type Target } from './tables/scene.ts';
import type { CallerRow, ClaimRow } from './tables/trust.ts';

/** The session that asks, `aws:userid` included. */
const principal: PolicyPrincipal = {
  arn: `arn:aws:sts::${account}:assumed-role/the-role/run-7`,
  userId: 'AROAEXAMPLEEXAMPLE123:run-7',
  accountId: account,
};

/** Whether identity policies allow one action on one resource. */
export function may(
  policies: readonly PolicyDocument[],
  action: string,
  resource: string,
  context: RequestContext = {},
): boolean {
  const keys = { 'aws:RequestedRegion': region, 'aws:SecureTransport': 'true', ...context };
  return evaluate({ policies, action, resource, context: keys, principal }).decision === 'allow';
}

/**
 * Whether StartSession succeeds. The service asks for the target, and for the document, whose own check carries no
 * key. Without a document in the request, permission on the target alone is enough for a shell, unless the policy
 * wants `ssm:SessionDocumentAccessCheck`: then the account's shell document has to be allowed, too.
 */
function mayStartSession(
  policies: readonly PolicyDocument[],
  target: Target,
  document: string | undefined,
): boolean {
  const onTarget = (check: 'true' | 'false'): boolean =>
    may(policies, 'ssm:StartSession', target.arn, {
      ...Object.fromEntries(
        Object.entries(target.tags).flatMap(([key, value]) => [
          [`ssm:resourceTag/${key}`, value],
          [`aws:ResourceTag/${key}`, value],
        ]),
      ),
      'ssm:SessionDocumentAccessCheck': check,
    });
  if (document === undefined && onTarget('false')) return true;
  return onTarget('true') && may(policies, 'ssm:StartSession', document ?? documents.shellPreferences);
}

/** The same thing in another region, and in another account, as far as its ARN has them. */
export function elsewhere(arn: string): readonly string[] {
  if (arn === '*') return [];
  const [, partition, service, inRegion, ofAccount, ...rest] = arn.split(':');
  const build = (...parts: readonly (string | undefined)[]): string =>
    ['arn', partition, service, ...parts, ...rest].join(':');
  return [
    ...(inRegion === '' ? [] : [build('us-east-1', ofAccount)]),
    ...(ofAccount === '' ? [] : [build(inRegion, '210987654321')]),
  ];
}

export function answerCall(policies: readonly PolicyDocument[], row: CallRow): Expected {
  const [, action, resource, , context] = row;
  return may(policies, action, resource, context) ? 'allow' : 'deny';
}

export function answerSession(policies: readonly PolicyDocument[], row: SessionRow): Expected {
  const [, target, document] = row;
  return mayStartSession(policies, target, document) ? 'allow' : 'deny';
}

const mainBranch = 'refs/heads/main';

/** AssumeRoleWithWebIdentity with a token that has the row's claims. */
export function answerClaim(trust: PolicyDocument, row: ClaimRow): Expected {
  const [, subject, , unusual] = row;
  const decision = evaluateTrust(trust, {
    action: unusual?.action ?? 'sts:AssumeRoleWithWebIdentity',
    caller: { federated: unusual?.provider ?? github },
    context: {
      'token.actions.githubusercontent.com:sub': subject,
      'token.actions.githubusercontent.com:aud': unusual?.audience ?? 'sts.amazonaws.com',
      ...(unusual?.ref === null
        ? {}
        : { 'token.actions.githubusercontent.com:ref': unusual?.ref ?? mainBranch }),
    },
  });
  return decision === 'direct' ? 'allow' : 'deny';
}

/** AssumeRole by a service or an identity, as far as the role is concerned. */
export function answerCaller(trust: PolicyDocument, row: CallerRow): Expected {
  const [, asking, , context] = row;
  const decision = evaluateTrust(trust, {
    action: 'sts:AssumeRole',
    caller: 'service' in asking ? asking : { ...principal, arn: asking.arn },
    ...(context === undefined ? {} : { context }),
  });
  return decision === 'direct' ? 'allow' : 'deny';
}
