import { CloudError } from '../errors.ts';
import { isConditionOperator } from './conditions.ts';
import type { PolicyDocument, PolicyStatement } from './policy.ts';
import { list } from './policy.ts';

/**
 * Checks a document by the grammar that IAM enforces when a policy is stored.
 * Throws `CLOUD_POLICY_INVALID` that names the statement.
 */
export function checkPolicy(document: PolicyDocument, type: 'identity' | 'trust'): void {
  if (typeof document !== 'object' || document === null) throw malformed('the document is not an object');
  if (document.Version !== undefined && !['2012-10-17', '2008-10-17'].includes(document.Version)) {
    throw malformed(`Version ${JSON.stringify(document.Version)} does not exist`);
  }
  const statements = list(document.Statement);
  if (statements.length === 0) throw malformed('Statement is missing');
  statements.forEach((statement, index) => {
    const problem = statementProblem(statement, type);
    if (problem !== undefined) throw malformed(`${statement?.Sid ?? `statement ${index + 1}`}: ${problem}`);
  });
}

function statementProblem(statement: PolicyStatement, type: 'identity' | 'trust'): string | undefined {
  if (typeof statement !== 'object' || statement === null) return 'is not an object';
  if (statement.Effect !== 'Allow' && statement.Effect !== 'Deny') return 'Effect must be Allow or Deny';
  const has = (name: keyof PolicyStatement): boolean => list(statement[name] as string[]).length > 0;
  if (has('Action') === has('NotAction')) return 'needs exactly one of Action and NotAction';
  if (type === 'identity' && has('Resource') === has('NotResource')) {
    return 'needs exactly one of Resource and NotResource';
  }
  if (type === 'identity' && statement.Principal !== undefined) return 'an identity policy has no Principal';
  if (type === 'trust' && statement.Principal === undefined) return 'a trust policy needs a Principal';
  for (const action of [...list(statement.Action), ...list(statement.NotAction)]) {
    if (action !== '*' && !/^[a-z0-9-]+:[a-zA-Z0-9*?]+$/i.test(action)) {
      return `${JSON.stringify(action)} is not an action`;
    }
  }
  for (const operator of Object.keys(statement.Condition ?? {})) {
    if (!isConditionOperator(operator)) return `unknown condition operator ${operator}`;
  }
  return undefined;
}

function malformed(problem: string): CloudError {
  return new CloudError('CLOUD_POLICY_INVALID', {
    kind: 'invalid',
    message: `Malformed policy document: ${problem}.`,
    hint: 'Compare it with the grammar in the IAM User Guide, "JSON policy language".',
  });
}
