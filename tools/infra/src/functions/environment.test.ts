import { readFile } from 'node:fs/promises';
import { handler } from '@postern/bootstrap/handler';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

/* What the module bootstrap-lambda puts into the functions' environment is asked of the function itself: it refuses
 * variables that it does not know, before it looks at the event, and actions that are not allowed, before it opens anything. */

const folder = new URL('../../../../infra/modules/bootstrap-lambda/', import.meta.url);
const main = await readFile(new URL('main.tf', folder), 'utf8');
const inputs = await readFile(new URL('variables.tf', folder), 'utf8');

const quoted = (list: string | undefined): string[] =>
  [...(list ?? '').matchAll(/"([^"]+)"/g)].map((match) => match[1] as string);

/** The names in `local.environment`, which is all that `environment { variables = … }` has. */
const names = [
  ...new Set((/\n {2}environment = \{\n.*?\n {2}\}\n/s.exec(main)?.[0] ?? '').match(/POSTERN_\w+/g)),
];
const [bootstrapKnows = [], testdbActions = []] = [
  ...main.matchAll(/\bactions\s*=\s*\[(?:for action in \[)?([^\]]*)\]/g),
].map((match) => quoted(match[1]));
const bootstrapDefault = quoted(
  /variable "bootstrap_actions" \{.*?default\s*=\s*\[([^\]]*)\]/s.exec(inputs)?.[1],
);
const bootstrapAccepts = quoted(/setsubtract\(var\.bootstrap_actions, \[([^\]]*)\]\)/.exec(inputs)?.[1]);

/** As `tests/functions.tftest.hcl` finds them after a plan with all options. */
const values: Readonly<Record<string, string>> = {
  POSTERN_DB_HOST: 'app-staging.cluster-c0ffee.eu-west-2.rds.amazonaws.com',
  POSTERN_DB_PORT: '5432',
  POSTERN_DB_SECRET_ARN: 'arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!cluster-0b1c-AbCdEf',
  POSTERN_DB_CA: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  POSTERN_ALLOWED_ACTIONS: 'ping',
  POSTERN_TEST_DATABASES: 'true',
  POSTERN_LOG_SQL: 'masked',
  POSTERN_MIGRATION_LOCK_TIMEOUT_MS: '5000',
  POSTERN_MIGRATION_STATEMENT_TIMEOUT_MS: '600000',
};

const hash = '0'.repeat(64);
const run = 'abcdefgh';
const clone = `pt_00000000_r${run}_1`;
const requests = {
  ping: {},
  plan: {},
  apply: {},
  status: {},
  migrate: {},
  down: { database: 'ledger', count: 1, dryRun: true },
  fake: { database: 'ledger' },
  prune: {},
  prepare: { database: 'ledger', hash, run, count: 1 },
  publish: { database: 'ledger', hash, run, count: 1, migrations: [] },
  branch: { database: 'ledger', hash, run, from: clone },
  drop: { run },
  sweep: {},
};
type Action = keyof typeof requests;
const all = Object.keys(requests) as Action[];

/** What the function answers: the file beside its source is no artefact, so that what is allowed ends there. */
async function answer(action: string, environment: Readonly<Record<string, string>>): Promise<string> {
  vi.unstubAllEnvs();
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const response = await handler({ action, ...requests[action as Action] });
  if (!('ok' in response)) return 'no answer of the contract';
  return response.ok ? 'done' : response.error.code;
}

beforeEach(() => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe("the module's functions", () => {
  test('have only variables that the artefact knows, and each of them is tried here', async () => {
    expect(names.sort()).toEqual(Object.keys(values).sort());
    expect(await answer('ping', values)).toBe('BOOTSTRAP_ARTEFACT_INVALID');
  });

  test('would not start with a name that the artefact does not know', async () => {
    expect(await answer('ping', { ...values, POSTERN_DB_NAME: 'ledger' })).toBe('BOOTSTRAP_CONFIG_INVALID');
  });

  test.each([
    ['bootstrap', bootstrapDefault, ['ping', 'plan', 'apply', 'status', 'migrate']],
    [
      'bootstrap with all that it may ever do',
      bootstrapKnows,
      ['ping', 'plan', 'apply', 'status', 'migrate', 'prune', 'down', 'fake'],
    ],
    ['testdb', testdbActions, ['ping', 'prepare', 'publish', 'branch', 'drop', 'sweep']],
  ])('%s does its actions and no others', async (_name, actions, expected) => {
    expect(actions).toEqual(expected);
    const environment = { ...values, POSTERN_ALLOWED_ACTIONS: actions.join(',') };
    for (const action of all) {
      expect([action, await answer(action, environment)]).toEqual([
        action,
        actions.includes(action) ? 'BOOTSTRAP_ARTEFACT_INVALID' : 'BOOTSTRAP_ACTION_FORBIDDEN',
      ]);
    }
  });

  test('cannot be given an action of which the artefact knows nothing', () => {
    expect(bootstrapAccepts).toEqual(bootstrapKnows);
    expect([...new Set([...bootstrapKnows, ...testdbActions])].sort()).toEqual([...all].sort());
  });

  test('are told to apply in a form in which a failure fails the apply of Terraform', async () => {
    for (const [name, value] of Object.entries({ ...values, POSTERN_ALLOWED_ACTIONS: 'apply' })) {
      vi.stubEnv(name, value);
    }
    const invocations = await readFile(new URL('invocations.tf', folder), 'utf8');
    expect(invocations).toContain('{ action = "apply", tf = { action = "create" } }');
    const input = { action: 'apply', tf: { action: 'create' }, databases: ['ledger'] };
    await expect(handler(input)).rejects.toMatchObject({ name: 'BOOTSTRAP_ARTEFACT_INVALID' });
  });

  test('write the metric that the alarm counts, also when they could not even start', async () => {
    const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    await answer('ping', { ...values, POSTERN_DB_PORT: 'none' });
    const [metrics] = written.mock.calls
      .map(([line]) => JSON.parse(String(line)) as Record<string, unknown>)
      .filter((line) => '_aws' in line);
    expect(metrics).toMatchObject({
      _aws: { CloudWatchMetrics: [{ Namespace: 'Postern', Dimensions: [['function_name', 'action']] }] },
      action: 'none',
      Failures: 1,
    });
    const alarms = await readFile(new URL('alarms.tf', folder), 'utf8');
    expect(alarms).toMatch(/namespace\s+= "Postern"\n\s+metric_name = "Failures"/);
    expect(alarms).toMatch(/dimensions = \{\n\s+function_name = .*\n\s+action\s+= .*\n\s+\}/);
    expect(alarms).toContain('concat(each.value.actions, ["none"])');
  });
});
