import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { resetDatabase, warmReset } from '../src/server/index.ts';
import { app, type Cluster, caller, owner, startCluster } from './reset-fixtures/cluster.ts';

const schema = `
CREATE SCHEMA app;
CREATE TABLE app.t (id serial PRIMARY KEY, v text);
INSERT INTO app.t (v) VALUES ('one'), ('two');
CREATE SEQUENCE app.stock CACHE 50;
CREATE TABLE app.copied (id int PRIMARY KEY);
INSERT INTO app.copied SELECT generate_series(1, 30);
GRANT USAGE ON SCHEMA app TO ${app};
GRANT ALL ON ALL TABLES IN SCHEMA app TO ${app};
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO ${app};`;

let cluster: Cluster;
let template: string;
let clone: string;
let pristine: string;

const pidOf = async (client: pg.Client): Promise<number> =>
  (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;

beforeAll(async () => {
  cluster = await startCluster();
  template = (await cluster.template('master', schema)).name;
  pristine = await cluster.hash(await cluster.clone(template));
});
afterAll(() => cluster?.[Symbol.asyncDispose]());
beforeEach(async () => {
  clone = await cluster.clone(template);
});

describe('the sessions of the database', () => {
  test('that are idle and known to be clean stay, and go on working', async () => {
    const session = await cluster.open(app, clone);
    await session.query('DELETE FROM app.t');
    const pid = await pidOf(session);
    expect(await cluster.reset(clone, [pid])).toMatchObject({ status: 'reset', ended: [] });
    expect((await session.query('SELECT count(*)::int AS n FROM app.t')).rows).toEqual([{ n: 2 }]);
    await session.query('TRUNCATE app.t');
    expect(await cluster.reset(clone, [pid])).toMatchObject({ status: 'reset', ended: [] });
    expect(await pidOf(session)).toBe(pid);
    await session.end();
    expect(await cluster.hash(clone)).toBe(pristine);
  });

  test('that nobody answers for are ended and told', async () => {
    const session = await cluster.open(app, clone);
    await session.query(
      `SET application_name = 'forgotten'; SELECT pg_advisory_lock(1), pg_advisory_lock(2)`,
    );
    const pid = await pidOf(session);
    const gone = vi.fn();
    session.on('end', gone);
    expect(await cluster.reset(clone)).toEqual({
      status: 'reset',
      tables: 0,
      sequences: 0,
      ended: [{ pid, applicationName: 'forgotten', user: app, state: 'idle', advisoryLocks: 2 }],
    });
    await vi.waitFor(() => expect(gone).toHaveBeenCalled(), { timeout: 20_000 });
  });

  test('are ended in the middle of a transaction even when they were said to be clean, and what they did is undone', async () => {
    const session = await cluster.open(app, clone);
    await session.query(`BEGIN; DELETE FROM app.t; SELECT nextval('app.t_id_seq')`);
    const pid = await pidOf(session);
    expect(await cluster.reset(clone, [pid])).toMatchObject({
      status: 'reset',
      sequences: 1,
      ended: [{ pid, state: 'idle in transaction' }],
    });
    expect(await cluster.hash(clone)).toBe(pristine);
  });

  test('are ended in the middle of a statement', async () => {
    const session = await cluster.open(app, clone);
    const pid = await pidOf(session);
    const sleeping = session.query('SELECT pg_sleep(600)').catch((error: { code: string }) => error.code);
    await vi.waitFor(
      async () =>
        expect(await cluster.reset(clone, [pid])).toMatchObject({ ended: [{ pid, state: 'active' }] }),
      { timeout: 20_000 },
    );
    expect(await sleeping).toBe('57P01');
  });

  test('that keep an advisory lock are not clean, whatever was said', async () => {
    const session = await cluster.open(app, clone);
    await session.query('SELECT pg_advisory_lock_shared(7)');
    expect(await cluster.reset(clone, [await pidOf(session)])).toMatchObject({
      status: 'reset',
      ended: [{ advisoryLocks: 1 }],
    });
  });

  test('that keep temporary tables use the database up', async () => {
    const session = await cluster.open(owner, clone);
    await session.query('CREATE TEMP TABLE t (id int)');
    expect(await cluster.reset(clone, [await pidOf(session)])).toMatchObject({
      status: 'discard',
      reason: 'temporary-objects',
    });
    await session.query('DISCARD TEMP');
    expect(await cluster.reset(clone, [await pidOf(session)])).toMatchObject({ status: 'reset' });
    await session.end();
  });

  test('that took numbers of a sequence in stock do not have them any more', async () => {
    const session = await cluster.open(app, clone);
    const next = async () => Number((await session.query(`SELECT nextval('app.stock') AS n`)).rows[0].n);
    const pid = await pidOf(session);
    expect([await next(), await next()]).toEqual([1, 2]);
    expect(await cluster.reset(clone, [pid])).toMatchObject({ status: 'reset', sequences: 1 });
    expect(await next()).toBe(1);
    await session.end();
  });

  test('of a superuser cannot be ended by the master, so the database is given up', async () => {
    const session = await cluster.open(cluster.server.superuser, clone);
    expect(await cluster.reset(clone)).toMatchObject({
      status: 'discard',
      reason: 'sessions',
      detail: expect.stringContaining('rdsadmin'),
    });
    await session.end();
  });
});

test('a reset session works for many resets, with a warm start and among databases with settings of their own', async () => {
  const settings = `DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database());
    EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END$$`;
  const made = await cluster.template('master', schema + settings);
  const own = await cluster.clone(made.name);
  // A clone has the settings that the declaration names: they are not copied.
  await cluster.run(own, settings);
  const session = await cluster.open(caller, own);
  await warmReset(session);
  for (let round = 0; round < 8; round++) {
    await cluster.run(
      own,
      `BEGIN READ WRITE; DELETE FROM app.t WHERE id = ${1 + (round % 2)}; SELECT nextval('app.t_id_seq'); COMMIT`,
    );
    expect(await resetDatabase(session)).toMatchObject({ status: 'reset', tables: 1, sequences: 1 });
  }
  await session.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
  expect(await resetDatabase(session)).toMatchObject({ status: 'discard', reason: 'not-resettable' });
  await session.end();
  expect(await cluster.hash(own)).toBe(await cluster.hash(await cluster.clone(made.name)));
});

test('serializable transactions of tests see no conflict because of the marks, and do not wait for each other', async () => {
  const first = await cluster.open(app, clone);
  const second = await cluster.open(app, clone);
  for (const session of [first, second]) await session.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
  await first.query(`INSERT INTO app.t (id, v) VALUES (100, 'first')`);
  await second.query(`UPDATE app.copied SET id = 100 WHERE id = 30`);
  await second.query(`INSERT INTO app.t (id, v) VALUES (101, 'second')`);
  await first.query('COMMIT');
  await second.query('COMMIT');
  expect(await cluster.reset(clone, [await pidOf(first), await pidOf(second)])).toMatchObject({
    status: 'reset',
    tables: 2,
    ended: [],
  });
  await first.end();
  await second.end();
});

describe('a database is given up', () => {
  test('when its template was never prepared', async () => {
    const admin = await cluster.open(cluster.server.superuser, 'postgres');
    await admin.query('CREATE DATABASE bare');
    await admin.end();
    expect(await cluster.reset('bare')).toMatchObject({ status: 'discard', reason: 'not-installed' });
  });

  test('when too many transactions lie between its template and now', async () => {
    await cluster.run(clone, `UPDATE postern_test.state SET baseline = '0'`, cluster.server.superuser);
    const old = await cluster.open(cluster.server.superuser, clone);
    await old.query(
      `UPDATE postern_test.state SET baseline = (pg_current_xact_id()::text::int8 + 5)::text::xid8`,
    );
    await old.end();
    expect(await cluster.reset(clone)).toMatchObject({ status: 'discard', reason: 'old-template' });
  });

  test('when a table with too many rows was written to, and only then', async () => {
    const { name, installation } = await cluster.template('master', schema, { bigSeedRows: 20 });
    expect(installation.resettable).toBe(true);
    const own = await cluster.clone(name);
    await cluster.run(own, 'DELETE FROM app.t');
    expect(await cluster.reset(own)).toMatchObject({ status: 'reset' });
    await cluster.run(own, 'DELETE FROM app.copied WHERE id = 1');
    expect(await cluster.reset(own)).toMatchObject({
      status: 'discard',
      reason: 'big-seed',
      detail: expect.stringContaining('app.copied'),
    });
  });
});

test('a database that was prepared twice, as a branch is, is reset to what it held the second time', async () => {
  await cluster.run(
    clone,
    `INSERT INTO app.t (v) VALUES ('of the branch'); CREATE TABLE app.branch (id int)`,
  );
  const { installReset } = await import('../src/server/index.ts');
  const master = await cluster.open(cluster.server.master, clone);
  expect(await installReset(master, { owner, callers: [caller] })).toMatchObject({ resettable: true });
  await master.end();
  const branch = await cluster.hash(clone);
  const own = await cluster.clone(clone);
  await cluster.run(own, `TRUNCATE app.t RESTART IDENTITY; INSERT INTO app.branch VALUES (1)`);
  expect(await cluster.reset(own)).toMatchObject({ status: 'reset' });
  expect(await cluster.hash(own)).toBe(branch);
});
