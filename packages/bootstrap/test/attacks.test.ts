import { newRunId } from '@postern/test-databases';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, startCluster, testMajor } from './fixtures/cluster.ts';
import { createFunction, type InProcessFunction } from './fixtures/function.ts';
import { deploy, type ServiceFiles, shop } from './fixtures/service.ts';

/** What code under test may try with the logins of a test run, and what a cluster may hold before us. */
let cluster: Cluster;
let artefact: Awaited<ReturnType<typeof deploy>>;
let lambda: InProcessFunction;

beforeAll(async () => {
  [cluster, artefact] = await Promise.all([startCluster(), deploy([shop])]);
  lambda = createFunction(cluster, artefact.folder);
  await lambda.call({ action: 'apply' });
});
afterAll(async () => {
  await artefact?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const asMaster = { user: 'postern_master' };

async function answerTo(declaration: ServiceFiles['declaration']): Promise<unknown> {
  await using other = await deploy([{ declaration }]);
  return await createFunction(cluster, other.folder).invoke({ action: 'apply' });
}

describe('a pull request that fills a test database', () => {
  // Each makes the books of migrations something that runs code of its own when it is read.
  const trap = `CREATE FUNCTION public.trap() RETURNS text LANGUAGE plpgsql AS $$
BEGIN SET ROLE NONE; EXECUTE 'CREATE ROLE trapped_' || session_user; RETURN '1_a'; END $$;
CREATE SCHEMA postern;`;
  test.each([
    ['a view', `CREATE VIEW postern.migrations AS SELECT 1 AS id, public.trap() AS name, now() AS run_on;`],
    [
      'a column with a cast',
      `CREATE TYPE public.name AS (x text);
       CREATE FUNCTION public.trap(public.name) RETURNS text LANGUAGE sql AS 'SELECT public.trap()';
       CREATE CAST (public.name AS text) WITH FUNCTION public.trap(public.name) AS IMPLICIT;
       CREATE FUNCTION public.to_char(public.name, text) RETURNS text LANGUAGE sql AS 'SELECT public.trap()';
       CREATE TABLE postern.migrations (id int, name text, run_on public.name);
       INSERT INTO postern.migrations VALUES (1, '1_a', ROW('x'));`,
    ],
    [
      'a policy',
      `CREATE TABLE postern.migrations (id int, name text, run_on timestamp);
       INSERT INTO postern.migrations VALUES (1, '1_a', now());
       ALTER TABLE postern.migrations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
       CREATE POLICY trap ON postern.migrations USING (public.trap() IS NOT NULL);`,
    ],
    [
      'statistics of an index',
      `CREATE TABLE postern.migrations (id int, name text);
       INSERT INTO postern.migrations VALUES (1, '1_a');
       CREATE FUNCTION public.calm(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
       CREATE INDEX ON postern.migrations (public.calm(name));
       CREATE OR REPLACE FUNCTION public.calm(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
         'BEGIN RETURN public.trap(); END';`,
    ],
  ])('cannot act as the master when publish reads %s', async (what, sql) => {
    const run = newRunId();
    const hash = Buffer.from(what).toString('hex').padEnd(64, '0').slice(0, 64);
    const empty = await lambda.call({ action: 'prepare', database: 'shop', hash, run, count: 0 });
    if (empty.status !== 'unknown') throw new Error('known');
    await cluster.query(trap + sql, { user: empty.login, database: empty.database });
    await lambda.invoke({ action: 'publish', database: 'shop', hash, run, count: 0, migrations: ['1_a'] });
    const trapped = await cluster.query(`SELECT rolname FROM pg_roles WHERE rolname ~ '^trapped_'`);
    await cluster.query('DROP ROLE IF EXISTS trapped_postern_master');
    await lambda.call({ action: 'drop', run });
    expect(trapped).toEqual([]);
  });
});

describe('a test login', () => {
  test('does not reach the real database by naming its role in the connection’s options', async () => {
    for (const options of ['-c role=shop_app', '-c role=none', '-c session_authorization=shop_app']) {
      await expect(cluster.connect('pt_shop_app', 'shop', { options }), options).rejects.toMatchObject({
        code: '42501',
        message: 'permission denied for database "shop"',
      });
    }
  });

  test('that was let in by hand is shut out by the next apply', async () => {
    await cluster.query('GRANT CONNECT ON DATABASE shop TO pt_shop_app', asMaster);
    expect((await lambda.call({ action: 'apply' })).statements.map(({ sql }) => sql)).toEqual([
      'REVOKE CONNECT ON DATABASE "shop" FROM "pt_shop_app"',
    ]);
    await expect(cluster.query('SELECT 1', { user: 'pt_shop_app', database: 'shop' })).rejects.toMatchObject({
      code: '42501',
    });
  });

  test('that inherits its role, and so its way into the real database, is corrected or refused', async () => {
    // PostgreSQL 15 knows inheritance of the role only, not of each membership.
    const inherit =
      testMajor < 16 ? 'ALTER ROLE pt_shop_app INHERIT' : 'GRANT shop_app TO pt_shop_app WITH INHERIT TRUE';
    await cluster.query(inherit, asMaster);
    expect((await lambda.call({ action: 'apply' })).statements).toHaveLength(1);
    await expect(cluster.query('SELECT 1', { user: 'pt_shop_app', database: 'shop' })).rejects.toThrow();
    expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);

    if (testMajor < 16) return;
    // The grant of somebody else cannot be changed by ours.
    await cluster.query('GRANT shop_app TO pt_shop_app WITH INHERIT TRUE');
    expect(await lambda.invoke({ action: 'apply' })).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_OWNER_CONFLICT', message: expect.stringContaining('"pt_shop_app"') },
    });
    await cluster.query('REVOKE shop_app FROM pt_shop_app');
    expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);
  });
});

describe('the master', () => {
  test('is refused as a declared role and as an owner, before anything is changed', async () => {
    const { master } = cluster.server;
    expect(await answerTo({ name: 'greedy', roles: { [master]: 'readonly' } })).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_LOCKOUT_REFUSED', message: expect.stringContaining(`"${master}"`) },
    });
    expect(await cluster.query(`SELECT 1 FROM pg_roles WHERE rolname = 'greedy_owner'`)).toEqual([]);

    await cluster.query(`ALTER ROLE ${master} RENAME TO greedy_owner`);
    const greedy = await deploy([{ declaration: { name: 'greedy' } }]);
    const asOwner = createFunction(cluster, greedy.folder, {
      connect: (database) => cluster.connect('greedy_owner', database),
    });
    expect(await asOwner.invoke({ action: 'apply' })).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_LOCKOUT_REFUSED', message: expect.stringContaining('"greedy_owner"') },
    });
    await greedy[Symbol.asyncDispose]();
    await cluster.query(`ALTER ROLE greedy_owner RENAME TO ${master}`);
    expect(await cluster.query(`SELECT rolcanlogin FROM pg_roles WHERE rolname = '${master}'`)).toEqual([
      { rolcanlogin: true },
    ]);
  });

  test('that is a member of a role which is declared later is not caught by its rds_iam', async () => {
    await cluster.query('CREATE ROLE early_app LOGIN; GRANT early_app TO postern_master', asMaster);
    expect(await answerTo({ name: 'early', roles: { early_app: 'readwrite' } })).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_LOCKOUT_REFUSED' },
    });
    expect(
      await cluster.query(`SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
        WHERE r.rolname = 'early_app' AND m.roleid = 'rds_iam'::regrole`),
    ).toEqual([]);
    expect(await cluster.query(`SELECT 1 FROM pg_roles WHERE rolname = 'early_owner'`)).toEqual([]);
  });

  test('gets back what can be taken back, also when one of the grants cannot', async () => {
    await using other = await deploy([{ declaration: { name: 'stuck', roles: { stuck_app: 'readwrite' } } }]);
    let granted = false;
    const refused = createFunction(cluster, other.folder, {
      connect: async (database) => {
        if (granted) throw Object.assign(new Error('PAM authentication failed'), { code: '28000' });
        const session = await cluster.connect(cluster.server.master, database);
        const query = session.query.bind(session) as (text: string, values?: unknown[]) => Promise<never>;
        const watched = async (text: string, values?: unknown[]): Promise<never> => {
          granted ||= text.startsWith('GRANT rds_iam');
          if (text === 'REVOKE rds_iam FROM "stuck_app"') throw new Error('tuple concurrently updated');
          return await query(text, values);
        };
        return Object.assign(session, { query: watched });
      },
    });
    expect(await refused.invoke({ action: 'apply' })).toMatchObject({
      ok: false,
      error: {
        code: 'BOOTSTRAP_LOCKOUT_UNDONE',
        details: {
          kept: ['REVOKE rds_iam FROM "stuck_app": tuple concurrently updated'],
          undone: [
            'REVOKE "stuck_owner" FROM "stuck_migrator"',
            'REVOKE rds_iam FROM "stuck_migrator"',
            'REVOKE "stuck_owner" FROM CURRENT_USER',
          ],
        },
      },
    });
  });
});
