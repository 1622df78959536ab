import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installReset, resetDatabase, warmReset } from '../src/server/index.ts';
import { app, type By, type Cluster, caller, owner, quoted, startCluster } from './reset-fixtures/cluster.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** A table whose index, check, generated column and policy run code of the owner when rows are put back. */
const trap = (code: string): string => `
CREATE SCHEMA app;
CREATE FUNCTION app.evil() RETURNS text LANGUAGE plpgsql VOLATILE AS $f$BEGIN ${code} RETURN current_user; END$f$;
CREATE FUNCTION app.who(v text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $f$BEGIN
  IF current_setting('session_replication_role') = 'replica' THEN RETURN app.evil(); END IF; RETURN ''; END$f$;
CREATE FUNCTION app.fine(v text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $f$BEGIN PERFORM app.who(v); RETURN true; END$f$;
CREATE TABLE app.t (id int PRIMARY KEY, v text CHECK (app.fine(v)), g text GENERATED ALWAYS AS (left(app.who(v), 0)) STORED);
CREATE INDEX ON app.t (left(app.who(v), 0));
INSERT INTO app.t VALUES (1, 'x'), (2, 'y');
GRANT USAGE ON SCHEMA app TO ${app}; GRANT ALL ON app.t TO ${app};`;

describe.each<By>(['master', 'superuser'])('in a template prepared by the %s', (by) => {
  const masterOf = (): string => (by === 'master' ? cluster.server.master : cluster.server.superuser);

  async function trapped(code: string): Promise<string> {
    const { name, installation } = await cluster.template(by, trap(code));
    expect(installation.resettable).toBe(true);
    const clone = await cluster.clone(name);
    await cluster.run(clone, 'DELETE FROM app.t', app);
    return clone;
  }

  test.each(['caller', 'master'])('code of the owner runs as the owner when the %s resets', async (who) => {
    const clone = await trapped(`PERFORM pg_notify('who', current_user);`);
    const session = await cluster.open(who === 'caller' ? caller : masterOf(), clone);
    const users = new Set<string>();
    session.on('notification', ({ payload }) => users.add(String(payload)));
    await session.query('LISTEN who');
    expect(await resetDatabase(session)).toMatchObject({ status: 'reset', tables: 1 });
    await session.query('SELECT 1');
    expect([...users]).toEqual([owner]);
    await session.end();
  });

  test.each([
    ['SET ROLE', (master: string) => `EXECUTE 'SET ROLE ${master}';`],
    ['RESET ROLE', () => `EXECUTE 'RESET ROLE';`],
    ['SET SESSION AUTHORIZATION', (master: string) => `EXECUTE 'SET SESSION AUTHORIZATION ${master}';`],
    ['set_config', (master: string) => `PERFORM set_config('role', '${master}', false);`],
    [
      'a function of ours made to run as its caller',
      () => `EXECUTE 'ALTER FUNCTION postern_test.changed_sequences() SECURITY INVOKER';`,
    ],
    [
      'a function of ours replaced',
      () =>
        `EXECUTE 'CREATE FUNCTION postern_test.reset_database(int[], int) RETURNS int LANGUAGE sql RETURN 1';`,
    ],
    ['marks taken away', () => `DELETE FROM postern_test.dirty;`],
    ['other seeds', () => `DELETE FROM postern_seed.s1;`],
    ['triggers switched on', () => `EXECUTE 'SET session_replication_role = origin';`],
  ])('it gets no further by %s', async (_name, code) => {
    const clone = await trapped(code(quoted(masterOf())));
    const outcome = await cluster.reset(clone);
    expect(outcome).toMatchObject({ status: 'discard', reason: 'not-resettable' });
    expect('detail' in outcome && outcome.detail).toMatch(
      /cannot set parameter|permission denied|must be owner|does not exist/,
    );
  });

  test('it cannot leave something behind that runs as the caller at the end', async () => {
    const clone = await trapped(
      `IF NOT EXISTS (SELECT FROM pg_cursors WHERE name = 'later') THEN EXECUTE 'DECLARE later CURSOR WITH HOLD FOR SELECT app.evil()'; END IF;`,
    );
    expect(await cluster.reset(clone)).toMatchObject({
      status: 'discard',
      reason: 'not-resettable',
      detail: expect.stringContaining('after the reset'),
    });
  });

  test('neither owner nor app have rights on what resets need, and callers have one', async () => {
    const { name } = await cluster.template(by, trap(''));
    const session = await cluster.open(cluster.server.superuser, await cluster.clone(name));
    const { rows } = await session.query(
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
    const functions = await session.query(
      `SELECT p.proname, p.prosecdef, p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'] AS pinned, pg_get_userbyid(p.proowner) AS owner
         FROM pg_proc p WHERE p.pronamespace = 'postern_test'::regnamespace`,
    );
    for (const row of functions.rows) {
      expect(row).toMatchObject({ prosecdef: true, pinned: true });
      expect(row.owner).toBe(/^(restore|changed|views)_/.test(row.proname) ? owner : masterOf());
    }
    await session.end();
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
