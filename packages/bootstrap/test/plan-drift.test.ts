import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DriftItem } from '../src/contract/response.ts';
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

const bank: DatabaseDeclaration = {
  name: 'bank',
  schemas: ['public', 'audit'],
  settings: { work_mem: '6MB' },
  roles: {
    bank_app: { grant: 'readwrite', settings: { jit: 'off' }, memberOf: ['bank_group'] },
    bank_reader: 'readonly',
    bank_group: { login: false },
  },
};
const functionOf = (...declarations: DatabaseDeclaration[]) =>
  declaredFunction(cluster, declarations, { testDatabases: true });
const drift = async (...declarations: DatabaseDeclaration[]): Promise<readonly DriftItem[]> => {
  const planned = await functionOf(...declarations).call({ action: 'plan' });
  expect(planned.statements).toEqual([]);
  return planned.drift;
};
const asMaster = async (sql: string, database = 'postgres') =>
  await cluster.query(sql, { user: 'postern_master', database });
/** Privileges in the order of the alphabet. */
const sorted = (sql: string): string =>
  sql.replace(/(?<=^GRANT )[A-Z, ]+(?= ON)/, (list) => list.split(', ').sort().join(', '));
const options = (text: string): string => (cluster.server.major >= 16 ? text : '');

describe('drift', () => {
  test('is nothing right after an apply, whatever migrations make, as long as it is as declared', async () => {
    await functionOf(bank).call({ action: 'apply' });
    await cluster.query(
      `SET ROLE bank_owner; CREATE TABLE accounts (id serial PRIMARY KEY, note text, n int GENERATED ALWAYS AS IDENTITY);
       CREATE VIEW audit.v AS SELECT 1 AS one; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
       CREATE TYPE mood AS ENUM ('good'); CREATE TYPE span AS RANGE (subtype = float8); CREATE SCHEMA later; REVOKE SELECT ON audit.v FROM bank_reader`,
      { user: 'bank_migrator', database: 'bank' },
    );
    await asMaster('CREATE EXTENSION hstore SCHEMA audit', 'bank');
    expect(await drift(bank)).toEqual([]);
  });

  test('of roles: attributes, settings, members', async () => {
    await asMaster('CREATE ROLE stranger LOGIN; CREATE ROLE helper');
    await asMaster('GRANT bank_reader TO stranger; GRANT pg_monitor TO bank_app; GRANT helper TO bank_owner');
    await cluster.query(`ALTER ROLE bank_app CREATEDB BYPASSRLS VALID UNTIL '2030-01-01 00:00:00+00';
      ALTER ROLE bank_reader SET work_mem = '1MB'; ALTER ROLE bank_app SET search_path = audit, public;
      ALTER ROLE bank_app IN DATABASE bank SET lock_timeout = '1s'; ALTER DATABASE bank SET log_statement = 'all'`);
    const items = await drift(bank);
    expect(items.map(({ kind, object, found, sql }) => [kind, object, found, sql])).toEqual([
      ['attribute', 'role "bank_app"', 'CREATEDB', 'ALTER ROLE "bank_app" NOCREATEDB'],
      ['attribute', 'role "bank_app"', 'BYPASSRLS', 'ALTER ROLE "bank_app" NOBYPASSRLS'],
      [
        'attribute',
        'role "bank_app"',
        expect.stringContaining('valid until 2030-01-01'),
        `ALTER ROLE "bank_app" VALID UNTIL 'infinity'`,
      ],
      ['setting', 'role "bank_app"', 'search_path=audit, public', 'ALTER ROLE "bank_app" RESET search_path'],
      ['setting', 'role "bank_reader"', 'work_mem=1MB', 'ALTER ROLE "bank_reader" RESET work_mem'],
      [
        'setting',
        'role "bank_app"',
        'lock_timeout=1s, in this database only',
        'ALTER ROLE "bank_app" IN DATABASE "bank" RESET lock_timeout',
      ],
      [
        'member',
        'role "stranger"',
        'is a member of "bank_reader", granted by "postern_master"',
        'REVOKE "bank_reader" FROM "stranger"',
      ],
      [
        'member',
        'role "bank_owner"',
        'is a member of "helper", granted by "postern_master"',
        'REVOKE "helper" FROM "bank_owner"',
      ],
      [
        'member',
        'role "bank_app"',
        expect.stringMatching(/^is a member of "pg_monitor", granted by "(rds_superuser|postern_master)"$/),
        expect.stringMatching(/^REVOKE "pg_monitor" FROM "bank_app"/),
      ],
      ['setting', 'database "bank"', 'log_statement=all', 'ALTER DATABASE "bank" RESET log_statement'],
    ]);
    expect(items.every(({ prunable }) => !prunable)).toBe(true);
    await takeAway(items);
    expect(await drift(bank)).toEqual([]);
  });

  test('of memberships that have more options than declared', async () => {
    if (cluster.server.major < 16) return;
    await cluster.query('CREATE ROLE chief CREATEROLE LOGIN; GRANT bank_group TO chief WITH ADMIN OPTION');
    await cluster.query('GRANT bank_group TO bank_app WITH SET TRUE, ADMIN TRUE', {
      user: 'chief',
      database: 'postgres',
    });
    expect(await drift(bank)).toEqual([
      expect.objectContaining({
        object: 'role "bank_app"',
        found: 'is a member of "bank_group" with ADMIN, SET, granted by "chief"',
        sql: 'REVOKE ADMIN OPTION FOR "bank_group" FROM "bank_app" GRANTED BY "chief"; REVOKE SET OPTION FOR "bank_group" FROM "bank_app" GRANTED BY "chief"',
      }),
      expect.objectContaining({ object: 'role "chief"', found: expect.stringContaining('"bank_group"') }),
    ]);
    await cluster.query('REVOKE bank_group FROM chief CASCADE');
  });

  test('of options: what a person runs leaves the declared membership and the login by token', async () => {
    await asMaster(
      'GRANT bank_group TO bank_app WITH ADMIN OPTION; GRANT rds_iam TO bank_app WITH ADMIN OPTION',
    );
    const items = await drift(bank);
    expect(items.map(({ found, sql }) => [found, sql])).toEqual(
      ['bank_group', 'rds_iam'].map((role) => [
        expect.stringContaining(`is a member of "${role}" with ADMIN`),
        expect.stringContaining(`REVOKE ADMIN OPTION FOR "${role}" FROM "bank_app"`),
      ]),
    );
    await takeAway(items);
    expect(await drift(bank)).toEqual([]);
  });

  test('of grants: on the database, schemas, objects, columns, and by default', async () => {
    await asMaster(
      `GRANT CONNECT, CREATE ON DATABASE bank TO stranger; GRANT CONNECT ON DATABASE bank TO bank_app WITH GRANT OPTION;
       GRANT USAGE, CREATE ON SCHEMA audit TO stranger; GRANT USAGE ON SCHEMA audit TO PUBLIC;
       GRANT SELECT, DELETE ON accounts, audit.v TO stranger; GRANT TRUNCATE ON accounts TO bank_app;
       GRANT SELECT ON accounts TO bank_reader WITH GRANT OPTION; GRANT UPDATE ON SEQUENCE accounts_id_seq TO PUBLIC;
       GRANT UPDATE (note) ON accounts TO stranger; GRANT EXECUTE ON FUNCTION f() TO stranger;
       ALTER DEFAULT PRIVILEGES FOR ROLE bank_owner IN SCHEMA audit GRANT SELECT ON TABLES TO stranger;
       ALTER DEFAULT PRIVILEGES FOR ROLE bank_owner GRANT USAGE ON SCHEMAS TO PUBLIC`,
      'bank',
    );
    const items = await drift(bank);
    expect(items.every(({ kind, database }) => kind === 'grant' && database === 'bank')).toBe(true);
    expect(
      items.map(({ object, found, sql }) => [
        object,
        found.replace('; a migration may have granted it', ''),
        sql,
      ]),
    ).toEqual([
      [
        'database "bank"',
        '"bank_app" may hand on CONNECT',
        'REVOKE GRANT OPTION FOR CONNECT ON DATABASE "bank" FROM "bank_app"',
      ],
      [
        'database "bank"',
        '"stranger" has CONNECT, CREATE',
        'REVOKE CONNECT, CREATE ON DATABASE "bank" FROM "stranger"',
      ],
      [
        'schema "audit"',
        '"stranger" has CREATE, USAGE',
        'REVOKE CREATE, USAGE ON SCHEMA "audit" FROM "stranger"',
      ],
      ['schema "audit"', 'everybody (PUBLIC) has USAGE', 'REVOKE USAGE ON SCHEMA "audit" FROM PUBLIC'],
      [
        'view audit.v',
        '"stranger" has DELETE, SELECT',
        'REVOKE DELETE, SELECT ON TABLE audit.v FROM "stranger"',
      ],
      [
        'routine public.f()',
        '"stranger" has EXECUTE',
        'REVOKE EXECUTE ON ROUTINE public.f() FROM "stranger"',
      ],
      [
        'sequence public.accounts_id_seq',
        'everybody (PUBLIC) has UPDATE',
        'REVOKE UPDATE ON SEQUENCE public.accounts_id_seq FROM PUBLIC',
      ],
      [
        'table public.accounts',
        '"bank_app" beyond its declared grant has TRUNCATE',
        'REVOKE TRUNCATE ON TABLE public.accounts FROM "bank_app"',
      ],
      [
        'table public.accounts',
        '"bank_reader" may hand on SELECT',
        'REVOKE GRANT OPTION FOR SELECT ON TABLE public.accounts FROM "bank_reader"',
      ],
      [
        'table public.accounts',
        '"stranger" has DELETE, SELECT',
        'REVOKE DELETE, SELECT ON TABLE public.accounts FROM "stranger"',
      ],
      [
        'table public.accounts',
        '"stranger" has UPDATE (note) on columns',
        'REVOKE UPDATE (note) ON TABLE public.accounts FROM "stranger"',
      ],
      [
        'default privileges of "bank_owner" in schema "audit"',
        '"stranger" gets SELECT on new tables',
        'ALTER DEFAULT PRIVILEGES FOR ROLE "bank_owner" IN SCHEMA "audit" REVOKE SELECT ON TABLES FROM "stranger"',
      ],
      [
        'default privileges of "bank_owner"',
        'everybody (PUBLIC) gets USAGE on new schemas',
        'ALTER DEFAULT PRIVILEGES FOR ROLE "bank_owner" REVOKE USAGE ON SCHEMAS FROM PUBLIC',
      ],
    ]);
    await takeAway(items);
    expect(await drift(bank)).toEqual([]);
  });

  test('of a role that is called PUBLIC: it is not everybody', async () => {
    await cluster.query('CREATE ROLE "PUBLIC"');
    await asMaster(
      'GRANT CONNECT ON DATABASE bank TO "PUBLIC"; GRANT SELECT ON accounts TO "PUBLIC"',
      'bank',
    );
    const items = await drift(bank);
    expect(items.map(({ found, sql }) => [found, sql])).toEqual([
      ['"PUBLIC" has CONNECT', 'REVOKE CONNECT ON DATABASE "bank" FROM "PUBLIC"'],
      [
        expect.stringContaining('"PUBLIC" has SELECT'),
        'REVOKE SELECT ON TABLE public.accounts FROM "PUBLIC"',
      ],
    ]);
    await takeAway(items);
    expect(await drift(bank)).toEqual([]);
    await cluster.query('DROP ROLE "PUBLIC"');
  });

  test('of owners: who used to migrate as a login sees the safe way out', async () => {
    await asMaster('GRANT rds_iam TO stranger');
    await asMaster(
      'GRANT CREATE ON SCHEMA public TO stranger; GRANT CONNECT ON DATABASE bank TO stranger',
      'bank',
    );
    await cluster.query(
      'CREATE TABLE old_one (id serial); CREATE TABLE old_two (); CREATE TYPE tone AS ENUM (); CREATE TYPE duo AS (a int)',
      {
        user: 'stranger',
        database: 'bank',
      },
    );
    await cluster.query('CREATE SCHEMA theirs AUTHORIZATION stranger', { database: 'bank' });
    await asMaster(
      'REVOKE CREATE ON SCHEMA public FROM stranger; REVOKE CONNECT ON DATABASE bank FROM stranger',
      'bank',
    );
    const items = await drift(bank);
    const sql = [
      'BEGIN',
      `SET LOCAL lock_timeout = '2s'`,
      'REVOKE rds_iam FROM "stranger"',
      `GRANT "stranger" TO CURRENT_USER${options(' WITH INHERIT TRUE')}`,
      'ALTER TABLE public.old_one OWNER TO "bank_owner"',
      'ALTER TABLE public.old_two OWNER TO "bank_owner"',
      'ALTER TYPE public.duo OWNER TO "bank_owner"',
      'ALTER TYPE public.tone OWNER TO "bank_owner"',
      'GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE public.old_one, public.old_two TO "bank_app"',
      'GRANT SELECT ON TABLE public.old_one, public.old_two TO "bank_reader"',
      'GRANT SELECT, UPDATE, USAGE ON SEQUENCE public.old_one_id_seq TO "bank_app"',
      'GRANT SELECT ON SEQUENCE public.old_one_id_seq TO "bank_reader"',
      'REVOKE "stranger" FROM CURRENT_USER',
      'GRANT rds_iam TO "stranger"',
      'COMMIT',
    ];
    const [schema, objects] = items;
    expect(items).toHaveLength(2);
    expect(schema).toEqual({
      kind: 'owner',
      database: 'bank',
      object: 'schema "theirs"',
      found: 'belongs to "stranger"; nobody declared it',
      prunable: false,
    });
    expect(objects).toMatchObject({
      kind: 'owner',
      database: 'bank',
      object: 'table public.old_one, table public.old_two, type public.duo, type public.tone',
      found: 'belong to "stranger"; migrations run as "bank_owner" cannot change them',
      prunable: false,
    });
    expect(objects?.sql?.split('; ').map(sorted)).toEqual(sql.map(sorted));
    await asMaster(objects?.sql ?? '', 'bank');
    expect(await drift(bank)).toEqual([schema]);
    await cluster.query('INSERT INTO old_one DEFAULT VALUES; TABLE old_two', {
      user: 'bank_app',
      database: 'bank',
    });
    await cluster.query('TABLE old_one', { user: 'bank_reader', database: 'bank' });
    await cluster.query('DROP SCHEMA theirs', { database: 'bank' });
    await asMaster('REVOKE rds_iam FROM stranger');
  });

  test('of owners: no way is shown on which the master would be an IAM-only login for a moment', async () => {
    await asMaster('CREATE ROLE outsider LOGIN');
    await cluster.query('GRANT rds_iam TO outsider');
    await cluster.query('CREATE TABLE theirs (); ALTER TABLE theirs OWNER TO outsider', { database: 'bank' });
    const [item] = await drift(bank);
    expect(item).toMatchObject({ object: 'table public.theirs' });
    // Since PostgreSQL 16 only who granted rds_iam takes it back.
    if (cluster.server.major >= 16) expect(item?.sql).toBeUndefined();
    else expect(item?.sql).toContain('REVOKE rds_iam FROM "outsider"');
    await cluster.query('DROP TABLE theirs; DROP ROLE outsider', { database: 'bank' });
  });

  test('of owners: the master keeps the membership that it had before', async () => {
    await asMaster('CREATE ROLE team');
    await asMaster(`GRANT team TO postern_master${options(' WITH INHERIT FALSE, SET TRUE')}`);
    await cluster.query('CREATE TABLE theirs (); ALTER TABLE theirs OWNER TO team', { database: 'bank' });
    const memberships = async () =>
      await cluster.query(`SELECT to_jsonb(a) - 'oid' AS row FROM pg_auth_members a WHERE roleid = 'team'::regrole
        ORDER BY 1`);
    const before = await memberships();
    const [item] = await drift(bank);
    await asMaster(item?.sql ?? '', 'bank');
    expect(await drift(bank)).toEqual([]);
    expect(await memberships()).toEqual(before);
    await cluster.query('DROP TABLE theirs; DROP ROLE team', { database: 'bank' });
  });

  test('of what was made by a declaration and is declared no longer, which prune takes away', async () => {
    const { bank_reader: _gone, ...roles } = bank.roles ?? {};
    await functionOf({ name: 'attic' }).call({ action: 'apply' });
    const items = await drift({ ...bank, roles });
    expect(items.filter(({ prunable }) => prunable)).toEqual([
      {
        kind: 'role',
        object: 'role "bank_reader"',
        found: 'made for database "bank", which declares it no longer',
        prunable: true,
      },
      {
        kind: 'role',
        object: 'role "pt_bank_reader"',
        found: 'made for database "bank", which declares it no longer',
        prunable: true,
      },
      {
        kind: 'database',
        object: 'database "attic"',
        found: 'made by a bootstrap; this artefact does not declare it (another one may)',
        prunable: true,
      },
    ]);
    // What it still holds is told as well.
    expect(items.filter(({ prunable }) => !prunable).map(({ kind, found }) => [kind, found])).toEqual(
      expect.arrayContaining([['grant', '"bank_reader" has CONNECT']]),
    );
  });
});

test('status names the declared roles as they are', async () => {
  const {
    roles,
    drift: found,
    server,
  } = await functionOf(bank, { name: 'attic' }).call({ action: 'status' });
  expect(server.version).toBeGreaterThan(150_000);
  expect(found).toEqual([]);
  const role = (name: string) => roles.find((each) => each.name === name);
  expect(role('bank_app')).toEqual({
    name: 'bank_app',
    exists: true,
    login: true,
    iam: true,
    managed: true,
    memberOf: ['bank_group'],
  });
  expect(role('bank_owner')).toMatchObject({ login: false, iam: false, memberOf: [] });
  expect(role('pt_bank_app')).toMatchObject({ iam: true, memberOf: ['bank_app'] });
  expect(roles.map(({ name }) => name)).toEqual([...new Set(roles.map(({ name }) => name))]);
});

/** Runs what a person would copy out of the report, as the master. Only who bypasses RLS may let others do so, or not. */
async function takeAway(items: readonly DriftItem[]): Promise<void> {
  for (const { sql = '', database = 'postgres' } of items) {
    const user = sql.includes('BYPASSRLS') ? 'rdsadmin' : 'postern_master';
    await cluster.query(sql, { database, user });
  }
}
