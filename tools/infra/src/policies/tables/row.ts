import type { RequestContext } from '@postern/local-cloud/iam';
import type { PolicyName, PolicyVariables } from '../render-policy.ts';
import type { RoleName } from '../roles.ts';
import type { Target } from './scene.ts';

export type Expected = 'allow' | 'deny';

/** A call with the condition keys that the service sends: expected, action, resource, why, context. */
export type CallRow = readonly [
  expected: Expected,
  action: string,
  resource: string,
  why: string,
  context?: RequestContext,
];

/** StartSession, which the service checks on target and document: expected, target, document, why. */
export type SessionRow = readonly [
  expected: Expected,
  target: Target,
  document: string | undefined,
  why: string,
];

/** What one role may and may not do. */
export interface RoleTable {
  readonly title: string;
  readonly role: RoleName;
  /** Optional policies that this variant of the role does not have. */
  readonly without?: readonly PolicyName[];
  readonly variables?: PolicyVariables;
  readonly sessions?: readonly SessionRow[];
  readonly calls: readonly CallRow[];
}
