import { readdirSync, readFileSync } from 'node:fs';
import type { OneOrMore, PolicyStatement } from '@postern/local-cloud/iam';
import { checkPolicy } from '@postern/local-cloud/iam';
import { describe, expect, test } from 'vitest';
import { policyNames, policyVariables, readTemplate, renderPolicy } from './render-policy.ts';
import { policiesOf, type RoleName, renderRole, roles } from './roles.ts';
import { variables } from './tables/scene.ts';
import { wildcardReasons } from './wildcards.ts';

const isTrust = (name: string): boolean => /\/trust-/.test(name);
const list = <T>(value: OneOrMore<T> | undefined): readonly T[] =>
  value === undefined ? [] : ([value].flat() as readonly T[]);
const subjects = { ...variables, subjects: ['repo:acme/shop:pull_request'] };
const statements = policyNames().flatMap((policy) =>
  list(renderPolicy(policy, subjects).Statement).map((statement) => ({
    policy,
    statement,
    id: `${policy}#${statement.Sid}`,
  })),
);

describe.each(policyNames())('%s', (name) => {
  test('is a policy that IAM takes', () => {
    const policy = renderPolicy(name, subjects);
    expect(Object.keys(policy)).toEqual(['Version', 'Statement']);
    expect(policy.Version).toBe('2012-10-17');
    expect(() => checkPolicy(policy, isTrust(name) ? 'trust' : 'identity')).not.toThrow();
  });

  test('names no partition, account or region, so that it is right everywhere', () => {
    expect(readTemplate(name)).not.toMatch(/arn:aws|\d{12}|(eu|us|ap)-[a-z]+-\d/);
    expect(JSON.stringify(renderPolicy(name, subjects))).not.toMatch(/undefined|null/);
  });

  test("is used by its module, and by a role of the table's", () => {
    const [module, file] = name.split('/') as [string, string];
    const folder = new URL(`../../../../infra/modules/${module}/`, import.meta.url);
    const text = readdirSync(folder)
      .filter((entry) => entry.endsWith('.tf'))
      .map((entry) => readFileSync(new URL(entry, folder), 'utf8'))
      .join('\n');
    expect(text).toMatch(new RegExp(`(?<![\\w-])${file}(?![\\w-])`));
    const used = (Object.keys(roles) as RoleName[]).some(
      (role) => [roles[role].trust, roles[role].otherTrust].includes(name) || policiesOf(role).includes(name),
    );
    expect(used).toBe(true);
  });
});

test('every variable that a template wants is among those that the modules give', () => {
  const wanted = new Set(policyNames().flatMap((name) => Object.keys(policyVariables(name))));
  expect([...wanted].filter((name) => !(name in subjects))).toEqual([]);
});

test('statements are told apart by their Sid, within each role', () => {
  expect(statements.filter(({ statement }) => !/^[A-Za-z0-9]+$/.test(statement.Sid ?? ''))).toEqual([]);
  for (const role of Object.keys(roles) as RoleName[]) {
    const names = policiesOf(role);
    const sids = statements
      .filter(({ policy }) => names.includes(policy))
      .map(({ statement }) => statement.Sid);
    expect(new Set(sids).size, role).toBe(sids.length);
  }
});

test('nothing is allowed by a pattern of actions, or by leaving out what is not', () => {
  const patterns = ({ statement }: { statement: PolicyStatement }): boolean =>
    statement.Effect === 'Allow' &&
    (list(statement.Action).some((action) => /[*?]/.test(action)) ||
      statement.NotAction !== undefined ||
      statement.NotResource !== undefined);
  expect(statements.filter(patterns).map(({ id }) => id)).toEqual([]);
});

test('each resource with a wildcard has a reason, and no reason outlives its statement', () => {
  const open = statements.filter(({ statement }) =>
    list(statement.Resource).some((resource) => /[*?]/.test(resource)),
  );
  expect(open.map(({ id }) => id).sort()).toEqual(Object.keys(wildcardReasons).sort());
});

test('nobody who is not named takes a role', () => {
  const open = statements.filter(({ policy }) => isTrust(policy));
  expect(open.filter(({ statement }) => JSON.stringify(statement.Principal).includes('*'))).toEqual([]);
});

describe.each(Object.keys(roles) as RoleName[])('the role %s', (role) => {
  // IAM counts no white space; ten times the length of a name in use leaves room for real ones.
  test("has room under IAM's 10,240 characters of inline policies", () => {
    const text = Object.values(renderRole(role, variables)).map((policy) => JSON.stringify(policy));
    expect(text.join('').length).toBeLessThan(5_120);
  });

  test('has a policy that only some variant of it wants in optional, not in both', () => {
    const { policies, optional } = roles[role];
    expect(policies.filter((name) => optional.includes(name))).toEqual([]);
  });
});

const ciAccess = readFileSync(
  new URL('../../../../infra/modules/ci-access/main.tf', import.meta.url),
  'utf8',
);

test('a trust policy that the module lets pass is short enough for IAM', () => {
  const limit =
    /length\(jsonencode\(local\.subjects\[each\.key\]\)\) \+ length\(jsonencode\(local\.refs\[each\.key\]\)\) <= (\d+)/;
  const longest = Number(limit.exec(ciAccess)?.[1]);
  const provider = 'arn:aws-us-gov:iam::123456789012:oidc-provider/token.actions.githubusercontent.com';
  const empty = { oidc_provider_arn: provider, subjects: [], refs: [] };
  const rest = JSON.stringify(renderPolicy('ci-access/trust-github-deploy', empty)).length - '[][]'.length;
  expect(longest + rest).toBeLessThanOrEqual(2048);
  expect(longest + rest).toBeGreaterThan(2000);
});

test('a developer role with as many database users as the module lets pass is short enough for IAM', () => {
  const limit = /local\.user_prefix_length \+ length\(user\)\]\)\) <= (\d+)/;
  const longest = Number(limit.exec(ciAccess)?.[1]);
  const arns = Object.entries(variables).filter(([key]) => key.endsWith('_arn'));
  const long = {
    ...variables,
    ...Object.fromEntries(arns.map(([key, arn]) => [key, String(arn).padEnd(160, 'x')])),
    tag_key: 'k'.repeat(128),
    tag_value: 'v'.repeat(256),
  };
  const rest = Object.values(renderRole('developer', { ...long, user_arns: [] }))
    .map((policy) => JSON.stringify(policy))
    .join('').length;
  expect(longest).toBeGreaterThan(5000);
  expect(longest + rest).toBeLessThanOrEqual(10_240);
});
