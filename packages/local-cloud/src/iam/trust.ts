import { conditionsHold } from './conditions.ts';
import type { PolicyPrincipal, RequestContext } from './evaluate.ts';
import { actionMatches, contextIndex, principalArn } from './evaluate.ts';
import type { PolicyDocument, PolicyStatement } from './policy.ts';
import { list } from './policy.ts';

/**
 * What a role's trust policy says of a caller. `direct`: the caller is named, which suffices within one
 * account. `account`: its account is named, which delegates to the caller's own policies.
 */
export type TrustDecision = 'direct' | 'account' | 'none' | 'explicit-deny';

/** Who asks: an identity, a service, or whom an identity provider (its ARN) vouches for. */
export type TrustCaller = PolicyPrincipal | { readonly service: string } | { readonly federated: string };

export function evaluateTrust(
  trust: PolicyDocument,
  input: {
    action: string;
    caller: TrustCaller;
    context?: RequestContext;
  },
): TrustDecision {
  const principal = 'arn' in input.caller ? input.caller : undefined;
  const context = contextIndex(input.context, principal);
  const variables = trust.Version === '2012-10-17' ? context : undefined;
  let best: TrustDecision = 'none';
  for (const statement of list(trust.Statement)) {
    if (!actionMatches(statement, input.action)) continue;
    if (!conditionsHold(statement.Condition, context, variables)) continue;
    const match = principalMatch(statement, input.caller);
    if (match === 'none') continue;
    if (statement.Effect === 'Deny') return 'explicit-deny';
    if (best !== 'direct') best = match;
  }
  return best;
}

function principalMatch({ Principal }: PolicyStatement, caller: TrustCaller): 'direct' | 'account' | 'none' {
  if (Principal === undefined) return 'none';
  if (Principal === '*') return 'service' in caller ? 'none' : 'direct';
  if ('service' in caller) return list(Principal['Service']).includes(caller.service) ? 'direct' : 'none';
  if ('federated' in caller) {
    return list(Principal['Federated']).includes(caller.federated) ? 'direct' : 'none';
  }
  const named = list(Principal['AWS']);
  if (named.includes('*') || named.includes(caller.arn) || named.includes(principalArn(caller.arn))) {
    return 'direct';
  }
  const account = /^arn:[^:]+:[a-z]+::(\d+):/.exec(caller.arn)?.[1] ?? '';
  return named.some((name) => name === account || new RegExp(`^arn:[^:]+:iam::${account}:root$`).test(name))
    ? 'account'
    : 'none';
}
