import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RequestOf } from '../src/contract/request.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { declaredFunction } from './fixtures/declared.ts';
import { createFunction } from './fixtures/function.ts';
import { masterReachesIam } from './fixtures/random-cluster.ts';
import { deploy, type ServiceFiles } from './fixtures/service.ts';

/** Two versions of a service, as in the minutes of a deployment: a grant shrinks, a migration is new. */
const older: ServiceFiles = {
  declaration: { name: 'fair', roles: { fair_app: 'readwrite', fair_report: 'readwrite' } },
  migrations: { '1_t.sql': 'CREATE TABLE t (id int); INSERT INTO t VALUES (1);\n' },
};
const newer: ServiceFiles = {
  declaration: { name: 'fair', roles: { fair_app: 'readwrite', fair_report: 'readonly' } },
  migrations: { ...older.migrations, '2_u.sql': 'CREATE TABLE u (id int); INSERT INTO u VALUES (1);\n' },
};
/** The one before both, with a role that is for prune. */
const first: ServiceFiles = {
  ...older,
  declaration: { name: 'fair', roles: { ...older.declaration.roles, fair_gone: 'readonly' } },
};

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

test('the test login of a shared role stays while another artefact has the role', async () => {
  const artefact = (name: string, more: { [role: string]: object } = {}) =>
    declaredFunction(cluster, [{ name, roles: more }], { testDatabases: true });
  const rep = { rep: { grant: 'readonly', shared: true } };
  const theirs = artefact('theirs', rep);
  await artefact('hers', rep).call({ action: 'apply' });
  await theirs.call({ action: 'apply' });

  const { dropped, kept } = await artefact('hers').call({ action: 'prune', databases: ['hers'] });
  expect(dropped.roles).toEqual([]);
  expect(kept.map(({ object }) => object).sort()).toEqual(['role "pt_rep"', 'role "rep"']);
  expect((await theirs.call({ action: 'plan' })).statements).toEqual([]);

  // Also where the role itself was there before both of them.
  await cluster.query(`COMMENT ON ROLE rep IS NULL`);
  const again = await artefact('hers').call({ action: 'prune', databases: ['hers'] });
  expect(again.dropped.roles).toEqual([]);
  expect(again.kept.map(({ object }) => object)).toEqual(['role "pt_rep"']);
});

test('20 applies of two versions, prunes and migrates at the same time: none fails for its company, and one version holds at the end', async () => {
  await using before = await deploy([first]);
  await using now = await deploy([older]);
  await using then = await deploy([newer]);
  const environment = { POSTERN_ALLOWED_ACTIONS: 'plan,apply,migrate,prune' };
  const [lambda, next] = [now, then].map(({ folder }) => createFunction(cluster, folder, { environment }));
  if (!lambda || !next) throw new Error('no functions');
  await createFunction(cluster, before.folder).call({ action: 'apply' });

  const requests: RequestOf<'apply' | 'prune' | 'migrate'>[] = [
    ...Array.from({ length: 10 }, () => ({ action: 'apply' as const })),
    { action: 'prune' },
    { action: 'migrate' },
  ];
  const answers = await Promise.all(
    requests.flatMap((request) => [lambda.invoke(request), next.invoke(request)]),
  );
  expect(answers.filter(({ ok }) => !ok)).toEqual([]);

  // Whoever was last has the word about the grant, and each migration ran once.
  const left = await Promise.all(
    [lambda, next].map(async (version) => (await version.call({ action: 'plan' })).statements),
  );
  expect(left.map((statements) => statements.length === 0).sort()).toEqual([false, true]);
  for (const table of ['t', 'u'])
    expect(await cluster.query(`TABLE ${table}`, { database: 'fair' })).toEqual([{ id: 1 }]);
  expect(await masterReachesIam(cluster)).toBe(false);
  expect(await cluster.query(`SELECT 1 FROM pg_roles WHERE rolname = 'fair_gone'`)).toEqual([]);
  expect((await lambda.call({ action: 'prune', dryRun: true })).statements).toEqual([]);
});
