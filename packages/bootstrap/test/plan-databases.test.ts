import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatabaseDeclaration } from '../src/declaration/declaration.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { declaredFunction } from './fixtures/declared.ts';
import { masterOf } from './fixtures/function.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

async function apply(...declarations: DatabaseDeclaration[]): Promise<string[]> {
  const lambda = declaredFunction(cluster, declarations);
  const { statements } = await lambda.call({ action: 'apply' });
  expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);
  return statements.map(({ sql }) => sql);
}
const refusal = async (declaration: DatabaseDeclaration) =>
  (await declaredFunction(cluster, [declaration]).invoke({ action: 'apply' })) as { error?: object };
const as = (user: string, database: string) => ({ user, database });
const master = (database = 'postgres') => as('postern_master', database);
const inside = async (database: string, sql: string, user?: string) =>
  await cluster.query(sql, { database, ...(user ? { user } : {}) });

describe('options of a database', () => {
  test('encoding, locale, limit and settings are as declared', async () => {
    await apply({
      name: 'latin',
      encoding: 'iso-8859-1',
      locale: { name: 'C' },
      connectionLimit: 9,
      settings: { work_mem: '9MB', search_path: 'app, public' },
    });
    await apply({ name: 'german', locale: { provider: 'icu', name: 'de-DE' } });
    expect(
      await cluster.query(`SELECT datname AS name, pg_encoding_to_char(encoding) AS encoding,
          datlocprovider AS provider, datconnlimit AS limit
        FROM pg_database WHERE datname IN ('latin', 'german') ORDER BY 1`),
    ).toEqual([
      { name: 'german', encoding: 'UTF8', provider: 'i', limit: -1 },
      { name: 'latin', encoding: 'LATIN1', provider: 'c', limit: 9 },
    ]);
    expect(await inside('latin', 'SHOW work_mem', 'latin_migrator')).toEqual([{ work_mem: '9MB' }]);
    expect(await inside('latin', 'SHOW search_path', 'latin_migrator')).toEqual([
      { search_path: 'app, public' },
    ]);
  });

  test('limit and settings follow the declaration; another encoding or locale is refused by name', async () => {
    expect(
      await apply({
        name: 'latin',
        encoding: 'LATIN1',
        locale: { name: 'C' },
        settings: { work_mem: '5MB' },
      }),
    ).toEqual(['ALTER DATABASE "latin" CONNECTION LIMIT -1', `ALTER DATABASE "latin" SET work_mem = '5MB'`]);
    for (const [declaration, message] of [
      [
        { name: 'latin', encoding: 'UTF8' },
        'database "latin" has encoding LATIN1, declared is encoding UTF8',
      ],
      [
        { name: 'german', locale: { name: 'C' } },
        'database "german" has locale icu de-DE, declared is libc C',
      ],
    ] as const) {
      expect(await refusal(declaration)).toMatchObject({
        ok: false,
        error: { code: 'BOOTSTRAP_DATABASE_CONFLICT', message },
      });
    }
    await apply({ name: 'german', locale: { provider: 'icu', name: 'de_DE' } });
  });

  test('the builtin provider is refused where the server has none', async () => {
    const builtin: DatabaseDeclaration = {
      name: 'builtin',
      encoding: 'UTF8',
      locale: { provider: 'builtin', name: 'C.UTF-8' },
    };
    if (cluster.server.major >= 17) expect((await apply(builtin)).length).toBeGreaterThan(0);
    else expect(await refusal(builtin)).toMatchObject({ error: { code: 'BOOTSTRAP_SERVER_UNSUPPORTED' } });
  });

  test('database CREATE can be declared, and taken back', async () => {
    const of = (custom: object): DatabaseDeclaration => ({
      name: 'maker',
      roles: { maker_app: { grant: { custom } } },
    });
    await apply(of({ database: ['CREATE', 'TEMPORARY'] }));
    await inside('maker', 'CREATE SCHEMA mine; CREATE TEMPORARY TABLE t ()', 'maker_app');
    expect(await apply(of({}))).toEqual(
      expect.arrayContaining([
        'REVOKE CREATE ON DATABASE "maker" FROM "maker_app"',
        'REVOKE TEMPORARY ON DATABASE "maker" FROM "maker_app"',
      ]),
    );
    await expect(inside('maker', 'CREATE SCHEMA more', 'maker_app')).rejects.toMatchObject({ code: '42501' });
  });
});

describe('a new database', () => {
  test('is never open to a login that nobody declared, and marked as ours', async () => {
    await cluster.query('CREATE ROLE passer_by LOGIN');
    const seen: string[] = [];
    const connect = masterOf(cluster);
    const watched = declaredFunction(cluster, [{ name: 'fresh', roles: { fresh_app: 'readwrite' } }], {
      connect: async (database, options) => {
        const session = await connect(database, options);
        const query = session.query.bind(session);
        session.query = async (text: string, values?: unknown[]) => {
          const result = await query(text, values);
          const attempt = cluster.query('SELECT 1', as('passer_by', 'fresh'));
          seen.push(
            await attempt.then(
              () => 'let in',
              (error: { code: string }) => error.code,
            ),
          );
          return result;
        };
        return session;
      },
    });
    await watched.call({ action: 'apply' });
    // Does not exist, admits no connections, not for this login.
    expect([...new Set(seen)]).toEqual(['3D000', '55000', '42501']);
    expect(
      await cluster.query(
        `SELECT shobj_description(oid, 'pg_database') AS mark FROM pg_database WHERE datname = 'fresh'`,
      ),
    ).toEqual([{ mark: 'postern: made for database "fresh"' }]);
  });

  test('is marked by the next apply when the first one died before it could', async () => {
    // As CREATE DATABASE leaves it.
    await cluster.query('CREATE ROLE cut_owner', master());
    await cluster.query('GRANT cut_owner TO postern_master', master());
    await cluster.query('CREATE DATABASE cut OWNER cut_owner ALLOW_CONNECTIONS false', master());
    const statements = await apply({ name: 'cut', roles: { cut_app: 'readwrite' } });
    expect(statements.filter((sql) => sql.includes('DATABASE "cut"'))).toEqual([
      `COMMENT ON DATABASE "cut" IS 'postern: made for database "cut"'`,
      'REVOKE CONNECT, TEMPORARY ON DATABASE "cut" FROM PUBLIC',
      'GRANT CONNECT ON DATABASE "cut" TO "postern_master", "cut_migrator", "cut_app"',
      'GRANT TEMPORARY ON DATABASE "cut" TO "cut_migrator", "cut_app"',
      'ALTER DATABASE "cut" ALLOW_CONNECTIONS true',
    ]);
  });

  test('that somebody closed on purpose is not opened', async () => {
    await cluster.query('ALTER DATABASE cut ALLOW_CONNECTIONS false', master());
    expect(await refusal({ name: 'cut', roles: { cut_app: 'readwrite' } })).toMatchObject({
      error: {
        code: 'BOOTSTRAP_DATABASE_CONFLICT',
        hint: expect.stringContaining('ALLOW_CONNECTIONS true'),
      },
    });
  });
});

test('a master that lost the role of an owner gets it back', async () => {
  const declaration: DatabaseDeclaration = { name: 'estranged', roles: { estranged_app: 'readwrite' } };
  await apply(declaration);
  await cluster.query('REVOKE estranged_owner FROM postern_master', master());
  expect(await apply(declaration)).toEqual([
    `GRANT "estranged_owner" TO CURRENT_USER${cluster.server.major >= 16 ? ' WITH INHERIT TRUE, SET TRUE' : ''}`,
  ]);
});

describe('a database of the master, from the times of psql', () => {
  test('is taken over with all that the master made in the declared schemas', async () => {
    await cluster.query('CREATE ROLE legacy_app LOGIN', master());
    await cluster.query('CREATE DATABASE legacy', master());
    await cluster.query('CREATE EXTENSION citext', master('legacy'));
    await cluster.query(
      `CREATE SCHEMA audit;
       CREATE TYPE mood AS ENUM ('good'); CREATE DOMAIN positive AS int CHECK (value > 0);
       CREATE TYPE pair AS (a int, b int);
       CREATE TABLE orders (id serial, mood mood, n int GENERATED ALWAYS AS IDENTITY);
       CREATE TABLE parts (at date) PARTITION BY RANGE (at);
       CREATE VIEW audit.seen AS SELECT 1 AS one; CREATE MATERIALIZED VIEW counted AS SELECT 1 AS n;
       CREATE SEQUENCE tickets;
       CREATE FUNCTION twice(int, text DEFAULT 'it''s') RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';
       CREATE PROCEDURE note(OUT n int) LANGUAGE sql AS 'SELECT 1';
       CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int)`,
      master('legacy'),
    );
    const declaration: DatabaseDeclaration = {
      name: 'legacy',
      schemas: ['public', 'audit'],
      roles: { legacy_app: 'readonly' },
      extensions: ['citext'],
    };
    const statements = await apply(declaration);
    expect(statements).toEqual(
      expect.arrayContaining([
        'ALTER DATABASE "legacy" OWNER TO "legacy_owner"',
        'ALTER SCHEMA audit OWNER TO "legacy_owner"',
        'ALTER TABLE public.orders OWNER TO "legacy_owner"',
        'ALTER ROUTINE public.note(OUT n integer) OWNER TO "legacy_owner"',
      ]),
    );
    const left = await inside(
      'legacy',
      `SELECT pg_describe_object(classid, objid, 0) AS what FROM pg_shdepend s
        WHERE refobjid = 'postern_master'::regrole AND deptype = 'o' AND dbid = (SELECT oid FROM pg_database WHERE datname = 'legacy')
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = s.classid AND e.objid = s.objid AND e.deptype = 'e')`,
    );
    expect(left).toEqual([{ what: 'extension citext' }]);
    await inside('legacy', 'SELECT * FROM orders, counted', 'legacy_app');
    // The master made it, not apply: prune must never drop it.
    expect(
      await cluster.query(
        `SELECT shobj_description(oid, 'pg_database') AS mark FROM pg_database WHERE datname = 'legacy'`,
      ),
    ).toEqual([{ mark: null }]);
  });

  test('is taken over piece by piece when the master makes something later, grants included', async () => {
    await cluster.query(
      `CREATE TABLE "by Hand" (id serial); CREATE FUNCTION by_hand() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
      master('legacy'),
    );
    const declaration: DatabaseDeclaration = {
      name: 'legacy',
      schemas: ['public', 'audit'],
      roles: { legacy_app: 'readonly' },
      extensions: ['citext'],
    };
    expect(await apply(declaration)).toEqual([
      'ALTER TABLE public."by Hand" OWNER TO "legacy_owner"',
      'GRANT SELECT ON TABLE "public"."by Hand" TO "legacy_app"',
      'GRANT SELECT ON SEQUENCE "public"."by Hand_id_seq" TO "legacy_app"',
      'ALTER ROUTINE public.by_hand() OWNER TO "legacy_owner"',
    ]);
  });

  test('that comes from before PostgreSQL 15 is closed to PUBLIC and opened to its owner', async () => {
    await cluster.query('CREATE DATABASE ancient', master());
    await inside(
      'ancient',
      'ALTER SCHEMA public OWNER TO postern_master; GRANT ALL ON SCHEMA public TO PUBLIC',
    );
    const statements = await apply({ name: 'ancient', roles: { ancient_app: 'readwrite' } });
    expect(statements).toContain('REVOKE CREATE ON SCHEMA "public" FROM PUBLIC');
    await expect(inside('ancient', 'CREATE TABLE mine ()', 'ancient_app')).rejects.toMatchObject({
      code: '42501',
    });
    await inside('ancient', 'SET ROLE ancient_owner; CREATE TABLE ours ()', 'ancient_migrator');
    await inside('ancient', 'TABLE ours', 'ancient_app');
  });

  test('whose public schema belongs to the bootstrap superuser is reported, not fought with', async () => {
    await cluster.query('CREATE DATABASE stone', master());
    await inside('stone', 'ALTER SCHEMA public OWNER TO rdsadmin; GRANT ALL ON SCHEMA public TO PUBLIC');
    await inside('stone', 'GRANT ALL ON SCHEMA public TO postern_master WITH GRANT OPTION');
    await apply({ name: 'stone', roles: { stone_app: 'readwrite' } });
    const { drift } = await declaredFunction(cluster, [
      { name: 'stone', roles: { stone_app: 'readwrite' } },
    ]).call({ action: 'plan' });
    expect(drift).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'owner', object: 'schema "public"', found: 'belongs to "rdsadmin"' }),
        expect.objectContaining({
          kind: 'grant',
          object: 'schema "public"',
          sql: 'REVOKE CREATE ON SCHEMA "public" FROM PUBLIC',
        }),
      ]),
    );
  });
});
