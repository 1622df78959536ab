import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { installReset, resetDatabase, warmReset } from '../src/server/index.ts';
import {
  app,
  type By,
  type Cluster,
  caller,
  owner,
  pidOf,
  quoted,
  startCluster,
} from './reset-fixtures/cluster.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/**
 * A table whose index, check and generated column run code of the owner when rows are put back: what the reset's session has in
 * the setting `test.code`. And what would run if our functions looked up anything by a path of the owner's.
 */
const trap = `
CREATE SCHEMA app; CREATE SCHEMA evil;
CREATE FUNCTION app.evil() RETURNS text LANGUAGE plpgsql VOLATILE AS $f$BEGIN EXECUTE coalesce(nullif(current_setting('test.code', true), ''), 'SELECT'); RETURN current_user; END$f$;
CREATE FUNCTION app.who(v text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $f$BEGIN
  IF current_setting('session_replication_role') = 'replica' THEN RETURN app.evil(); END IF; RETURN ''; END$f$;
CREATE FUNCTION app.fine(v text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $f$BEGIN PERFORM app.who(v); RETURN true; END$f$;
CREATE TABLE app.t (id int PRIMARY KEY, v text CHECK (app.fine(v)), g text GENERATED ALWAYS AS (left(app.who(v), 0)) STORED);
CREATE INDEX ON app.t (left(app.who(v), 0));
INSERT INTO app.t VALUES (1, 'x'), (2, 'y');
CREATE SEQUENCE app.s;
CREATE FUNCTION evil.tell() RETURNS void LANGUAGE plpgsql AS $f$BEGIN RAISE WARNING 'evil code runs as %', current_user; END$f$;
CREATE FUNCTION evil.cardinality(oid[]) RETURNS int LANGUAGE plpgsql AS $f$BEGIN PERFORM evil.tell(); RETURN pg_catalog.cardinality($1); END$f$;
CREATE FUNCTION evil.cardinality(int[]) RETURNS int LANGUAGE plpgsql AS $f$BEGIN PERFORM evil.tell(); RETURN pg_catalog.cardinality($1); END$f$;
CREATE FUNCTION evil.jsonb_build_object(text, text) RETURNS jsonb LANGUAGE plpgsql AS $f$BEGIN PERFORM evil.tell(); RETURN NULL; END$f$;
CREATE FUNCTION evil.pg_relation_size(regclass) RETURNS int8 LANGUAGE plpgsql AS $f$BEGIN PERFORM evil.tell(); RETURN 0; END$f$;
CREATE FUNCTION evil.eq(oid, oid) RETURNS bool LANGUAGE plpgsql AS $f$BEGIN PERFORM evil.tell(); RETURN pg_catalog.oideq($1, $2); END$f$;
CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.eq);
CREATE FUNCTION evil.eq(text, text) RETURNS bool LANGUAGE plpgsql AS $f$BEGIN PERFORM evil.tell(); RETURN pg_catalog.texteq($1, $2); END$f$;
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq);
GRANT USAGE ON SCHEMA app, evil TO PUBLIC; GRANT ALL ON app.t TO ${app};`;

/** What ran, and not as the owner. */
const elsewhere = (warning: string): boolean => !warning.endsWith(` as ${owner}`);

const switchPath = `SELECT set_config('search_path', 'evil, pg_catalog', false)`;

describe.each<By>(['master', 'superuser'])('in a template prepared by the %s', (by) => {
  const masterOf = (): string => (by === 'master' ? cluster.server.master : cluster.server.superuser);
  let template: string;
  let clone: string;
  let session: pg.Client;
  const warnings: string[] = [];

  beforeAll(async () => {
    const made = await cluster.template(by, trap);
    expect(made.installation.resettable).toBe(true);
    template = made.name;
    clone = await cluster.clone(template);
    session = await openFor(caller);
  });
  afterAll(() => session?.end());
  beforeEach(async () => {
    warnings.length = 0;
    await cluster.run(clone, 'DELETE FROM app.t', app);
  });

  async function openFor(user: string): Promise<pg.Client> {
    const client = await cluster.open(user, clone);
    client.on('notice', ({ message }) => warnings.push(String(message)));
    return client;
  }

  async function resetWith(code: string, client = session): ReturnType<typeof resetDatabase> {
    await client.query(`SELECT set_config('test.code', $1, false)`, [code]);
    return await resetDatabase(client, { keep: [pidOf(session)] });
  }

  test.each(['caller', 'master'])('code of the owner runs as the owner when the %s resets', async (who) => {
    const client = await openFor(who === 'caller' ? caller : masterOf());
    const users = new Set<string>();
    client.on('notification', ({ payload }) => users.add(String(payload)));
    await client.query('LISTEN who');
    expect(await resetWith(`SELECT pg_notify('who', current_user)`, client)).toMatchObject({
      status: 'reset',
      tables: 1,
    });
    await client.query('SELECT 1');
    expect([...users]).toEqual([owner]);
    await client.end();
  });

  test.each([
    ['SET ROLE', (master: string) => `SET ROLE ${master}`],
    ['RESET ROLE', () => 'RESET ROLE'],
    ['SET SESSION AUTHORIZATION', (master: string) => `SET SESSION AUTHORIZATION ${master}`],
    ['set_config', (master: string) => `SELECT set_config('role', '${master}', false)`],
    [
      'a function of ours made to run as its caller',
      () => 'ALTER FUNCTION postern_test.changed_sequences() SECURITY INVOKER',
    ],
    [
      'a function of ours replaced',
      () => 'CREATE FUNCTION postern_test.reset_database(int[], int) RETURNS int LANGUAGE sql RETURN 1',
    ],
    ['marks taken away', () => 'DELETE FROM postern_test.dirty'],
    ['other seeds', () => 'DELETE FROM postern_seed.s1'],
    ['triggers switched on', () => 'SET session_replication_role = origin'],
    ['a path that our functions would follow', () => switchPath],
  ])('it gets no further by %s', async (_name, code) => {
    const outcome = await resetWith(code(quoted(masterOf())));
    expect(outcome).toMatchObject({ status: 'discard', reason: 'not-resettable' });
    expect('detail' in outcome && outcome.detail).toMatch(
      /cannot set parameter|permission denied|must be owner|does not exist|changed search_path/,
    );
    expect(warnings.filter(elsewhere)).toEqual([]);
    // Not even in the session.
    expect((await session.query('SHOW search_path')).rows).toEqual([{ search_path: '"$user", public' }]);
  });

  test('it may use a path of its own while it runs', async () => {
    expect(await resetWith(`SELECT set_config('search_path', 'evil', true)`)).toMatchObject({
      status: 'reset',
    });
    expect(warnings.filter(elsewhere)).toEqual([]);
  });

  test('what it put in the place of a sequence runs as the owner, and makes nothing else its own', async () => {
    const own = await cluster.clone(template);
    await cluster.run(
      own,
      `CREATE FUNCTION app.path() RETURNS int8 LANGUAGE plpgsql AS $$BEGIN
         RAISE WARNING 'view as %', current_user; PERFORM set_config('search_path', 'evil, pg_catalog', false); RETURN 1; END$$;
       DROP SEQUENCE app.s; CREATE VIEW app.s AS SELECT app.path() AS last_value, false AS is_called`,
    );
    const client = await cluster.open(caller, own);
    client.on('notice', ({ message }) => warnings.push(String(message)));
    await warmReset(client);
    await client.query(`SELECT set_config('search_path', 'public', false)`);
    expect(await resetDatabase(client)).toMatchObject({ status: 'discard' });
    await client.end();
    expect(warnings.filter(elsewhere)).toEqual([]);
  });

  test('it cannot leave something behind that runs as the caller at the end', async () => {
    const code = `DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_cursors WHERE name = 'later') THEN EXECUTE 'DECLARE later CURSOR WITH HOLD FOR SELECT app.evil()'; END IF; END$$`;
    expect(await resetWith(code)).toMatchObject({
      status: 'discard',
      reason: 'not-resettable',
      detail: expect.stringContaining('after the reset'),
    });
  });

  test('neither owner nor app have rights on what resets need, and callers have one', async () => {
    const reader = await cluster.open(cluster.server.superuser, clone);
    const { rows } = await reader.query(
      `SELECT r.rolname, has_schema_privilege(r.oid, 'postern_test', 'USAGE') AS usage, has_schema_privilege(r.oid, 'postern_test', 'CREATE') AS create,
         (SELECT count(*)::int FROM pg_proc p WHERE p.pronamespace = 'postern_test'::regnamespace AND p.proowner <> r.oid
            AND has_function_privilege(r.oid, p.oid, 'EXECUTE')) AS functions,
         (SELECT array_agg(DISTINCT c.relnamespace::regnamespace::text || ' ' || k) FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) k
           WHERE c.relnamespace IN ('postern_test'::regnamespace, 'postern_seed'::regnamespace) AND c.relkind = 'r' AND has_table_privilege(r.oid, c.oid, k)) AS tables
       FROM pg_roles r WHERE r.rolname = ANY ($1) ORDER BY r.rolname`,
      [[owner, app, caller]],
    );
    expect(rows).toEqual([
      { rolname: owner, usage: false, create: false, functions: 0, tables: ['postern_seed SELECT'] },
      { rolname: caller, usage: true, create: false, functions: 1, tables: null },
      { rolname: app, usage: false, create: false, functions: 0, tables: null },
    ]);
    const functions = await reader.query(
      `SELECT p.proname, p.prosecdef, p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'] AS pinned, pg_get_userbyid(p.proowner) AS owner
         FROM pg_proc p WHERE p.pronamespace = 'postern_test'::regnamespace`,
    );
    for (const row of functions.rows) {
      expect(row).toMatchObject({ prosecdef: true, pinned: true });
      expect(row.owner).toBe(/^(restore|changed|views)_/.test(row.proname) ? owner : masterOf());
    }
    await reader.end();
  });

  test('a schema of our name that somebody else made stops the installation', async () => {
    const made = cluster.template(by, 'CREATE SCHEMA postern_test');
    await expect(made).rejects.toMatchObject({ code: 'TESTDB_NAME_TAKEN', kind: 'conflict' });
  });
});

test('where master and owner are one, resets work as well', async () => {
  const admin = await cluster.open(cluster.server.superuser, 'postgres');
  await admin.query('CREATE DATABASE lonely');
  await admin.end();
  const session = await cluster.open(cluster.server.superuser, 'lonely');
  await session.query(`CREATE TABLE t (id serial PRIMARY KEY); INSERT INTO t DEFAULT VALUES`);
  const { superuser } = cluster.server;
  expect(await installReset(session, { owner: superuser, callers: [superuser] })).toMatchObject({
    resettable: true,
  });
  const before = await cluster.hash('lonely');
  await session.query('INSERT INTO t DEFAULT VALUES; DELETE FROM t WHERE id = 1');
  expect(await resetDatabase(session)).toMatchObject({ status: 'reset', tables: 1, sequences: 1 });
  // The master's own session is left as it was.
  expect((await session.query('SHOW session_replication_role')).rows).toEqual([
    { session_replication_role: 'origin' },
  ]);
  await warmReset(session);
  await session.query('TRUNCATE t');
  expect(await resetDatabase(session)).toMatchObject({ status: 'reset', tables: 1 });
  await session.end();
  expect(await cluster.hash('lonely')).toBe(before);
});
