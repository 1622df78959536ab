import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatabaseDeclaration } from '../src/declaration/declaration.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { declaredFunction } from './fixtures/declared.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** Applies, checks that nothing is left to do, gives the statements. */
async function apply(...declarations: DatabaseDeclaration[]): Promise<string[]> {
  const lambda = declaredFunction(cluster, declarations, { testDatabases: true });
  const { statements } = await lambda.call({ action: 'apply' });
  expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);
  return statements.map(({ sql }) => sql);
}
const as = (user: string, database: string) => ({ user, database });
const setting = async (name: string, user: string, database: string): Promise<unknown> =>
  (await cluster.query(`SELECT current_setting('${name}') AS value`, as(user, database)))[0]?.['value'];
const members = async (role: string): Promise<unknown[]> =>
  (
    await cluster.query(`SELECT DISTINCT m.rolname AS name FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member
      WHERE a.roleid = '${role}'::regrole AND m.rolname !~ 'master' ORDER BY 1`)
  ).map(({ name }) => name);

describe('attributes of roles', () => {
  const orders: DatabaseDeclaration = {
    name: 'orders',
    roles: {
      orders_app: {
        grant: 'readwrite',
        connectionLimit: 7,
        settings: { statement_timeout: '30s', search_path: 'audit, "Odd, name", public', jit: false },
      },
      orders_kerberos: { login: 'passwordless', grant: 'readonly' },
      orders_group: { login: false, grant: 'readonly' },
    },
  };

  test('are as declared: login, IAM, limit of sessions, settings', async () => {
    await apply(orders);
    expect(
      await cluster.query(`SELECT rolname AS name, rolcanlogin AS login, rolconnlimit AS limit,
          EXISTS (SELECT FROM pg_auth_members a WHERE a.member = r.oid AND a.roleid = 'rds_iam'::regrole) AS iam
        FROM pg_roles r WHERE rolname ~ '^orders_(app|kerberos|group|owner|migrator)$' ORDER BY 1`),
    ).toEqual([
      { name: 'orders_app', login: true, limit: 7, iam: true },
      { name: 'orders_group', login: false, limit: -1, iam: false },
      { name: 'orders_kerberos', login: true, limit: -1, iam: false },
      { name: 'orders_migrator', login: true, limit: -1, iam: true },
      { name: 'orders_owner', login: false, limit: -1, iam: false },
    ]);
    expect(await setting('statement_timeout', 'orders_app', 'orders')).toBe('30s');
    expect(await setting('jit', 'orders_app', 'orders')).toBe('off');
    // Three schemas, not one with commas in its name.
    expect(
      await cluster.query('SELECT unnest(current_schemas(false)) AS s', as('orders_app', 'orders')),
    ).toEqual([{ s: 'public' }]);
    await expect(cluster.query('SELECT 1', as('orders_group', 'orders'))).rejects.toMatchObject({
      code: '28000',
    });
    expect(await cluster.query('SELECT 1 AS ok', as('orders_kerberos', 'orders'))).toEqual([{ ok: 1 }]);
  });

  test('logins of test runs start with the settings of their role, and a group has none', async () => {
    await cluster.query('GRANT CONNECT ON DATABASE postgres TO pt_orders_app');
    const of = as('pt_orders_app', 'postgres');
    expect(
      await cluster.query(`SELECT current_user AS "user", current_setting('statement_timeout') AS t`, of),
    ).toEqual([{ user: 'orders_app', t: '30s' }]);
    expect(await cluster.query(`SELECT rolconnlimit FROM pg_roles WHERE rolname = 'pt_orders_app'`)).toEqual([
      { rolconnlimit: -1 },
    ]);
    expect(await cluster.query(`SELECT 1 FROM pg_roles WHERE rolname = 'pt_orders_group'`)).toEqual([]);
  });

  test('follow the declaration when it changes', async () => {
    const changed: DatabaseDeclaration = {
      name: 'orders',
      roles: {
        orders_app: {
          grant: 'readwrite',
          settings: { statement_timeout: '5s', search_path: '"$user", public', jit: false },
        },
        orders_kerberos: { login: 'iam', grant: 'readonly' },
        orders_group: { grant: 'readonly' },
      },
    };
    const statements = await apply(changed);
    expect(statements).toEqual(
      expect.arrayContaining([
        'ALTER ROLE "orders_app" CONNECTION LIMIT -1',
        `ALTER ROLE "orders_app" SET statement_timeout = '5s'`,
        `ALTER ROLE "orders_app" SET search_path = '$user', 'public'`,
        `ALTER ROLE "pt_orders_app" SET statement_timeout = '5s'`,
        'GRANT rds_iam TO "orders_kerberos"',
        'ALTER ROLE "orders_group" LOGIN',
        'GRANT CONNECT ON DATABASE "orders" TO "orders_group"',
      ]),
    );
    // And back: what was given is taken.
    expect(await apply(orders)).toEqual(
      expect.arrayContaining([
        'REVOKE rds_iam FROM "orders_kerberos"',
        'REVOKE rds_iam FROM "orders_group"',
        'ALTER ROLE "orders_group" NOLOGIN',
        'REVOKE CONNECT ON DATABASE "orders" FROM "orders_group"',
      ]),
    );
  });

  test('a setting that is declared no longer stays, is reported, and goes from the test login', async () => {
    const without = { ...orders, roles: { ...orders.roles, orders_app: 'readwrite' as const } };
    const statements = await apply(without);
    expect(statements).toContain('ALTER ROLE "pt_orders_app" RESET statement_timeout');
    expect(statements.filter((sql) => sql.includes('"orders_app" RESET'))).toEqual([]);
    const { drift } = await declaredFunction(cluster, [without], { testDatabases: true }).call({
      action: 'plan',
    });
    expect(drift).toContainEqual({
      kind: 'setting',
      object: 'role "orders_app"',
      found: 'statement_timeout=30s',
      prunable: false,
      sql: 'ALTER ROLE "orders_app" RESET statement_timeout',
    });
    await apply(orders);
  });

  test('custom settings and names of any case are compared as the server does', async () => {
    const cased: DatabaseDeclaration = {
      name: 'cased',
      roles: {
        cased_app: {
          grant: 'readonly',
          settings: { timezone: 'Europe/London', datestyle: 'ISO, DMY', search_path: '' },
        },
      },
    };
    await apply(cased);
    expect(await setting('TimeZone', 'cased_app', 'cased')).toBe('Europe/London');
    expect(await setting('search_path', 'cased_app', 'cased')).toBe('""');
  });
});

describe('members and migrators', () => {
  const teams: DatabaseDeclaration = {
    name: 'teams',
    roles: {
      teams_readers: { login: false, grant: 'readonly' },
      teams_report: { memberOf: ['teams_readers'] },
      teams_deploy: 'migrator',
    },
  };

  test('a member has what its group may, and cannot make objects that the group owns', async () => {
    await apply(teams);
    await cluster.query('SET ROLE teams_owner; CREATE TABLE t AS SELECT 1 AS n', as('teams_deploy', 'teams'));
    expect(await cluster.query('TABLE t', as('teams_report', 'teams'))).toEqual([{ n: 1 }]);
    if (cluster.server.major >= 16) {
      await expect(
        cluster.query('SET ROLE teams_readers', as('teams_report', 'teams')),
      ).rejects.toMatchObject({
        code: '42501',
      });
    }
  });

  test('a migrator has nothing before SET ROLE, and everything after it', async () => {
    for (const login of ['teams_deploy', 'teams_migrator']) {
      const of = as(login, 'teams');
      await expect(cluster.query('TABLE t', of)).rejects.toMatchObject({ code: '42501' });
      await expect(cluster.query('CREATE TABLE mine ()', of)).rejects.toMatchObject({ code: '42501' });
      await cluster.query('SET ROLE teams_owner; INSERT INTO t VALUES (2)', of);
    }
  });

  test('the test login of a migrator can never become the real owner', async () => {
    expect(await members('teams_owner')).toEqual(['teams_deploy', 'teams_migrator']);
    expect(await members('pt_teams_owner')).toEqual(['pt_teams_deploy', 'pt_teams_migrator']);
    await cluster.query('GRANT CONNECT ON DATABASE postgres TO pt_teams_deploy');
    const of = as('pt_teams_deploy', 'postgres');
    expect(await cluster.query('SELECT current_user AS "user"', of)).toEqual([{ user: 'pt_teams_owner' }]);
    for (const role of ['teams_owner', 'teams_deploy']) {
      await expect(cluster.query(`SET ROLE ${role}`, of)).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('who is no member and no migrator any more is one no longer', async () => {
    const statements = await apply({
      name: 'teams',
      roles: {
        teams_readers: { login: false, grant: 'readonly' },
        teams_report: 'readonly',
        teams_deploy: 'readonly',
      },
    });
    expect(statements).toEqual(
      expect.arrayContaining([
        'REVOKE "teams_readers" FROM "teams_report"',
        'REVOKE "teams_owner" FROM "teams_deploy"',
        'REVOKE "pt_teams_owner" FROM "pt_teams_deploy"',
        'GRANT "teams_deploy" TO "pt_teams_deploy"' +
          (cluster.server.major >= 16 ? ' WITH INHERIT FALSE, SET TRUE' : ''),
      ]),
    );
    await expect(cluster.query('SET ROLE teams_owner', as('teams_deploy', 'teams'))).rejects.toMatchObject({
      code: '42501',
    });
  });

  test('before PostgreSQL 16 a role cannot be both, which is said', async () => {
    const both: DatabaseDeclaration = {
      name: 'both',
      roles: { both_group: { login: false }, both_app: { grant: 'migrator', memberOf: ['both_group'] } },
    };
    if (cluster.server.major >= 16) {
      expect((await apply(both)).length).toBeGreaterThan(0);
      return;
    }
    expect(await declaredFunction(cluster, [both]).invoke({ action: 'apply' })).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_SERVER_UNSUPPORTED' },
    });
  });
});

describe('roles of several databases', () => {
  const shared = (name: string, grant: 'readonly' | 'readwrite'): DatabaseDeclaration => ({
    name,
    owner: 'house_owner',
    roles: {
      house_report: { grant, shared: true, settings: { work_mem: '8MB' } },
      [`${name}_app`]: 'readwrite',
    },
  });
  const [east, west] = [shared('east', 'readonly'), shared('west', 'readwrite')];

  test('are made once, with a grant of its own in each database', async () => {
    const statements = await apply(east, west);
    for (const once of [
      'CREATE ROLE "house_report" LOGIN',
      'CREATE ROLE "house_owner" NOLOGIN',
      'CREATE ROLE "pt_house_report" LOGIN',
      'GRANT rds_iam TO "house_report"',
      `ALTER ROLE "house_report" SET work_mem = '8MB'`,
    ]) {
      expect(
        statements.filter((sql) => sql.startsWith(once)),
        once,
      ).toHaveLength(1);
    }
    for (const name of ['east', 'west']) {
      await cluster.query(`SET ROLE house_owner; CREATE TABLE t ()`, as(`${name}_migrator`, name));
    }
    await cluster.query('INSERT INTO t DEFAULT VALUES', as('house_report', 'west'));
    await expect(
      cluster.query('INSERT INTO t DEFAULT VALUES', as('house_report', 'east')),
    ).rejects.toMatchObject({ code: '42501' });
  });

  test('keep what another database of the artefact gives them when only one is applied', async () => {
    const deployer = (name: string, grant: 'migrator' | 'readonly'): DatabaseDeclaration => ({
      name,
      owner: 'pair_owner',
      roles: { pair_deploy: { grant, shared: true } },
    });
    const pair = [deployer('paira', 'migrator'), deployer('pairb', 'readonly')];
    await apply(...pair);
    const lambda = declaredFunction(cluster, pair, { testDatabases: true });
    expect((await lambda.call({ action: 'plan', databases: ['pairb'] })).statements).toEqual([]);
    expect(await members('pair_owner')).toEqual(['pair_deploy', 'paira_migrator', 'pairb_migrator']);
  });
});

describe('what somebody else has made', () => {
  test('a role that is there already is taken as it is, corrected, and never marked', async () => {
    await cluster.query('CREATE ROLE old_app NOLOGIN CONNECTION LIMIT 3', as('postern_master', 'postgres'));
    const statements = await apply({ name: 'old', roles: { old_app: 'readwrite' } });
    expect(statements).toContain('ALTER ROLE "old_app" LOGIN CONNECTION LIMIT -1');
    expect(
      await cluster.query(`SELECT rolname AS name, shobj_description(oid, 'pg_authid') AS mark FROM pg_roles
        WHERE rolname IN ('old_app', 'old_owner', 'pt_old_app') ORDER BY 1`),
    ).toEqual([
      { name: 'old_app', mark: null },
      { name: 'old_owner', mark: 'postern: role "old_owner" made for database "old"' },
      { name: 'pt_old_app', mark: 'postern: role "pt_old_app" made for database "old"' },
    ]);
  });

  test('a membership that its member has handed on is refused with the names of those who have it', async () => {
    const roles = { lent_group: { login: false }, lent_app: { memberOf: ['lent_group'] } } as const;
    await apply({ name: 'lent', roles });
    await cluster.query(
      'GRANT lent_group TO lent_app WITH ADMIN OPTION; CREATE ROLE stray',
      as('postern_master', 'postgres'),
    );
    await cluster.query('GRANT lent_group TO stray', as('lent_app', 'lent'));
    const without: DatabaseDeclaration = { name: 'lent', roles: { ...roles, lent_app: {} } };
    const answer = await declaredFunction(cluster, [without]).invoke({ action: 'plan' });
    if (cluster.server.major < 16) return expect(answer.ok).toBe(true);
    expect(answer).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_OWNER_CONFLICT', message: expect.stringContaining('on to "stray"') },
    });
    // The cure that the hint names works.
    await cluster.query('REVOKE lent_group FROM lent_app CASCADE', as('postern_master', 'postgres'));
    await apply(without);
    return expect(await members('lent_group')).toEqual([]);
  });

  test('a membership that only its grantor can take back is refused by name', async () => {
    await cluster.query('CREATE ROLE stuck_app LOGIN', as('postern_master', 'postgres'));
    await cluster.query('GRANT rds_iam TO stuck_app');
    const answer = await declaredFunction(cluster, [
      { name: 'stuck', roles: { stuck_app: { login: 'passwordless' } } },
    ]).invoke({ action: 'apply' });
    if (cluster.server.major < 16) return expect(answer.ok).toBe(true);
    return expect(answer).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_OWNER_CONFLICT', message: expect.stringContaining('granted by "rdsadmin"') },
    });
  });
});
