import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RequestOf } from '../src/contract/request.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
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
