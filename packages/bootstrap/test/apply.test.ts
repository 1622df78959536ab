import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { createFunction, type InProcessFunction, masterOf } from './fixtures/function.ts';
import { deploy, shop } from './fixtures/service.ts';

let cluster: Cluster;
let artefact: Awaited<ReturnType<typeof deploy>>;
let lambda: InProcessFunction;

beforeAll(async () => {
  [cluster, artefact] = await Promise.all([startCluster(), deploy([shop])]);
  lambda = createFunction(cluster, artefact.folder);
});
afterAll(async () => {
  await artefact?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const as = (user: string, database = 'shop') => ({ user, database });

describe('apply on an empty cluster', () => {
  test('does exactly what plan said before, and then nothing more', async () => {
    const planned = await lambda.call({ action: 'plan' });
    expect(planned.migrations).toEqual([
      { database: 'shop', pending: ['0001_orders', '0002_items', '0003_index'], changed: [] },
    ]);
    expect(await lambda.call({ action: 'status' })).toMatchObject({
      outstanding: planned.statements.length,
      databases: [{ name: 'shop', exists: false, applied: [] }],
    });

    const applied = await lambda.call({ action: 'apply' });
    expect(
      applied.statements.map(({ group, database, sql, why }) => ({ group, database, sql, why })),
    ).toEqual(planned.statements);
    expect(applied.statements.every(({ durationMs }) => durationMs >= 0)).toBe(true);
    expect(applied.migrations).toEqual([
      { database: 'shop', applied: ['0001_orders', '0002_items', '0003_index'] },
    ]);

    const again = await lambda.call({ action: 'apply' });
    expect(again.statements).toEqual([]);
    expect(again.migrations).toEqual([{ database: 'shop', applied: [] }]);
    expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);
    expect(await lambda.call({ action: 'status' })).toMatchObject({
      manifest: artefact.built.manifest.hash,
      outstanding: 0,
      databases: [{ exists: true, pending: [], unknown: [], applied: [{ name: '0001_orders' }, {}, {}] }],
    });
    expect(await lambda.call({ action: 'ping' })).toMatchObject({
      manifest: artefact.built.manifest.hash,
      server: { user: 'postern_master' },
    });
  });

  test('the owner owns the database and every object, and nobody can log in as the owner', async () => {
    expect(
      await cluster.query(`SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = 'shop'`),
    ).toEqual([{ owner: 'shop_owner' }]);
    const owners = await cluster.query(
      `SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE nspname IN ('public', 'audit', 'postern')`,
      { database: 'shop' },
    );
    expect(owners).toEqual([{ owner: 'shop_owner' }]);
    await expect(cluster.query('SELECT 1', as('shop_owner'))).rejects.toMatchObject({ code: '28000' });
  });

  test('the roles may do what their grants say, with what exists and with what will exist', async () => {
    await cluster.query(
      `INSERT INTO orders (item) VALUES ('tea'); INSERT INTO items DEFAULT VALUES`,
      as('shop_app'),
    );
    expect(await cluster.query('SELECT item FROM orders', as('shop_reader'))).toEqual([{ item: 'tea' }]);
    await expect(cluster.query('DELETE FROM orders', as('shop_reader'))).rejects.toMatchObject({
      code: '42501',
    });
    await expect(cluster.query('CREATE TABLE mine ()', as('shop_app'))).rejects.toMatchObject({
      code: '42501',
    });
    await expect(cluster.query('TABLE postern.migrations', as('shop_app'))).rejects.toMatchObject({
      code: '42501',
    });

    await cluster.query('SET ROLE shop_owner; CREATE TABLE later (id serial)', as('shop_migrator'));
    await cluster.query('INSERT INTO later DEFAULT VALUES', as('shop_app'));
    expect(await cluster.query('SELECT * FROM later', as('shop_reader'))).toEqual([{ id: 1 }]);
  });

  test('a REVOKE in a migration is not undone by the next apply', async () => {
    await expect(cluster.query('DELETE FROM audit.log', as('shop_app'))).rejects.toMatchObject({
      code: '42501',
    });
    expect((await lambda.call({ action: 'apply' })).statements).toEqual([]);
    await expect(cluster.query('DELETE FROM audit.log', as('shop_app'))).rejects.toMatchObject({
      code: '42501',
    });
  });

  test('the database is closed to every login that is not declared, test logins included', async () => {
    await cluster.query('CREATE ROLE stranger LOGIN');
    for (const user of ['stranger', 'pt_shop_app', 'pt_shop_reader', 'pt_shop_migrator', 'pt_lease']) {
      await expect(cluster.query('SELECT 1', as(user)), user).rejects.toMatchObject({
        code: '42501',
        message: 'permission denied for database "shop"',
      });
    }
    for (const user of ['stranger', 'shop_app', 'pt_shop_app']) {
      await expect(cluster.query('SELECT 1', as(user, 'postern')), user).rejects.toMatchObject({
        code: '42501',
      });
    }
  });

  test('the lease role can take leases and do nothing else with the ledger', async () => {
    expect(
      await cluster.query(
        `SELECT postern.register_run('abcdefgh1234') IS NOT NULL AS ok`,
        as('pt_lease', 'postern'),
      ),
    ).toEqual([{ ok: true }]);
    for (const sql of [
      'TABLE postern.runs',
      'DELETE FROM postern.databases',
      'CREATE TABLE postern.x ()',
      'CREATE TABLE x ()',
    ]) {
      await expect(cluster.query(sql, as('pt_lease', 'postern')), sql).rejects.toMatchObject({
        code: '42501',
      });
    }
    await expect(
      cluster.query(`SELECT postern.register_run('x; DROP')`, as('pt_lease', 'postern')),
    ).rejects.toMatchObject({
      code: '22023',
    });
  });

  test('logins are IAM logins, owners and the master are not', async () => {
    const members = await cluster.query<{ name: string; iam: boolean }>(`
      SELECT r.rolname AS name, EXISTS (SELECT FROM pg_auth_members m
         WHERE m.member = r.oid AND m.roleid = 'rds_iam'::regrole) AS iam
        FROM pg_roles r WHERE r.rolname ~ 'shop|pt_|master' ORDER BY 1`);
    expect(members.filter(({ iam }) => iam).map(({ name }) => name)).toEqual([
      'pt_lease',
      'pt_shop_app',
      'pt_shop_migrator',
      'pt_shop_reader',
      'shop_app',
      'shop_migrator',
      'shop_reader',
    ]);
  });
});

describe('apply on a cluster that drifted', () => {
  test('repairs a role without rds_iam, a login owner, a reopened database and a lost acting role', async () => {
    await cluster.query('REVOKE rds_iam FROM shop_app', as('postern_master', 'postgres'));
    await cluster.query(`
      ALTER ROLE shop_owner LOGIN; GRANT CONNECT ON DATABASE shop TO PUBLIC;
      ALTER ROLE pt_shop_app RESET role; REVOKE CONNECT ON DATABASE shop FROM shop_reader`);
    const { statements } = await lambda.call({ action: 'apply' });
    expect(statements.map(({ sql }) => sql)).toEqual([
      'ALTER ROLE "shop_owner" NOLOGIN',
      'GRANT rds_iam TO "shop_app"',
      'REVOKE CONNECT ON DATABASE "shop" FROM PUBLIC',
      'GRANT CONNECT ON DATABASE "shop" TO "shop_reader"',
      `ALTER ROLE "pt_shop_app" SET role = 'shop_app'`,
    ]);
    expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);
  });

  test('a role that is declared later gets its grants on what exists already', async () => {
    await using wider = await deploy([
      {
        ...shop,
        declaration: { ...shop.declaration, roles: { ...shop.declaration.roles, shop_late: 'readwrite' } },
      },
    ]);
    await createFunction(cluster, wider.folder).call({ action: 'apply' });
    await cluster.query(`INSERT INTO orders (item) VALUES ('milk')`, as('shop_late'));

    await using narrower = await deploy([
      {
        ...shop,
        declaration: { ...shop.declaration, roles: { ...shop.declaration.roles, shop_late: 'readonly' } },
      },
    ]);
    await createFunction(cluster, narrower.folder).call({ action: 'apply' });
    expect(await cluster.query('SELECT count(*)::int AS n FROM orders', as('shop_late'))).toEqual([{ n: 2 }]);
    await expect(
      cluster.query(`INSERT INTO orders (item) VALUES ('x')`, as('shop_late')),
    ).rejects.toMatchObject({ code: '42501' });
    expect((await createFunction(cluster, narrower.folder).call({ action: 'plan' })).statements).toEqual([]);
  });

  test('20 applies at once agree, and none fails for having company', async () => {
    await using other = await deploy([
      {
        declaration: { name: 'crowd', roles: { crowd_app: 'readwrite' } },
        migrations: { '1_t.sql': 'CREATE TABLE t ()' },
      },
    ]);
    const crowd = createFunction(cluster, other.folder);
    const results = await Promise.all(Array.from({ length: 20 }, () => crowd.call({ action: 'apply' })));
    expect(results.filter(({ statements }) => statements.length > 0)).toHaveLength(1);
    expect(results.filter(({ migrations }) => migrations[0]?.applied.length === 1)).toHaveLength(1);
  });

  test('a database of somebody else is left alone', async () => {
    await cluster.query('CREATE ROLE landlord');
    await cluster.query('CREATE DATABASE rented OWNER landlord');
    await using other = await deploy([{ declaration: { name: 'rented' } }]);
    const answer = await createFunction(cluster, other.folder).invoke({ action: 'apply' });
    expect(answer).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_OWNER_CONFLICT', kind: 'conflict' },
    });
    expect(await cluster.query(`SELECT 1 FROM pg_roles WHERE rolname = 'rented_owner'`)).toEqual([]);
  });
});

describe('the master is never locked out', () => {
  test('an owner that is in rds_iam is not granted, and nothing else of its group is kept', async () => {
    await cluster.query('CREATE ROLE trap_owner; GRANT rds_iam TO trap_owner');
    await using other = await deploy([{ declaration: { name: 'trap' } }]);
    const answer = await createFunction(cluster, other.folder).invoke({ action: 'apply' });
    expect(answer).toMatchObject({ ok: false, error: { code: 'BOOTSTRAP_LOCKOUT_REFUSED' } });
    expect(await cluster.query(`SELECT 1 FROM pg_roles WHERE rolname = 'trap_migrator'`)).toEqual([]);
  });

  test('a membership that appears while the plan is applied is seen before the commit', async () => {
    await using other = await deploy([{ declaration: { name: 'race' } }]);
    // The plan has been made when the first CREATE ROLE runs; from then on the owner is an IAM role.
    const connect = masterOf(cluster);
    const racing = createFunction(cluster, other.folder, {
      connect: async (database, options) => {
        const session = await connect(database, options);
        const query = session.query.bind(session);
        session.query = async (text: string, values?: unknown[]) => {
          const result = await query(text, values);
          if (text === 'CREATE ROLE "race_owner" NOLOGIN') await query('GRANT rds_iam TO race_owner');
          return result;
        };
        return session;
      },
    });
    const answer = await racing.invoke({ action: 'apply' });
    expect(answer).toMatchObject({ ok: false, error: { code: 'BOOTSTRAP_LOCKOUT_REFUSED' } });
    expect(await cluster.query(`SELECT 1 FROM pg_roles WHERE rolname ~ '^race_'`)).toEqual([]);
  });

  test('when the second login is refused, the memberships are taken back over the first', async () => {
    await using other = await deploy([{ declaration: { name: 'undo', roles: { undo_app: 'readwrite' } } }]);
    const connect = masterOf(cluster);
    let granted = false;
    const refused = createFunction(cluster, other.folder, {
      connect: async (database, options) => {
        if (granted)
          throw Object.assign(new Error('PAM authentication failed for user "postern_master"'), {
            code: '28000',
          });
        const session = await connect(database, options);
        const query = session.query.bind(session);
        session.query = async (text: string, values?: unknown[]) => {
          if (text.startsWith('GRANT rds_iam')) granted = true;
          return await query(text, values);
        };
        return session;
      },
    });
    expect(await refused.invoke({ action: 'apply' })).toMatchObject({
      ok: false,
      error: {
        code: 'BOOTSTRAP_LOCKOUT_UNDONE',
        details: {
          undone: [
            'REVOKE "undo_owner" FROM "undo_migrator"',
            'REVOKE rds_iam FROM "undo_app"',
            'REVOKE rds_iam FROM "undo_migrator"',
            'REVOKE "undo_owner" FROM CURRENT_USER',
          ],
        },
      },
    });
    const left = await cluster.query(`SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
      WHERE (r.rolname ~ '^undo_' AND m.roleid = 'rds_iam'::regrole) OR (m.roleid = 'undo_owner'::regrole AND r.rolname = 'postern_master'
        AND coalesce((to_jsonb(m) ->> 'set_option')::bool, true))`);
    expect(left).toEqual([]);
    // And the way stays open: the next apply, with a server that lets us in, completes.
    await createFunction(cluster, other.folder).call({ action: 'apply' });
  });
});
