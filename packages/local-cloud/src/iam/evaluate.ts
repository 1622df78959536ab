import { conditionsHold } from './conditions.ts';
import type { ContextIndex } from './pattern.ts';
import { matchesArn, matchesWildcard } from './pattern.ts';
import type { PolicyDocument, PolicyStatement } from './policy.ts';
import { list } from './policy.ts';

/** The caller, as far as policies can ask about it. */
export interface PolicyPrincipal {
  /** A user's ARN, or an assumed role's session ARN. */
  readonly arn: string;
  /** `AIDA…` of a user, `AROA…:session` of an assumed role. */
  readonly userId: string;
  readonly accountId?: string;
  /** Users only; an assumed role has no `aws:username`. */
  readonly username?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** Condition keys of the request, in any letter case. */
export type RequestContext = Readonly<Record<string, string | readonly string[]>>;

export interface EvaluateInput {
  readonly policies: readonly PolicyDocument[];
  /** As `service:Operation`. */
  readonly action: string;
  /** An ARN, or `*` for actions that know no resource. */
  readonly resource: string;
  readonly context?: RequestContext;
  readonly principal?: PolicyPrincipal;
}

export type Decision = 'allow' | 'explicit-deny' | 'implicit-deny';

export interface EvaluateResult {
  readonly decision: Decision;
  /** The statement that decided; absent for an implicit deny. */
  readonly statement?: PolicyStatement;
}

/**
 * IAM's evaluation of identity-based policies: an applicable Deny wins, then any Allow, else deny.
 * Source: IAM User Guide, "Policy evaluation logic".
 */
export function evaluate(input: EvaluateInput): EvaluateResult {
  const context = contextIndex(input.context, input.principal);
  let allowed: PolicyStatement | undefined;
  for (const document of input.policies) {
    const variables = document.Version === '2012-10-17' ? context : undefined;
    for (const statement of list(document.Statement)) {
      if (!statementApplies(statement, input, context, variables)) continue;
      if (statement.Effect === 'Deny') return { decision: 'explicit-deny', statement };
      allowed ??= statement;
    }
  }
  return allowed === undefined ? { decision: 'implicit-deny' } : { decision: 'allow', statement: allowed };
}

/** All condition keys by lower-case name; those of the principal are derived here. */
export function contextIndex(
  context: RequestContext | undefined,
  principal: PolicyPrincipal | undefined,
): Map<string, readonly string[]> {
  const index = new Map<string, readonly string[]>();
  const set = (key: string, value: string | readonly string[] | undefined): void => {
    if (value !== undefined) index.set(key.toLowerCase(), typeof value === 'string' ? [value] : value);
  };
  for (const [key, value] of Object.entries(context ?? {})) set(key, value);
  if (principal !== undefined) {
    set('aws:PrincipalArn', principalArn(principal.arn));
    set('aws:userid', principal.userId);
    set('aws:username', principal.username);
    set('aws:PrincipalAccount', principal.accountId);
    set('aws:PrincipalType', principal.username === undefined ? 'AssumedRole' : 'User');
    for (const [tag, value] of Object.entries(principal.tags ?? {})) set(`aws:PrincipalTag/${tag}`, value);
  }
  return index;
}

/** `aws:PrincipalArn` of an assumed role is the role itself, not the session. */
export function principalArn(callerArn: string): string {
  const session = /^arn:([^:]+):sts::(\d+):assumed-role\/(.+)\/[^/]+$/.exec(callerArn);
  return session === null ? callerArn : `arn:${session[1]}:iam::${session[2]}:role/${session[3]}`;
}

function statementApplies(
  statement: PolicyStatement,
  input: EvaluateInput,
  context: ContextIndex,
  variables: ContextIndex | undefined,
): boolean {
  return (
    actionMatches(statement, input.action) &&
    resourceMatches(statement, input.resource, variables) &&
    conditionsHold(statement.Condition, context, variables)
  );
}

/** Action names are compared without regard to letter case. */
export function actionMatches(statement: PolicyStatement, action: string): boolean {
  const matches = (pattern: string): boolean => matchesWildcard(pattern.toLowerCase(), action.toLowerCase());
  return statement.NotAction === undefined
    ? list(statement.Action).some(matches)
    : !list(statement.NotAction).some(matches);
}

function resourceMatches(
  statement: PolicyStatement,
  resource: string,
  variables: ContextIndex | undefined,
): boolean {
  const matches = (pattern: string): boolean => matchesArn(pattern, resource, variables);
  return statement.NotResource === undefined
    ? list(statement.Resource).some(matches)
    : !list(statement.NotResource).some(matches);
}
