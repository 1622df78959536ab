import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConnectMaster } from '../src/runtime/connection.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { createFunction, masterOf } from './fixtures/function.ts';
import { deploy } from './fixtures/service.ts';

/** An apply that says "done" means that the cluster is as declared, whatever somebody else or the server did meanwhile. */
let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

test('a migration that opens the database to everybody is no success; the next apply closes it again', async () => {
  await using artefact = await deploy([
    {
      declaration: { name: 'open', roles: { open_app: 'readwrite' } },
      migrations: { '1_a.sql': 'GRANT CONNECT ON DATABASE open TO PUBLIC;' },
    },
  ]);
  const lambda = createFunction(cluster, artefact.folder);
  expect(await lambda.invoke({ action: 'apply' })).toMatchObject({
    ok: false,
    error: {
      code: 'BOOTSTRAP_NOT_CONVERGED',
      kind: 'conflict',
      details: { statements: [{ sql: expect.stringContaining('REVOKE') }] },
    },
  });
  expect(await lambda.call({ action: 'apply' })).toMatchObject({ statements: [{}], done: true });
  expect(await lambda.call({ action: 'apply' })).toMatchObject({ statements: [], done: true });
});

test('a statement that never holds is told, and does not keep the migrations waiting for ever', async () => {
  await using artefact = await deploy([
    {
      declaration: { name: 'loop', roles: { loop_app: 'readwrite' } },
      migrations: { '1_a.sql': 'CREATE TABLE a ();' },
    },
  ]);
  // A server that only warns, as PostgreSQL does for a REVOKE of what another role has granted.
  const master = masterOf(cluster);
  let ignored = 0;
  const connect: ConnectMaster = async (...args) => {
    const session = await master(...args);
    const query = session.query.bind(session);
    session.query = (async (text: unknown, values?: unknown[]) => {
      const changed = String(text).replaceAll(/REVOKE [A-Z, ]+ ON DATABASE "loop" FROM PUBLIC/g, () => {
        ignored++;
        return 'SELECT 1';
      });
      return await query(typeof text === 'string' ? changed : (text as string), values);
    }) as typeof session.query;
    return session;
  };
  const lambda = createFunction(cluster, artefact.folder, { connect });
  // Its time is up before the first migration, each time.
  expect(await lambda.invoke({ action: 'apply', budgetMs: 1 })).toMatchObject({
    ok: false,
    error: { code: 'BOOTSTRAP_NOT_CONVERGED', details: { statements: [{ database: expect.any(String) }] } },
  });
  expect(ignored).toBe(1);
  const honest = createFunction(cluster, artefact.folder);
  expect(await honest.call({ action: 'apply' })).toMatchObject({
    migrations: [{ applied: ['1_a'] }],
    done: true,
  });
});
