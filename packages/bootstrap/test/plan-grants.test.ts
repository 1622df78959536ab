import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatabaseDeclaration, Grant } from '../src/declaration/declaration.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { declaredFunction } from './fixtures/declared.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

async function apply(declaration: DatabaseDeclaration): Promise<string[]> {
  const lambda = declaredFunction(cluster, [declaration]);
  const { statements } = await lambda.call({ action: 'apply' });
  expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);
  return statements.map(({ sql }) => sql);
}
const shop = (grant: Grant): DatabaseDeclaration => ({
  name: 'shop',
  schemas: ['public', 'audit'],
  roles: { shop_role: { grant } },
});
const run = async (sql: string, user = 'shop_role') => await cluster.query(sql, { user, database: 'shop' });
const asOwner = async (sql: string) => await run(`SET ROLE shop_owner; ${sql}`, 'shop_migrator');
const refused = async (sql: string) => await expect(run(sql), sql).rejects.toMatchObject({ code: '42501' });

/** Privileges that the role holds by grants to itself, on every object of the two schemas. */
async function held(): Promise<Record<string, string>> {
  const rows = await cluster.query<{ object: string; privileges: string }>(
    `SELECT o.object, string_agg(a.privilege_type, ' ' ORDER BY a.privilege_type) AS privileges FROM (
       SELECT c.oid::regclass::text AS object, c.relacl AS acl FROM pg_class c WHERE c.relnamespace IN ('public'::regnamespace, 'audit'::regnamespace)
       UNION ALL SELECT p.oid::regprocedure::text, p.proacl FROM pg_proc p WHERE p.pronamespace IN ('public'::regnamespace, 'audit'::regnamespace)
     ) o, aclexplode(o.acl) a WHERE a.grantee = 'shop_role'::regrole GROUP BY o.object ORDER BY 1`,
    { database: 'shop' },
  );
  return Object.fromEntries(rows.map(({ object, privileges }) => [object, privileges]));
}

describe('custom grants', () => {
  test('hold for what exists and for what will exist, kind by kind', async () => {
    await apply(shop({ custom: {} }));
    await asOwner(`CREATE TABLE "Odd ""name" (id serial); CREATE VIEW audit.v AS SELECT 1 AS one;
      CREATE FUNCTION old(text, VARIADIC int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
      CREATE PROCEDURE proc(INOUT n int) LANGUAGE sql AS 'SELECT 1';
      CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
      REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA public FROM PUBLIC`);
    expect(await held()).toEqual({});
    await refused(`SELECT old('a', 1)`);
    await apply(
      shop({
        custom: {
          tables: ['SELECT', 'INSERT', 'TRUNCATE', 'REFERENCES', 'TRIGGER'],
          sequences: ['USAGE'],
          functions: ['EXECUTE'],
        },
      }),
    );
    await asOwner(`CREATE TABLE later (id serial); CREATE FUNCTION new() RETURNS int LANGUAGE sql AS 'SELECT 1';
      REVOKE EXECUTE ON FUNCTION new() FROM PUBLIC`);
    const table = 'INSERT REFERENCES SELECT TRIGGER TRUNCATE';
    expect(await held()).toEqual({
      '"Odd ""name"': table,
      '"Odd ""name_id_seq"': 'USAGE',
      'audit.v': table,
      later: table,
      later_id_seq: 'USAGE',
      'old(text,integer[])': 'EXECUTE',
      'proc(integer)': 'EXECUTE',
      'total(integer)': 'EXECUTE',
      'new()': 'EXECUTE',
    });
    await refused('UPDATE later SET id = 2');
    await refused('CREATE TABLE audit.mine ()');
  });

  test('only in the schemas that `in` names; elsewhere they are withdrawn', async () => {
    const grant: Grant = {
      custom: { tables: ['SELECT'], sequences: ['USAGE'], schemas: ['CREATE'], in: ['audit'] },
    };
    const statements = await apply(shop(grant));
    expect(statements).toEqual(
      expect.arrayContaining([
        'REVOKE USAGE ON SCHEMA "public" FROM "shop_role"',
        'GRANT CREATE ON SCHEMA "audit" TO "shop_role"',
      ]),
    );
    expect(await held()).toEqual({ 'audit.v': 'SELECT' });
    await run('CREATE TABLE audit.mine ()');
    await run('DROP TABLE audit.mine');
    expect(await apply(shop({ custom: { ...grant.custom, schemas: [] } }))).toEqual([
      'REVOKE CREATE ON SCHEMA "audit" FROM "shop_role"',
    ]);
  });

  test('shrink and grow into intents, and end in nothing', async () => {
    await apply(shop('readwrite'));
    await run('INSERT INTO later DEFAULT VALUES; SELECT * FROM audit.v');
    expect(Object.values(await held()).every((privileges) => !privileges.includes('TRUNCATE'))).toBe(true);
    await apply(shop('readonly'));
    await refused('INSERT INTO later DEFAULT VALUES');
    await run('SELECT * FROM later');
    await apply(shop('migrator'));
    expect(await held()).toEqual({});
    await refused('SELECT * FROM later');
  });
});

test('a REVOKE in a migration has the last word over custom grants, too', async () => {
  await apply(shop({ custom: { tables: ['SELECT'], functions: ['EXECUTE'] } }));
  await asOwner('REVOKE SELECT ON later FROM shop_role; REVOKE EXECUTE ON FUNCTION new() FROM shop_role');
  expect(await apply(shop({ custom: { tables: ['SELECT'], functions: ['EXECUTE'] } }))).toEqual([]);
  await refused('SELECT * FROM later');
});

test('privileges that no declaration can name are left to their giver and reported', async () => {
  // MAINTAIN came with PostgreSQL 17; before, nothing of the kind exists.
  if (cluster.server.major < 17) return;
  await asOwner('ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT MAINTAIN ON TABLES TO shop_role');
  const declaration = shop({ custom: { tables: ['SELECT'], functions: ['EXECUTE'] } });
  expect(await apply(declaration)).toEqual([]);
  const { drift } = await declaredFunction(cluster, [declaration]).call({ action: 'plan' });
  expect(drift).toEqual([
    {
      kind: 'grant',
      database: 'shop',
      object: 'default privileges of "shop_owner" in schema "public"',
      found: '"shop_role" gets MAINTAIN on new tables',
      prunable: false,
      sql: 'ALTER DEFAULT PRIVILEGES FOR ROLE "shop_owner" IN SCHEMA "public" REVOKE MAINTAIN ON TABLES FROM "shop_role"',
    },
  ]);
});
