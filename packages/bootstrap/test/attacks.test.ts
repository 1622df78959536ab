import { newRunId } from '@postern/test-databases';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, startCluster, testMajor } from './fixtures/cluster.ts';
import { declaredFunction } from './fixtures/declared.ts';
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
    [
      'rows that resets keep a copy of',
      `CREATE TABLE postern.migrations (id int, name text, run_on timestamp);
       INSERT INTO postern.migrations VALUES (1, '1_a', now());
       CREATE FUNCTION public.calm(text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
       CREATE DOMAIN public.checked AS text CHECK (public.calm(VALUE));
       CREATE TABLE seeded (n serial PRIMARY KEY, name public.checked, made bool GENERATED ALWAYS AS (public.calm('x')) STORED,
         CHECK (public.calm(name)));
       CREATE INDEX ON seeded (public.calm(name));
       INSERT INTO seeded (name) VALUES ('a');
       CREATE MATERIALIZED VIEW seen AS SELECT public.calm(name) FROM seeded;
       CREATE TABLE hidden (n int); INSERT INTO hidden VALUES (1);
       ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
       CREATE POLICY trap ON hidden USING (public.calm('x'));
       CREATE FUNCTION public.fired() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN PERFORM public.calm(''x''); RETURN NULL; END';
       CREATE CONSTRAINT TRIGGER late AFTER INSERT ON seeded DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.fired();
       CREATE OR REPLACE FUNCTION public.calm(text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS
         'BEGIN BEGIN PERFORM public.trap(); EXCEPTION WHEN OTHERS THEN NULL; END; RETURN true; END';`,
    ],
  ])('cannot act as the master when publish reads %s', async (what, sql) => {
    const run = newRunId();
    const hash = Buffer.from(what).toString('hex').padEnd(64, '0').slice(0, 64);
    const empty = await lambda.call({ action: 'prepare', database: 'shop', hash, run, count: 0 });
    if (empty.status !== 'unknown') throw new Error('known');
    await cluster.query(trap + sql, { user: empty.login, database: empty.database });
    const { ok } = await lambda.invoke({
      action: 'publish',
      database: 'shop',
      hash,
      run,
      count: 0,
      migrations: ['1_a'],
    });
    // This one swallows what it is refused, and so gets to the end.
    expect(ok || !what.startsWith('rows')).toBe(true);
    const trapped = await cluster.query(`SELECT rolname FROM pg_roles WHERE rolname ~ '^trapped_'`);
    await cluster.query('DROP ROLE IF EXISTS trapped_postern_master');
    await lambda.call({ action: 'drop', run });
    expect(trapped).toEqual([]);
  });
});

describe('whoever may change a database', () => {
  // The master reads catalogs and books there: whatever of theirs is called meanwhile would be the master.
  const trap = `CREATE FUNCTION public.trap() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN IF session_user = 'postern_master' THEN SET ROLE NONE; CREATE ROLE trapped; END IF; RETURN true; END $$;`;
  const format = `CREATE FUNCTION public.format(text, name, name) RETURNS text LANGUAGE plpgsql AS $$
BEGIN PERFORM public.trap(); RETURN quote_ident($2) || '.' || quote_ident($3); END $$; CREATE TABLE public.one (id int);`;
  const books = `CREATE SCHEMA IF NOT EXISTS postern; DROP TABLE IF EXISTS postern.migrations, postern.migration_checksums;`;
  const table = `${books} CREATE TABLE postern.migrations (id int, name text, run_on timestamp);
    INSERT INTO postern.migrations VALUES (1, '1_a', now());`;

  test.each([
    ['a better match for a function of PostgreSQL', format],
    [
      'functions that a search path finds first',
      `ALTER DATABASE lair SET search_path = public, pg_catalog;
       CREATE FUNCTION public.pg_get_userbyid(oid) RETURNS name LANGUAGE plpgsql AS
         'BEGIN PERFORM public.trap(); RETURN (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = $1); END';
       CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE plpgsql AS
         'BEGIN PERFORM public.trap(); RETURN pg_catalog.current_setting($1); END';
       CREATE FUNCTION public.to_regclass(text) RETURNS regclass LANGUAGE plpgsql AS
         'BEGIN PERFORM public.trap(); RETURN pg_catalog.to_regclass($1); END';`,
    ],
    [
      'an operator and a table that a search path finds first',
      `ALTER DATABASE lair SET search_path = public, pg_catalog;
       CREATE FUNCTION public.same(name, name) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM public.trap(); RETURN $1::text OPERATOR(pg_catalog.=) $2::text; END';
       CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = name, FUNCTION = public.same);
       CREATE VIEW public.pg_extension AS SELECT extname, public.trap() FROM pg_catalog.pg_extension;
       CREATE VIEW public.pg_namespace AS SELECT oid, nspname, nspowner, nspacl FROM pg_catalog.pg_namespace WHERE public.trap();`,
    ],
    [
      'books that are a view',
      `${books} CREATE VIEW postern.migrations AS SELECT 1 AS id, public.trap()::text AS name, now()::timestamp AS run_on;`,
    ],
    [
      'checksums that are a view',
      `${table} CREATE VIEW postern.migration_checksums AS SELECT '1_a' AS name, public.trap()::text AS sha256;`,
    ],
    [
      'books with a policy',
      `${table} ALTER TABLE postern.migrations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
       CREATE POLICY trap ON postern.migrations USING (public.trap());`,
    ],
    [
      'books with a type of their own',
      `${books} CREATE TYPE public.moment AS (x text);
       CREATE FUNCTION public.text_of(public.moment) RETURNS text LANGUAGE sql AS 'SELECT public.trap()::text';
       CREATE CAST (public.moment AS text) WITH FUNCTION public.text_of(public.moment) AS IMPLICIT;
       CREATE FUNCTION public.to_char(public.moment, text) RETURNS text LANGUAGE sql AS 'SELECT public.trap()::text';
       CREATE TABLE postern.migrations (id int, name text, run_on public.moment);
       INSERT INTO postern.migrations VALUES (1, '1_a', ROW('x'));`,
    ],
  ])('cannot act as the master with %s', async (_, sql) => {
    await using lair = await startLair();
    await cluster.query(`SET ROLE lair_owner; ${trap} ${sql}`, { user: 'lair_migrator', database: 'lair' });
    await lair.visit();
    expect(await cluster.query(`SELECT rolname FROM pg_roles WHERE rolname = 'trapped'`)).toEqual([]);
  });

  test('cannot, with no more than CREATE in a schema, act as the master with a better match for a function', async () => {
    await using lair = await startLair();
    await cluster.query(`${trap} ${format}`, { user: 'lair_app', database: 'lair' });
    await lair.visit();
    expect(await cluster.query(`SELECT rolname FROM pg_roles WHERE rolname = 'trapped'`)).toEqual([]);
  });

  test('cannot stop the master by settings of the database', async () => {
    await using lair = await startLair();
    const set = (setting: string) =>
      cluster.query(`SET ROLE lair_owner; ALTER DATABASE lair SET ${setting}`, { user: 'lair_migrator' });
    await set(`search_path = 'nowhere'`);
    await set(`lock_timeout = '1ms'`);
    await set(`idle_session_timeout = '1ms'`);
    await set(`idle_in_transaction_session_timeout = '1ms'`);
    await set('default_transaction_read_only = on');
    await set(`default_transaction_isolation = 'serializable'`);
    await set('client_min_messages = error');
    await set('role = lair_app');
    const roles = { ...lair.declaration.roles, lair_reader: 'readonly' as const };
    const more = declaredFunction(cluster, [{ ...lair.declaration, roles, extensions: ['pgcrypto'] }]);
    const { statements } = await more.call({ action: 'apply' });
    expect(statements.map(({ sql }) => sql)).toContain('GRANT USAGE ON SCHEMA "public" TO "lair_reader"');
    await set(`statement_timeout = '1ms'`);
    expect((await lair.lambda.call({ action: 'plan' })).statements).toEqual([]);
    expect((await lair.lambda.call({ action: 'prune' })).dropped.roles).toEqual(['lair_reader']);
    await cluster.query('ALTER DATABASE lair RESET ALL');
    // Whatever the path: where everybody finds it.
    expect(
      await cluster.query('SELECT extnamespace::regnamespace::text AS place FROM pg_extension ORDER BY 1', {
        database: 'lair',
      }),
    ).toEqual([{ place: 'pg_catalog' }, { place: 'public' }]);
  });

  test('gets a typed answer from apply, and nothing is run, when the books are something else', async () => {
    await using other = await deploy([
      { declaration: { name: 'fake', roles: {} }, migrations: { '1_a.sql': 'CREATE TABLE a (id int);\n' } },
    ]);
    const apply = createFunction(cluster, other.folder);
    await apply.call({ action: 'apply' });
    await cluster.query(
      `SET ROLE fake_owner; ${trap} ${books} CREATE VIEW postern.migrations AS SELECT 1 AS id, public.trap()::text AS name, now() AS run_on`,
      { user: 'fake_migrator', database: 'fake' },
    );
    expect(await apply.invoke({ action: 'apply' })).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_DATABASE_CONFLICT', message: expect.stringContaining('postern.migrations') },
    });
    expect(await cluster.query(`SELECT rolname FROM pg_roles WHERE rolname = 'trapped'`)).toEqual([]);
  });

  /** A database whose owner and one login may do much, and everything that the master does with it from time to time. */
  async function startLair() {
    const declaration = {
      name: 'lair',
      roles: {
        lair_app: { grant: { custom: { schemas: ['CREATE' as const], tables: ['SELECT' as const] } } },
      },
    };
    const lambda = declaredFunction(cluster, [declaration]);
    await lambda.call({ action: 'apply' });
    return {
      declaration,
      lambda,
      visit: async () => {
        for (const action of ['plan', 'status', 'apply', 'migrate'] as const) await lambda.call({ action });
        const roles = { ...declaration.roles, lair_gone: 'readonly' as const };
        const more = declaredFunction(cluster, [{ ...declaration, roles, extensions: ['pgcrypto'] }]);
        await more.call({ action: 'apply' });
        expect((await lambda.call({ action: 'prune' })).dropped.roles).toEqual(['lair_gone']);
      },
      [Symbol.asyncDispose]: async () => {
        await cluster.query('DROP DATABASE lair WITH (FORCE)');
        await cluster.query('DROP ROLE IF EXISTS trapped, lair_gone, lair_reader');
      },
    };
  }
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
