import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { installReset, resetDatabase } from '../src/server/index.ts';
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

const schema = `
CREATE SCHEMA app;
CREATE TABLE app.t (id serial PRIMARY KEY, v text);
INSERT INTO app.t (v) VALUES ('one'), ('two');
GRANT USAGE ON SCHEMA app TO ${app};
GRANT ALL ON app.t TO ${app};
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO ${app};`;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

describe('a template can never be reset', () => {
  test.each([
    [
      'foreign tables',
      '',
      `CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw; CREATE FOREIGN TABLE app.far (id int) SERVER s`,
      'foreign-table',
    ],
    ['large objects', `SELECT lo_create(0)`, '', 'large-objects'],
    [
      'triggers that fire for replicas',
      `CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
       CREATE TRIGGER always BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.f(); ALTER TABLE app.t ENABLE ALWAYS TRIGGER always`,
      '',
      'not-resettable',
    ],
    [
      'rules that fire for replicas',
      'CREATE RULE r AS ON DELETE TO app.t DO INSTEAD NOTHING; ALTER TABLE app.t ENABLE REPLICA RULE r',
      '',
      'not-resettable',
    ],
    [
      'tables of somebody else',
      '',
      `CREATE TABLE app.other (id int); GRANT INSERT ON app.other TO ${app}`,
      'not-resettable',
    ],
    [
      'sequences of somebody else',
      '',
      `CREATE SEQUENCE app.other; GRANT USAGE ON SEQUENCE app.other TO ${app}`,
      'not-resettable',
    ],
  ])('with %s, and says why', async (_what, more, asSuperuser, reason) => {
    const { name, installation } = await cluster.template('master', schema + more, { more: asSuperuser });
    expect(installation).toMatchObject({
      resettable: false,
      reasons: expect.arrayContaining([expect.any(String)]),
    });
    expect(await cluster.reset(await cluster.clone(name))).toEqual({
      status: 'discard',
      reason,
      detail: installation.reasons[0],
      ended: [],
    });
  });

  test('by a master that may not switch triggers off', async () => {
    const admin = await cluster.open(cluster.server.superuser, 'postgres');
    await admin.query(`CREATE ROLE weak LOGIN CREATEDB; GRANT ${quoted(owner)} TO weak`);
    await admin.query('CREATE DATABASE weak OWNER weak');
    await admin.end();
    const weak = await cluster.open('weak', 'weak');
    const installation = await installReset(weak, { owner: 'weak', callers: [caller] });
    await weak.end();
    expect(installation).toMatchObject({
      resettable: false,
      reasons: [expect.stringContaining('session_replication_role')],
    });
    expect(await cluster.reset('weak')).toMatchObject({ status: 'discard', reason: 'not-resettable' });
  });
});

test('tables of the master that nobody may write, such as those of extensions, are no obstacle', async () => {
  const { name, installation } = await cluster.template('superuser', schema, {
    more: 'CREATE TABLE public.systems (id int); INSERT INTO public.systems VALUES (1)',
  });
  expect(installation.resettable).toBe(true);
  const own = await cluster.clone(name);
  await cluster.run(own, 'DELETE FROM app.t');
  expect(await cluster.reset(own)).toMatchObject({ status: 'reset' });
  // Somebody found a way all the same.
  await cluster.run(own, 'DELETE FROM public.systems', cluster.server.superuser);
  expect(await cluster.reset(own)).toMatchObject({ status: 'discard', reason: 'big-seed' });
});

describe.each<By>(['master', 'superuser'])('a template prepared by the %s', (by) => {
  test.each([
    [
      'rights taken from the owner',
      'REVOKE ALL ON app.t FROM CURRENT_USER',
      'could not be prepared: permission denied for table t',
    ],
    [
      'a schema closed to the owner',
      'REVOKE USAGE ON SCHEMA app FROM CURRENT_USER',
      'could not be prepared: permission denied for schema app',
    ],
    [
      'a trigger of our name',
      `CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
       CREATE TRIGGER postern_test_mark AFTER INSERT ON app.t EXECUTE FUNCTION app.f()`,
      'already exists',
    ],
  ])('with %s is a template all the same, and says why it cannot be reset', async (_name, sql, reason) => {
    const { name, installation } = await cluster.template(by, schema + sql);
    expect(installation).toMatchObject({ resettable: false, reasons: [expect.stringContaining(reason)] });
    expect(await cluster.reset(await cluster.clone(name))).toMatchObject({
      status: 'discard',
      reason: 'not-resettable',
      detail: installation.reasons[0],
    });
  });

  test('with a publication of all tables and a guard against DDL is reset like others', async () => {
    const { name, installation } = await cluster.template(by, schema, {
      more: `CREATE FUNCTION app.guard() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no DDL here'; END$$;
        CREATE PUBLICATION everything FOR ALL TABLES;
        CREATE EVENT TRIGGER guard ON ddl_command_end EXECUTE FUNCTION app.guard()`,
    });
    expect(installation.resettable).toBe(true);
    const clone = await cluster.clone(name);
    const before = await cluster.hash(clone);
    await cluster.run(clone, `DELETE FROM app.t; INSERT INTO app.t (v) VALUES ('x')`, app);
    expect(await cluster.reset(clone)).toMatchObject({ status: 'reset', tables: 1, sequences: 1 });
    expect(await cluster.hash(clone)).toBe(before);
  });

  test('gives values of types of its own back as they were, whatever the settings and casts', async () => {
    const { name } = await cluster.template(
      by,
      `${schema}
       CREATE DOMAIN app.real AS float8; CREATE DOMAIN app.note AS varchar(3); CREATE TYPE app.mood AS ENUM ('sad', 'o"k ''x');
       CREATE TYPE app.pair AS (f float8, at timestamptz, took interval, raw bytea, price money, doc jsonb, mood app.mood);
       CREATE TABLE app.values (id int PRIMARY KEY, r app.real, n app.note, m app.mood, p app.pair, list app.pair[], moods app.mood[]);
       INSERT INTO app.values VALUES
         (1, pi(), 'a  ', 'o"k ''x', ROW(0.1::float8 + 0.2::float8, '2024-02-03 10:11:12.123456+00', '-1 mon -3 days -04:05:06.789', '\\\\x00ff', 12.34, '{"a": 1}', 'sad'),
           ARRAY[ROW(1e-300, 'infinity', '1 year', '', 1, 'null', NULL)::app.pair, NULL], '{sad,NULL}'),
         (2, NULL, NULL, NULL, ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL), '{}', NULL),
         (3, 'NaN', '', NULL, NULL, NULL, '{}');
       CREATE TABLE app.by_mood (mood app.mood PRIMARY KEY, n int); INSERT INTO app.by_mood VALUES ('sad', 1), ('o"k ''x', 2);
       CREATE FUNCTION app.wrong(varchar) RETURNS app.mood LANGUAGE sql RETURN 'sad'::app.mood;
       CREATE CAST (varchar AS app.mood) WITH FUNCTION app.wrong(varchar)`,
    );
    const clone = await cluster.clone(name);
    const before = await cluster.hash(clone);
    await cluster.run(clone, `DELETE FROM app.values; DELETE FROM app.by_mood WHERE n = 2`);
    const session = await cluster.open(caller, clone);
    await session.query(
      `SET datestyle = 'SQL, DMY'; SET intervalstyle = sql_standard; SET extra_float_digits = -10`,
    );
    expect(await resetDatabase(session)).toMatchObject({ status: 'reset', tables: 2 });
    await session.end();
    expect(await cluster.hash(clone)).toBe(before);
  });

  test('is given up when a function of a superuser changed what belongs to superusers', async () => {
    const writes = {
      'a table': 'INSERT INTO app.others VALUES (2)',
      'rows of a table': 'UPDATE app.others SET id = id',
      'a sequence': `SELECT nextval('app.others_seq')`,
    };
    const functions = Object.entries(writes).map(
      ([what, sql]) =>
        `CREATE FUNCTION app."${what}"() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$${sql}$$`,
    );
    const { name, installation } = await cluster.template(by, schema, {
      more: `CREATE TABLE app.others (id int); INSERT INTO app.others VALUES (1); CREATE SEQUENCE app.others_seq;
        GRANT SELECT ON app.others, app.others_seq TO PUBLIC; ${functions.join('; ')}`,
    });
    expect(installation.resettable).toBe(true);
    for (const what of Object.keys(writes)) {
      const clone = await cluster.clone(name);
      await cluster.run(clone, `DELETE FROM app.t; SELECT app."${what}"()`, app);
      expect(await cluster.reset(clone), what).toMatchObject({
        status: 'discard',
        reason: 'big-seed',
        detail: expect.stringContaining('app.others'),
      });
    }
  });

  test('tells the owner of a check what it looks up in vain', async () => {
    const { name } = await cluster.template(
      by,
      `${schema} SET search_path = app; CREATE FUNCTION h(text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
       CREATE FUNCTION ok(v text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN h(v); END$$;
       ALTER TABLE t ADD CHECK (ok(v))`,
    );
    const clone = await cluster.clone(name);
    await cluster.run(clone, 'DELETE FROM app.t', app);
    expect(await cluster.reset(clone)).toMatchObject({
      status: 'discard',
      reason: 'not-resettable',
      detail: expect.stringMatching(/function h\(text\) does not exist; .*search_path/),
    });
  });
});

test('a test with very many statements slows no later reset down', async () => {
  const { name } = await cluster.template('master', schema);
  const clone = await cluster.clone(name);
  const superuser = await cluster.open(cluster.server.superuser, clone);
  await superuser.query(
    `DELETE FROM app.t; INSERT INTO postern_test.dirty SELECT 'app.t'::regclass FROM generate_series(1, 40000)`,
  );
  await superuser.end();
  expect(await cluster.reset(clone)).toMatchObject({ status: 'reset', tables: 1 });
  const session = await cluster.open(cluster.server.superuser, clone);
  const { rows } = await session.query(`SELECT pg_relation_size('postern_test.dirty')::int AS bytes`);
  await session.end();
  expect(rows).toEqual([{ bytes: 0 }]);
});

/** Kills a session as the system does when memory is short: PostgreSQL ends all others, too, and recovers. */
async function crash({ server, open }: Cluster): Promise<void> {
  const [victim, witness] = [
    await open(server.superuser, 'postgres'),
    await open(server.superuser, 'postgres'),
  ];
  const noticed = new Promise<void>((resolve) => witness.once('end', resolve));
  process.kill(pidOf(victim), 'SIGKILL');
  await noticed;
  await vi.waitFor(async () => await (await open(server.superuser, 'postgres')).end(), { timeout: 20_000 });
}

test('a crash of the server empties unlogged tables neither in templates nor in clones that wait for their user', async () => {
  // A commit that nobody waits for is written late.
  await using own = await startCluster({ wal_writer_delay: '10s' });
  const { name } = await own.template(
    'master',
    `CREATE UNLOGGED TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1);
     CREATE UNLOGGED TABLE child (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent int REFERENCES parent, elder int REFERENCES child);
     INSERT INTO child (parent) VALUES (1), (1);
     CREATE UNLOGGED TABLE later (id int PRIMARY KEY);
     ALTER TABLE child ADD CONSTRAINT late FOREIGN KEY (elder) REFERENCES later;
     CREATE FUNCTION twice(n int) RETURNS int IMMUTABLE LANGUAGE sql RETURN n * 2; CREATE INDEX ON child (twice(parent));
     CREATE TABLE parted (id int) PARTITION BY RANGE (id);
     CREATE UNLOGGED TABLE part PARTITION OF parted FOR VALUES FROM (1) TO (9); INSERT INTO parted VALUES (5);
     CREATE UNLOGGED TABLE visit (id serial); SELECT nextval('visit_id_seq')`,
  );
  const circle = await own.template(
    'master',
    `CREATE UNLOGGED TABLE a (id int PRIMARY KEY, b int); CREATE UNLOGGED TABLE b (id int PRIMARY KEY REFERENCES a);
     ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b; INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)`,
  );
  const [waiting, circular] = [await own.clone(name), await own.clone(circle.name)];
  const [before, beforeOfCircle] = [await own.hash(waiting), await own.hash(circular)];
  await crash(own);

  expect(await own.hash(waiting)).toBe(before);
  expect(await own.hash(await own.clone(name))).toBe(before);
  await own.run(
    waiting,
    `INSERT INTO visit DEFAULT VALUES; DELETE FROM child WHERE id = 2; DELETE FROM parted`,
  );
  expect(await own.reset(waiting)).toMatchObject({ status: 'reset', tables: 3, sequences: 1 });
  // A reset that was answered is not undone by a crash, though this server does not wait for commits to be written.
  await crash(own);
  expect(await own.hash(waiting)).toBe(before);
  // Tables that refer to each other cannot be made logged one after the other. A reset knows them, at least.
  expect(await own.hash(circular)).not.toBe(beforeOfCircle);
  expect(await own.reset(circular)).toMatchObject({ status: 'reset', tables: 2 });
  expect(await own.hash(circular)).toBe(beforeOfCircle);
});
