import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { createFunction, masterOf } from './fixtures/function.ts';
import { deploy } from './fixtures/service.ts';

/** What happens to the session that holds the lock of the cluster, or waits for it. */
let cluster: Cluster;
let artefact: Awaited<ReturnType<typeof deploy>>;

beforeAll(async () => {
  [cluster, artefact] = await Promise.all([
    startCluster(),
    deploy([{ declaration: { name: 'queue' }, migrations: { '0001_a.sql': 'CREATE TABLE a ()' } }]),
  ]);
});
afterAll(async () => {
  await artefact?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

test('an apply that waits for another one is told so, also where the master has a statement_timeout', async () => {
  const { master } = cluster.server;
  await cluster.query(`ALTER ROLE ${master} SET statement_timeout = '20ms'`);
  const other = await masterOf(cluster)('postgres');
  try {
    await other.query(`SELECT pg_advisory_lock(hashtextextended('postern.apply', 0))`);
    const answer = await createFunction(cluster, artefact.folder).handle(
      { action: 'apply' },
      { getRemainingTimeInMillis: () => 2_000 },
    );
    expect(answer).toMatchObject({ ok: false, error: { code: 'BOOTSTRAP_BUSY', kind: 'unavailable' } });
  } finally {
    await other.end();
    await cluster.query(`ALTER ROLE ${master} RESET statement_timeout`);
  }
});

test('a lock whose session breaks while migrations run is a lost connection, and the next apply goes on', async () => {
  const lambda = createFunction(cluster, artefact.folder, {
    connect: async (database, options) => {
      if (options?.role !== undefined) {
        await cluster.query(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'`);
      }
      return await masterOf(cluster)(database, options);
    },
  });
  expect(await lambda.invoke({ action: 'apply' })).toMatchObject({
    ok: false,
    error: { code: 'BOOTSTRAP_DATABASE_UNREACHABLE', kind: 'unavailable' },
  });
  expect(await createFunction(cluster, artefact.folder).invoke({ action: 'apply' })).toMatchObject({
    ok: true,
    result: { statements: [], done: true },
  });
});
