export type OneOrMore<T> = T | readonly T[];

/** `{ operator: { key: value(s) } }`; booleans and numbers are read as text, as IAM does. */
export type ConditionBlock = Readonly<
  Record<string, Readonly<Record<string, OneOrMore<string | boolean | number>>>>
>;

/** Who a resource-based (trust) policy speaks of. */
export type PrincipalBlock = '*' | Readonly<Record<string, OneOrMore<string>>>;

export interface PolicyStatement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action?: OneOrMore<string>;
  readonly NotAction?: OneOrMore<string>;
  readonly Resource?: OneOrMore<string>;
  readonly NotResource?: OneOrMore<string>;
  readonly Principal?: PrincipalBlock;
  readonly Condition?: ConditionBlock;
}

/** The JSON policy grammar, as far as it is evaluated here. `NotPrincipal` is not. */
export interface PolicyDocument {
  /** Policy variables exist only in `2012-10-17`; a document without a version is a 2008 one. */
  readonly Version?: '2012-10-17' | '2008-10-17';
  readonly Id?: string;
  readonly Statement: OneOrMore<PolicyStatement>;
}

export function list<T>(value: OneOrMore<T> | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}
