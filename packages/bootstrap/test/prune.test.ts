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

const as = (user: string, database: string) => ({ user, database });
const inDatabase = (database: string) => ({ database });
const superuser = (sql: string, database = 'postgres') => cluster.query(sql, inDatabase(database));
const byMaster = (sql: string, database = 'postgres') => cluster.query(sql, as('postern_master', database));
const service = (
  name: string,
  roles: DatabaseDeclaration['roles'] = {},
  more: Partial<DatabaseDeclaration> = {},
) => ({ name, roles, ...more }) as DatabaseDeclaration;

async function rolesLike(pattern: string): Promise<string[]> {
  const rows = await superuser(`SELECT rolname FROM pg_roles WHERE rolname ~ '${pattern}' ORDER BY 1`);
  return rows.map((row) => row['rolname'] as string);
}

/** Roles that the master reaches by memberships that count, itself excepted. */
async function rolesOfMaster(): Promise<string[]> {
  const rows = await superuser(`
    SELECT DISTINCT r.rolname AS name FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid
     WHERE a.member = 'postern_master'::regrole AND NOT (a.grantor = 10 AND a.admin_option
       AND NOT coalesce((to_jsonb(a) ->> 'inherit_option')::bool, true)) ORDER BY 1`);
  return rows.map((row) => row['name'] as string);
}

describe('a role that is declared no longer', () => {
  test('goes with its test login, its grants and its memberships; what it owned belongs to the owner; dryRun says so before', async () => {
    const before = declaredFunction(
      cluster,
      [
        service('shop', {
          shop_app: 'readwrite',
          shop_late: { grant: { custom: { tables: ['SELECT'], schemas: ['CREATE'] } } },
        }),
      ],
      { testDatabases: true },
    );
    await before.call({ action: 'apply' });
    await byMaster('SET ROLE shop_owner; CREATE TABLE orders (id int)', 'shop');
    await superuser('SET ROLE shop_late; CREATE TABLE mine (id int); INSERT INTO mine VALUES (7)', 'shop');
    await superuser('SET ROLE shop_owner; CREATE POLICY late ON orders TO shop_late USING (true)', 'shop');

    const after = declaredFunction(cluster, [service('shop', { shop_app: 'readwrite' })], {
      testDatabases: true,
    });
    const planned = await after.call({ action: 'prune', dryRun: true });
    expect(planned).toMatchObject({
      dryRun: true,
      kept: [],
      dropped: { roles: ['pt_shop_late', 'shop_late'], databases: [] },
    });
    expect(await rolesLike('shop_late')).toEqual(['pt_shop_late', 'shop_late']);

    const done = await after.call({ action: 'prune' });
    expect(done).toMatchObject({ dryRun: false, kept: [], dropped: planned.dropped });
    const texts = (list: typeof done.statements): string[] =>
      list.map(({ group, database, sql }) => `${group}|${database}|${sql}`);
    expect(texts(done.statements)).toEqual(texts(planned.statements));
    expect(done.statements.every(({ why, durationMs }) => why !== '' && durationMs >= 0)).toBe(true);

    expect(await rolesLike('^(pt_)?shop_')).toEqual([
      'pt_shop_app',
      'pt_shop_migrator',
      'pt_shop_owner',
      'shop_app',
      'shop_migrator',
      'shop_owner',
    ]);
    expect(await superuser('SELECT id FROM mine', 'shop')).toEqual([{ id: 7 }]);
    expect(await superuser(`SELECT tableowner FROM pg_tables WHERE tablename = 'mine'`, 'shop')).toEqual([
      { tableowner: 'shop_owner' },
    ]);
    expect(await rolesOfMaster()).not.toContain('shop_late');
    expect((await after.call({ action: 'plan' })).statements).toEqual([]);
    expect(await after.call({ action: 'prune' })).toMatchObject({ statements: [], kept: [] });
  });

  test('rds_iam is taken away before the master gets the role, and the master has it in no transaction of others', async () => {
    await declaredFunction(cluster, [service('order_db', { order_app: 'readwrite' })]).call({
      action: 'apply',
    });
    const { statements } = await declaredFunction(cluster, [service('order_db')]).call({ action: 'prune' });
    const verbs = statements
      .filter(({ sql }) => sql.includes('order_app'))
      .map(({ sql }) => sql.split(' ').slice(0, 2).join(' '));
    expect(verbs).toEqual([
      'REVOKE "rds_iam"',
      'GRANT "order_app"',
      'REASSIGN OWNED',
      'DROP OWNED',
      'DROP ROLE',
    ]);
  });

  test('goes from every database of the artefact, and what it owned belongs to the owner of each', async () => {
    const both = (role: 'with' | 'without') => {
      const roles =
        role === 'with'
          ? {
              twin: {
                grant: { custom: { tables: ['SELECT' as const], schemas: ['CREATE' as const] } },
                shared: true,
              },
            }
          : {};
      return [service('left_db', roles), service('right_db', roles)];
    };
    await declaredFunction(cluster, both('with')).call({ action: 'apply' });
    for (const database of ['left_db', 'right_db'])
      await superuser('SET ROLE twin; CREATE TABLE mine ()', database);
    const { dropped, kept, statements } = await declaredFunction(cluster, both('without')).call({
      action: 'prune',
      databases: ['left_db', 'right_db'],
    });
    expect({ dropped: dropped.roles, kept }).toEqual({ dropped: ['twin'], kept: [] });
    // Between the two transactions the master is no member.
    expect(statements.map(({ sql }) => sql)).toContain('REVOKE "twin" FROM CURRENT_USER');
    for (const name of ['left', 'right']) {
      expect(
        await superuser(`SELECT tableowner FROM pg_tables WHERE tablename = 'mine'`, `${name}_db`),
      ).toEqual([{ tableowner: `${name}_db_owner` }]);
    }
  });

  test('goes while it is in use: its sessions stay and can do nothing', async () => {
    await declaredFunction(cluster, [service('busy', { busy_app: 'readwrite' })]).call({ action: 'apply' });
    await byMaster('SET ROLE busy_owner; CREATE TABLE orders (id int)', 'busy');
    const session = await cluster.connect('busy_app', 'busy');
    try {
      await session.query('CREATE TEMPORARY TABLE basket (id int); INSERT INTO orders VALUES (1)');
      const { dropped, statements } = await declaredFunction(cluster, [service('busy')]).call({
        action: 'prune',
      });
      expect(dropped.roles).toEqual(['busy_app']);
      expect(statements.at(-1)?.why).toContain('1 session of it stays open, without any right');
      await expect(session.query('INSERT INTO orders VALUES (2)')).rejects.toMatchObject({ code: '42501' });
    } finally {
      await session.end();
    }
    expect(await superuser('SELECT count(*)::int AS n FROM orders', 'busy')).toEqual([{ n: 1 }]);
  });

  test('goes whoever granted its memberships, and takes along what it granted', async () => {
    await declaredFunction(cluster, [service('web', { web_app: 'readwrite' })]).call({ action: 'apply' });
    await byMaster(
      'CREATE ROLE analysts; CREATE ROLE intern; GRANT analysts TO web_app WITH ADMIN OPTION; GRANT web_app TO intern',
    );
    await superuser('GRANT rds_iam TO web_app; SET ROLE web_app; GRANT analysts TO intern');
    const { dropped, kept, statements } = await declaredFunction(cluster, [service('web')]).call({
      action: 'prune',
      databases: ['web'],
    });
    expect({ dropped: dropped.roles, kept }).toEqual({ dropped: ['web_app'], kept: [] });
    expect(statements.at(-1)?.why).toContain('Members lose what it gave them: "intern".');
    expect(await superuser(`SELECT 1 FROM pg_auth_members WHERE member = 'intern'::regrole`)).toEqual([]);
    expect(await rolesLike('analysts|intern')).toEqual(['analysts', 'intern']);
  });
});

describe('what is not ours, or is still declared, stays', () => {
  test('roles made by hand, declared ones, those of other databases and of databases that were not selected', async () => {
    const everything = [
      service('mine', { mine_app: 'readwrite', mine_old: 'readonly' }),
      service('yours', { yours_old: 'readonly' }),
    ];
    await byMaster('CREATE ROLE mine_manual LOGIN; CREATE ROLE mine_forged');
    await byMaster(
      `COMMENT ON ROLE mine_forged IS 'mine, postern: role "mine_forged" made for database "mine"'`,
    );
    await declaredFunction(cluster, everything).call({ action: 'apply' });
    const narrow = declaredFunction(cluster, [service('mine', { mine_app: 'readwrite' }), service('yours')]);
    const { dropped } = await narrow.call({ action: 'prune', databases: ['mine'] });
    expect(dropped).toEqual({ roles: ['mine_old'], databases: [] });
    // An artefact that does not know the database does not touch its roles, and tells.
    const other = await declaredFunction(cluster, [service('mine', { mine_app: 'readwrite' })]).call({
      action: 'prune',
    });
    expect(other.dropped.roles).toEqual([]);
    expect(other.kept).toContainEqual({
      object: 'database "yours"',
      why: expect.stringContaining('does not declare it'),
    });
    expect(await rolesLike('^(mine|yours)')).toEqual([
      'mine_app',
      'mine_forged',
      'mine_manual',
      'mine_migrator',
      'mine_owner',
      'yours_migrator',
      'yours_old',
      'yours_owner',
    ]);
  });

  test('a role that somebody has renamed and uses, with the reason', async () => {
    const declared = [service('renamed', { renamed_app: 'readwrite' })];
    const lambda = declaredFunction(cluster, declared);
    await lambda.call({ action: 'apply' });
    await byMaster('ALTER ROLE renamed_app RENAME TO renamed_by_hand');
    expect((await lambda.call({ action: 'plan' })).drift).toContainEqual({
      kind: 'role',
      object: 'role "renamed_by_hand"',
      found: 'made as "renamed_app" for database "renamed" and renamed since',
      prunable: false,
    });
    const { dropped, kept } = await lambda.call({ action: 'prune', databases: ['renamed'] });
    expect(dropped.roles).toEqual([]);
    expect(kept).toEqual([
      { object: 'role "renamed_by_hand"', why: expect.stringContaining('made as "renamed_app" and renamed') },
    ]);
    // The declared role is made again, with a mark of its own, and goes when it is declared no longer.
    await lambda.call({ action: 'apply' });
    const none = declaredFunction(cluster, [service('renamed')]);
    expect((await none.call({ action: 'prune', databases: ['renamed'] })).dropped.roles).toEqual([
      'renamed_app',
    ]);
    expect(await rolesLike('^renamed_by')).toEqual(['renamed_by_hand']);
  });

  test('test logins of declared roles, also where test databases are not allowed any more', async () => {
    const declared = [service('quiet', { quiet_app: 'readwrite' })];
    await declaredFunction(cluster, declared, { testDatabases: true }).call({ action: 'apply' });
    expect((await declaredFunction(cluster, declared).call({ action: 'prune' })).dropped.roles).toEqual([]);
    expect(await rolesLike('^pt_(quiet|lease)')).toEqual([
      'pt_lease',
      'pt_quiet_app',
      'pt_quiet_migrator',
      'pt_quiet_owner',
    ]);
  });

  test('a role that is used in a database of others is kept as it is, with the reason', async () => {
    await declaredFunction(cluster, [service('tied', { tied_a: 'readonly', tied_b: 'readonly' })]).call({
      action: 'apply',
    });
    await superuser('CREATE DATABASE attic');
    await superuser('CREATE SCHEMA hers AUTHORIZATION tied_a', 'attic');
    await superuser('GRANT CONNECT ON DATABASE attic TO tied_b');
    const { dropped, kept, statements } = await declaredFunction(cluster, [service('tied')]).call({
      action: 'prune',
      databases: ['tied'],
    });
    expect({ dropped: dropped.roles, statements }).toEqual({ dropped: [], statements: [] });
    expect(kept).toEqual([
      {
        object: 'role "tied_a"',
        why: 'Objects or grants in the database "attic", which this artefact does not declare, depend on it.',
      },
      {
        object: 'role "tied_b"',
        why: 'It has privileges on the database "attic", which this artefact does not declare.',
      },
    ]);
  });

  test('a role that the server does not let go is kept as it was, the others go, and the answer says what is in the way', async () => {
    await declaredFunction(cluster, [service('held', { held_a: 'readwrite', held_b: 'readwrite' })]).call({
      action: 'apply',
    });
    await superuser(
      `CREATE ROLE lender; SET ROLE held_owner; CREATE TABLE loans (); GRANT SELECT ON loans TO lender WITH GRANT OPTION;
       SET ROLE lender; GRANT SELECT ON loans TO held_a`,
      'held',
    );
    const { dropped, kept } = await declaredFunction(cluster, [service('held')]).call({
      action: 'prune',
      databases: ['held'],
    });
    expect(dropped.roles).toEqual(['held_b']);
    expect(kept).toEqual([
      { object: 'role "held_a"', why: expect.stringContaining('privileges for table public.loans') },
    ]);
    // It still logs in by token and reads, as if nobody had tried.
    expect(await superuser(`SELECT pg_has_role('held_a', 'rds_iam', 'MEMBER') AS iam`)).toEqual([
      { iam: true },
    ]);
    expect(await cluster.query('SELECT * FROM loans', as('held_a', 'held'))).toEqual([]);
    expect(await rolesOfMaster()).not.toContain('held_a');
  });

  test('a role that only the last of its databases does not let go keeps its login and its rights in the others', async () => {
    const both = (roles: DatabaseDeclaration['roles']) => [service('far', roles), service('near', roles)];
    await declaredFunction(cluster, both({ clerk: { grant: 'readonly', shared: true } })).call({
      action: 'apply',
    });
    await superuser(
      `CREATE ROLE usher; SET ROLE near_owner; CREATE TABLE seats (); GRANT SELECT ON seats TO usher WITH GRANT OPTION;
       SET ROLE usher; GRANT SELECT ON seats TO clerk`,
      'near',
    );
    const rights = () =>
      superuser(`SELECT pg_has_role('clerk', 'rds_iam', 'MEMBER') AS iam, datname, datacl::text FROM pg_database
        WHERE datname IN ('far', 'near') ORDER BY datname`);
    const before = await rights();
    const lambda = declaredFunction(cluster, both({}));
    const request = { action: 'prune' as const, databases: ['far', 'near'] };
    expect(await lambda.call(request)).toMatchObject({
      statements: [],
      dropped: { roles: [] },
      kept: [{ object: 'role "clerk"', why: expect.stringMatching(/database "near".*table public\.seats/) }],
    });
    expect(await rights()).toEqual(before);
    expect(before).toMatchObject([{ iam: true }, { iam: true }]);
    expect(await rolesOfMaster()).not.toContain('clerk');
    await superuser('SET ROLE usher; REVOKE SELECT ON seats FROM clerk', 'near');
    expect(await lambda.call(request)).toMatchObject({ kept: [], dropped: { roles: ['clerk'] } });
  });

  test('a role with grants in a database that lets nobody in is kept, the others go', async () => {
    const roles = { shut_a: 'readonly' as const, shut_b: { login: false as const } };
    await declaredFunction(cluster, [service('shut', roles)]).call({ action: 'apply' });
    await superuser('ALTER DATABASE shut ALLOW_CONNECTIONS false');
    const lambda = declaredFunction(cluster, [service('shut')]);
    expect(await lambda.call({ action: 'prune', databases: ['shut'] })).toMatchObject({
      dropped: { roles: ['shut_b'] },
      kept: [
        { object: 'role "shut_a"', why: expect.stringContaining('not currently accepting connections') },
      ],
    });
    await superuser('ALTER DATABASE shut ALLOW_CONNECTIONS true');
    expect((await lambda.call({ action: 'prune', databases: ['shut'] })).dropped.roles).toEqual(['shut_a']);
  });

  test('whose table is in use is kept as it was, and nobody queues behind the attempt', async () => {
    const { connect, server } = cluster;
    const maker = { grant: { custom: { tables: ['SELECT'], schemas: ['CREATE'] } } } as const;
    await declaredFunction(cluster, [service('busy', { busy_maker: maker })]).call({ action: 'apply' });
    await superuser('SET ROLE busy_maker; CREATE TABLE mine ()', 'busy');
    const reader = await connect(server.superuser, 'busy');
    try {
      await reader.query('BEGIN; SELECT FROM mine');
      const lambda = declaredFunction(cluster, [service('busy')]);
      expect(await lambda.call({ action: 'prune', databases: ['busy'] })).toMatchObject({
        dropped: { roles: [] },
        kept: [{ object: 'role "busy_maker"', why: expect.stringContaining('lock timeout') }],
      });
      expect(await superuser('SELECT FROM mine', 'busy')).toEqual([]);
      expect(await superuser(`SELECT pg_has_role('busy_maker', 'rds_iam', 'MEMBER') AS iam`)).toEqual([
        { iam: true },
      ]);
      await reader.query('COMMIT');
      const { dropped } = await lambda.call({ action: 'prune', databases: ['busy'] });
      expect(dropped.roles).toEqual(['busy_maker']);
    } finally {
      await reader.end();
    }
  });

  test('a former owner is kept while a database belongs to it, and goes when it does not', async () => {
    await declaredFunction(cluster, [service('moved')]).call({ action: 'apply' });
    await byMaster('SET ROLE moved_owner; CREATE TABLE t (); INSERT INTO t DEFAULT VALUES', 'moved');
    const elsewhere = declaredFunction(cluster, [
      service('moved', {}, { owner: 'movers' }),
      service('moved_too', {}, { owner: 'movers' }),
    ]);
    expect(await elsewhere.invoke({ action: 'apply' })).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_OWNER_CONFLICT' },
    });
    expect(await elsewhere.call({ action: 'prune', databases: ['moved'] })).toMatchObject({
      dropped: { roles: [] },
      kept: [
        {
          object: 'role "moved_owner"',
          why: 'It owns the database "moved". Run ALTER DATABASE "moved" OWNER TO "movers", then prune again.',
        },
      ],
    });
    await elsewhere.call({ action: 'apply', databases: ['moved_too'] });
    await byMaster('ALTER DATABASE moved OWNER TO movers');
    expect(await elsewhere.call({ action: 'prune', databases: ['moved'] })).toMatchObject({
      dropped: { roles: ['moved_owner'] },
      kept: [],
    });
    expect(await superuser(`SELECT tableowner FROM pg_tables WHERE tablename = 't'`, 'moved')).toEqual([
      { tableowner: 'movers' },
    ]);
    await elsewhere.call({ action: 'apply' });
    expect((await elsewhere.call({ action: 'plan' })).statements).toEqual([]);
  });
});
