import type { PolicyDocument, TrustCaller } from '@postern/local-cloud/iam';
import { evaluateTrust } from '@postern/local-cloud/iam';
import { describe, expect, test } from 'vitest';
import { answerCall, answerSession, elsewhere, may, principal } from './ask.ts';
import { renderPolicy } from './render-policy.ts';
import { renderRole } from './roles.ts';
import { roleTables, trustTables } from './tables/all.ts';
import type { RoleTable } from './tables/row.ts';
import { github, variables } from './tables/scene.ts';

const named = (arn: string | undefined): string => arn?.split(':').slice(5).join(':') || arn || 'no document';
const shown = (context: unknown): string => (context === undefined ? '' : ` ${JSON.stringify(context)}`);

function policiesOf({ role, without, variables: own }: RoleTable): readonly PolicyDocument[] {
  return Object.values(renderRole(role, { ...variables, ...own }, without));
}

describe.each(roleTables)('$title', (table) => {
  const policies = policiesOf(table);

  test.each(
    (table.sessions ?? []).map((row) => {
      const [expected, target, document, why] = row;
      return [`${expected} StartSession ${named(target.arn)} with ${named(document)}: ${why}`, row] as const;
    }),
  )('%s', (_title, row) => {
    expect(answerSession(policies, row)).toBe(row[0]);
  });

  test.each(
    table.calls.map((row) => {
      const [expected, action, resource, why, context] = row;
      return [`${expected} ${action} ${named(resource)}: ${why}${shown(context)}`, row] as const;
    }),
  )('%s', (_title, row) => {
    expect(answerCall(policies, row)).toBe(row[0]);
  });

  test('what is allowed is allowed in this account and region only', () => {
    const allowed = table.calls.flatMap(([expected, action, resource, , context]) =>
      expected === 'deny' ? [] : elsewhere(resource).filter((arn) => may(policies, action, arn, context)),
    );
    expect(allowed).toEqual([]);
    for (const [expected, target, document, why] of table.sessions ?? []) {
      if (expected === 'deny' || document === undefined) continue;
      for (const arn of elsewhere(target.arn)) {
        expect(answerSession(policies, ['deny', { ...target, arn }, document, why])).toBe('deny');
      }
      for (const other of elsewhere(document)) {
        expect(answerSession(policies, ['deny', target, other, why])).toBe('deny');
      }
    }
  });
});

describe.each(trustTables)('trust: $title', ({ policy, variables: own, claims = [], callers = [] }) => {
  const trust = renderPolicy(policy, { ...variables, ...own });
  const answer = (action: string, caller: TrustCaller, context: Record<string, string> = {}): string =>
    evaluateTrust(trust, { action, caller, context }) === 'direct' ? 'allow' : 'deny';

  test.each(claims.map((row) => [`${row[0]} ${row[1]}: ${row[2]}${shown(row[3])}`, row] as const))(
    '%s',
    (_title, [expected, subject, , unusual]) => {
      const context = {
        'token.actions.githubusercontent.com:sub': subject,
        'token.actions.githubusercontent.com:aud': unusual?.audience ?? 'sts.amazonaws.com',
      };
      const caller = { federated: unusual?.provider ?? github };
      expect(answer(unusual?.action ?? 'sts:AssumeRoleWithWebIdentity', caller, context)).toBe(expected);
    },
  );

  test.each(
    callers.map((row) => [`${row[0]} ${JSON.stringify(row[1])}: ${row[2]}${shown(row[3])}`, row] as const),
  )('%s', (_title, [expected, caller, , context]) => {
    const asking = 'service' in caller ? caller : { ...principal, arn: caller.arn };
    expect(answer('sts:AssumeRole', asking, context)).toBe(expected);
  });
});
