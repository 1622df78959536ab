import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { collectDatabases } from '@postern/bootstrap/build';
import { loadConfig, resolveEnvironment } from '@postern/connect';
import { parseCommand } from '@postern/connect/functions';
import { describe, expect, test } from 'vitest';
import { parseByHashicorp } from '../hcl/hashicorp.ts';

const root = resolve(import.meta.dirname, '../../../..');

interface Parsed {
  locals?: [{ services?: Record<string, { users: string[]; people: string[] }> }];
  output?: { postern?: [{ value: Record<string, unknown> }] };
}

async function parsed(file: string): Promise<Parsed> {
  const path = join(root, 'infra/examples', file);
  return await parseByHashicorp(path, readFileSync(path, 'utf8'));
}

describe('the complete example', async () => {
  const services = (await parsed('complete/services.tf')).locals?.[0].services ?? {};
  const { databases } = await collectDatabases({ root, databases: ['apps/ledger', 'apps/statements'] });
  const declared = databases.flatMap(({ roles }) => roles);
  const logins = declared.filter(({ login }) => login === 'iam').map(({ name }) => name);

  test('is for the services of this repository', () => {
    expect(Object.keys(services).toSorted()).toEqual(databases.map(({ name }) => name).toSorted());
  });

  test.each(Object.entries(services))(
    'lets %s log in as users that are declared, and its own',
    (service, { users }) => {
      expect(users).toContain(`${service}_app`);
      for (const user of users) {
        expect(logins).toContain(user);
        expect(user.startsWith(`${service}_`)).toBe(true);
      }
    },
  );

  test('leaves no login without somebody who has it', () => {
    const given = Object.values(services).flatMap(({ users, people }) => [...users, ...people]);
    expect(given.toSorted()).toEqual(logins.toSorted());
  });
});

test('the complete example deploys from the branch that deploy.yml runs on, and from no other', async () => {
  const variables = readFileSync(join(root, 'infra/examples/complete/variables.tf'), 'utf8');
  const declared = /variable "deploy_branches"[^}]*?default += (\[[^\n]*\])/s.exec(variables)?.[1] ?? 'null';
  const workflow = readFileSync(join(root, '.github/workflows/deploy.yml'), 'utf8');
  const [branch = ''] = JSON.parse(declared) as string[];
  expect(JSON.parse(declared)).toHaveLength(1);
  expect(workflow).toMatch(new RegExp(`push:\\n +branches: \\[${branch}\\]\\n`));
  expect(workflow).toContain(`github.ref == 'refs/heads/${branch}'`);
  const main = readFileSync(join(root, 'infra/examples/complete/main.tf'), 'utf8');
  expect(main).toMatch(/deploy_branches\s+= var\.deploy_branches/);
});

test('a pool that nobody closes does not keep the example’s cluster awake', () => {
  const main = readFileSync(join(root, 'infra/examples/complete/main.tf'), 'utf8');
  expect(main).toMatch(/parameters = .*\{ idle_session_timeout = "600000" \}/);
});

test.each(['complete', 'existing-vpc'])('%s takes the artefact from where the command puts it', (example) => {
  const { artefact } = parseCommand(['build']) as { artefact: string };
  const text = readFileSync(join(root, 'infra/examples', example, 'main.tf'), 'utf8');
  expect(text).toContain(`"\${path.module}/../../../${artefact}"`);
});

describe.each(['complete', 'existing-vpc'])('the output postern of %s', (example) => {
  const values: Readonly<Record<string, unknown>> = {
    region: 'eu-west-2',
    endpoint: { host: 'app-staging.cluster-c0ffee.eu-west-2.rds.amazonaws.com', port: 5432 },
    resourceId: 'cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ',
    jumpHost:
      example === 'complete' ? { tag: { 'postern:jump-host': 'app-staging' } } : ['i-0a1b2c3d4e5f60718'],
    document: { name: 'postern-app-staging' },
    bootstrap: 'postern-bootstrap-app-staging',
    testDatabases: 'postern-testdb-app-staging',
  };

  test.each(['alone', 'with all others'])('is what postern.config.ts takes, %s', async (how) => {
    const names = Object.keys((await parsed(`${example}/outputs.tf`)).output?.postern?.[0].value ?? {});
    expect(names.toSorted()).toEqual(Object.keys(values).toSorted());
    const folder = mkdtempSync(join(tmpdir(), 'pie-'));
    try {
      const others = { ci_role_arn: { sensitive: false, type: 'string', value: 'arn' } };
      const all = { postern: { sensitive: false, type: 'object', value: values }, ...others };
      writeFileSync(join(folder, 'staging.json'), JSON.stringify(how === 'alone' ? values : all));
      const settings = { kind: 'aws', terraform: 'staging.json' };
      const config = `export default ${JSON.stringify({ environments: { staging: settings } })};`;
      writeFileSync(join(folder, 'postern.config.mjs'), config);
      const loaded = await loadConfig({ cwd: folder, env: {} });
      expect(resolveEnvironment(loaded, 'staging', { env: {} })).toMatchObject({
        name: 'staging',
        settings: { kind: 'aws', ...values },
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
