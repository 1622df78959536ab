import type { PolicyDocument } from '@postern/local-cloud/iam';
import { describe, expect, test } from 'vitest';
import { answerCall, answerCaller, answerClaim, answerSession, elsewhere, may } from './ask.ts';
import { renderPolicy } from './render-policy.ts';
import { renderRole } from './roles.ts';
import { roleTables, trustTables } from './tables/all.ts';
import type { RoleTable } from './tables/row.ts';
import { variables } from './tables/scene.ts';

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

  test.each(claims.map((row) => [`${row[0]} ${row[1]}: ${row[2]}${shown(row[3])}`, row] as const))(
    '%s',
    (_title, row) => {
      expect(answerClaim(trust, row)).toBe(row[0]);
    },
  );

  test.each(
    callers.map((row) => [`${row[0]} ${JSON.stringify(row[1])}: ${row[2]}${shown(row[3])}`, row] as const),
  )('%s', (_title, row) => {
    expect(answerCaller(trust, row)).toBe(row[0]);
  });
});
