/*
 * The tables are worth what they would notice. Each statement, action, resource and condition of each policy is taken
 * away, and each is widened to all resources: some row has to come out otherwise. (Other patterns need a reason in
 * wildcards.ts.)
 */
import type { OneOrMore, PolicyDocument, PolicyStatement } from '@postern/local-cloud/iam';
import { describe, expect, test } from 'vitest';
import { answerCall, answerCaller, answerClaim, answerSession } from './ask.ts';
import { renderPolicy } from './render-policy.ts';
import { renderRole } from './roles.ts';
import { roleTables, trustTables } from './tables/all.ts';
import type { RoleTable } from './tables/row.ts';
import { variables } from './tables/scene.ts';

interface Mutant {
  readonly what: string;
  readonly statements: readonly PolicyStatement[];
}

const list = <T>(value: OneOrMore<T> | undefined): readonly T[] =>
  value === undefined ? [] : ([value].flat() as readonly T[]);

/** What a careless edit could make of one statement. */
function* mutantsOf(statement: PolicyStatement): Generator<Mutant> {
  const actions = list(statement.Action);
  const resources = list(statement.Resource);
  yield { what: 'is gone', statements: [] };
  for (const action of actions) {
    const others = actions.filter((each) => each !== action);
    if (others.length > 0) yield { what: `has no ${action}`, statements: [{ ...statement, Action: others }] };
  }
  for (const resource of resources) {
    const others = resources.filter((each) => each !== resource);
    if (others.length > 0) {
      yield { what: `has no ${resource}`, statements: [{ ...statement, Resource: others }] };
    }
  }
  for (const [operator, keys] of Object.entries(statement.Condition ?? {})) {
    for (const key of Object.keys(keys)) {
      const { [key]: _gone, ...rest } = keys;
      const Condition = { ...statement.Condition, [operator]: rest };
      yield { what: `has no condition ${key}`, statements: [{ ...statement, Condition }] };
    }
  }
  if (statement.Effect === 'Deny') return;
  if (!resources.includes('*')) yield { what: 'is for "*"', statements: [{ ...statement, Resource: '*' }] };
}

function passes({ sessions = [], calls }: RoleTable, policies: readonly PolicyDocument[]): boolean {
  return (
    sessions.every((row) => answerSession(policies, row) === row[0]) &&
    calls.every((row) => answerCall(policies, row) === row[0])
  );
}

describe.each(roleTables)('$title', (table) => {
  const rendered = renderRole(table.role, { ...variables, ...table.variables }, table.without);
  const survivors = Object.entries(rendered).flatMap(([name, document]) =>
    list(document.Statement).flatMap((statement) =>
      [...mutantsOf(statement)]
        .filter(({ statements }) => {
          const changed = list(document.Statement).flatMap((each) =>
            each === statement ? statements : [each],
          );
          const others = Object.entries(rendered).filter(([other]) => other !== name);
          return passes(table, [
            ...others.map(([, policy]) => policy),
            { Version: '2012-10-17', Statement: changed },
          ]);
        })
        .map(({ what }) => `${name}#${statement.Sid} ${what}`),
    ),
  );

  test('a row notices whatever is taken away or widened', () => {
    expect(survivors).toEqual([]);
  });
});

describe.each([...new Set(trustTables.map(({ policy }) => policy))])('%s', (policy) => {
  const tables = trustTables.filter((table) => table.policy === policy);
  const [template] = list(renderPolicy(policy, { ...variables, ...tables[0]?.variables }).Statement);
  const mutants = template === undefined ? [] : [...mutantsOf(template)];

  test.each(mutants.filter(({ what }) => what.includes('condition')))(
    'a row notices that it $what',
    ({ what }) => {
      const noticed = tables.some(({ variables: own, claims = [], callers = [] }) => {
        const trust = renderPolicy(policy, { ...variables, ...own });
        const [statement] = list(trust.Statement);
        const mutant = [...mutantsOf(statement as PolicyStatement)].find((each) => each.what === what);
        const changed: PolicyDocument = { Version: '2012-10-17', Statement: mutant?.statements ?? [] };
        return (
          claims.some((row) => answerClaim(changed, row) !== row[0]) ||
          callers.some((row) => answerCaller(changed, row) !== row[0])
        );
      });
      expect(noticed).toBe(true);
    },
  );

  test('a row says who may', () => {
    const allowed = tables.flatMap(({ claims = [], callers = [] }) =>
      [...claims, ...callers].filter(([expected]) => expected === 'allow'),
    );
    expect(allowed.length).toBeGreaterThan(0);
  });
});
