export { AccessDenied, accessDeniedMessage, type DenialReason } from './access-denied.ts';
export type { AccessKey, Caller, Credentials } from './caller.ts';
export { checkPolicy } from './check-policy.ts';
export {
  IamDirectory,
  type IamDirectoryOptions,
  type IamRole,
  type IamUse,
  type IamUser,
} from './directory.ts';
export {
  type Decision,
  type EvaluateInput,
  type EvaluateResult,
  evaluate,
  type PolicyPrincipal,
  type RequestContext,
} from './evaluate.ts';
export type { PrincipalScope } from './module-policies.ts';
export type {
  ConditionBlock,
  OneOrMore,
  PolicyDocument,
  PolicyStatement,
  PrincipalBlock,
} from './policy.ts';
export {
  type PredefinedPrincipal,
  type PrincipalName,
  predefinedPrincipals,
  principalNames,
} from './principals.ts';
export { evaluateTrust, type TrustCaller, type TrustDecision } from './trust.ts';
