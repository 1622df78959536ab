import { newRunId } from '@postern/test-databases';
import { resetDatabase } from '@postern/test-databases/server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PrepareResult } from '../src/contract/response.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { createFunction, type InProcessFunction, masterOf } from './fixtures/function.ts';
import { deploy, shop } from './fixtures/service.ts';

let cluster: Cluster;
let artefact: Awaited<ReturnType<typeof deploy>>;
let lambda: InProcessFunction;
let hash: string;

beforeAll(async () => {
  [cluster, artefact] = await Promise.all([startCluster(), deploy([shop])]);
  lambda = createFunction(cluster, artefact.folder);
  hash = artefact.built.manifest.databases[0]?.templateHash ?? '';
});
afterAll(async () => {
  await artefact?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const prepare = async (
  run: string,
  count: number,
  to: InProcessFunction = lambda,
  of: string = hash,
): Promise<PrepareResult> => await to.call({ action: 'prepare', database: 'shop', hash: of, run, count });
const ready = async (run: string, count: number): Promise<Extract<PrepareResult, { status: 'ready' }>> => {
  const result = await prepare(run, count);
  if (result.status !== 'ready') throw new Error('unknown');
  return result;
};
const testDatabases = async (pattern = '^pt[tb]?_'): Promise<string[]> =>
  (
    await cluster.query<{ datname: string }>(
      `SELECT datname FROM pg_database WHERE datname ~ '${pattern}' ORDER BY 1`,
    )
  ).map(({ datname }) => datname);

test('before apply, and after one of an older function, prepare says that apply comes first', async () => {
  const before = await lambda.invoke({
    action: 'prepare',
    database: 'shop',
    hash,
    run: newRunId(),
    count: 1,
  });
  expect(before).toMatchObject({ ok: false, error: { code: 'BOOTSTRAP_NOT_APPLIED', kind: 'conflict' } });
  await lambda.call({ action: 'apply' });

  // As the first version of the ledger left a cluster.
  const ledger = { database: 'postern' };
  await cluster.query(
    `INSERT INTO postern.runs (run) VALUES ('abcdefgh1234');
     ALTER TABLE postern.runs DROP connections;
     ALTER TABLE postern.templates DROP manifest, DROP engine, DROP server;
     ALTER TABLE postern.databases DROP owner, DROP source, DROP branch, DROP kept_until;
     DROP FUNCTION postern.claim_connections;
     COMMENT ON SCHEMA postern IS 'postern ledger 1'`,
    ledger,
  );
  expect(await lambda.invoke({ action: 'sweep' })).toMatchObject({
    ok: false,
    error: {
      code: 'BOOTSTRAP_NOT_APPLIED',
      message: expect.stringContaining('version 2 of the ledger (it is 1)'),
    },
  });
  const { statements } = await lambda.call({ action: 'apply' });
  expect(new Set(statements.map(({ group }) => group))).toEqual(new Set(['ledger of test databases']));
  expect((await lambda.call({ action: 'apply' })).statements).toEqual([]);
  expect(await cluster.query('SELECT run, connections FROM postern.runs', ledger)).toEqual([
    { run: 'abcdefgh1234', connections: 0 },
  ]);
  await cluster.query('DELETE FROM postern.runs', ledger);
});

describe('prepare', () => {
  test('20 runs at once build one template and get databases of their own', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => ready(newRunId(), 1)));
    expect(results.filter(({ built }) => built)).toHaveLength(1);
    expect(new Set(results.flatMap(({ databases }) => databases)).size).toBe(20);
    expect(await testDatabases('^pt[tb]_')).toEqual([results[0]?.template]);
    for (const { databases } of results)
      await lambda.call({ action: 'drop', run: databases[0]?.split('_r')[1]?.split('_')[0] ?? '' });
  });

  test('gives databases with the migrations, the grants and the acting roles of the real one', async () => {
    const run = newRunId();
    const { databases, logins } = await ready(run, 2);
    const [first = '', second = ''] = databases;
    expect(first).toBe(`pt_${hash.slice(0, 8)}_r${run}_1`);
    expect(logins).toEqual({ shop_app: 'pt_shop_app', shop_reader: 'pt_shop_reader' });

    const app = await cluster.connect('pt_shop_app', first);
    await app.query(`INSERT INTO orders (item) VALUES ('tea'); CREATE TEMPORARY TABLE scratch ()`);
    const who = `SELECT current_user, session_user`;
    for (const reset of ['SELECT 1', 'RESET ROLE', 'RESET ALL', 'DISCARD ALL']) {
      await app.query(reset);
      expect((await app.query(who)).rows, reset).toEqual([
        { current_user: 'shop_app', session_user: 'pt_shop_app' },
      ]);
    }
    await expect(app.query('DELETE FROM audit.log')).rejects.toMatchObject({ code: '42501' });
    await expect(app.query('SET ROLE shop_owner')).rejects.toMatchObject({ code: '42501' });
    await app.end();
    const reader = { user: 'pt_shop_reader', database: first };
    expect(await cluster.query('SELECT item FROM orders', reader)).toEqual([{ item: 'tea' }]);
    await expect(cluster.query('CREATE TEMPORARY TABLE x ()', reader)).rejects.toMatchObject({
      code: '42501',
    });
    expect(
      await cluster.query('SELECT item FROM orders', { user: 'pt_shop_reader', database: second }),
    ).toEqual([]);

    for (const user of ['shop_app', 'shop_reader', 'shop_migrator', 'pt_shop_migrator']) {
      await expect(cluster.query('SELECT 1', { user, database: first }), user).rejects.toMatchObject({
        code: '42501',
      });
    }
    await expect(cluster.query('SELECT 1', { user: 'pt_shop_app', database: 'shop' })).rejects.toMatchObject({
      code: '42501',
    });
    expect(await lambda.call({ action: 'drop', run })).toEqual({ dropped: databases });
  });

  test('lets the lease role in, which can read and change nothing there', async () => {
    const run = newRunId();
    const { databases } = await ready(run, 1);
    const lease = { user: 'pt_lease', database: databases[0] ?? '' };
    expect(await cluster.query('SELECT current_user', lease)).toEqual([{ current_user: 'pt_lease' }]);
    for (const sql of [
      'TABLE orders',
      'INSERT INTO orders (item) VALUES (1)',
      'TRUNCATE items',
      'CREATE TABLE x ()',
      'CREATE TEMPORARY TABLE x ()',
      'CREATE SCHEMA x',
      'SET ROLE shop_owner',
      'SET ROLE shop_app',
      `ALTER DATABASE "${databases[0]}" SET work_mem = 1`,
    ]) {
      await expect(cluster.query(sql, lease), sql).rejects.toMatchObject({ code: expect.any(String) });
    }
    await lambda.call({ action: 'drop', run });
  });

  test('gives databases that the lease role can reset, while the application stays connected', async () => {
    const run = newRunId();
    const { databases } = await ready(run, 1);
    const app = await cluster.connect('pt_shop_app', databases[0] ?? '');
    const state = async (): Promise<unknown> =>
      (
        await app.query(
          `SELECT pg_backend_pid() AS pid, (SELECT count(*)::int FROM orders) AS orders,
                  (SELECT last_value::int FROM items_id_seq) AS next`,
        )
      ).rows[0];
    const before = (await state()) as { pid: number };
    const lease = await cluster.connect('pt_lease', databases[0] ?? '');
    for (const round of [1, 2]) {
      await app.query(`INSERT INTO orders (item) VALUES ('tea'), ('milk'); INSERT INTO items DEFAULT VALUES`);
      expect(await resetDatabase(lease, { keep: [before.pid] }), String(round)).toEqual({
        status: 'reset',
        tables: 2,
        sequences: 2,
        ended: [],
      });
      expect(await state()).toEqual(before);
    }
    // The owner's part of it is for nobody.
    for (const sql of [
      'TABLE postern_test.dirty',
      'INSERT INTO postern_test.dirty VALUES (0)',
      `SELECT postern_test.restore_sequence(1)`,
      `CREATE FUNCTION postern_test.x() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
    ]) {
      await expect(app.query(sql), sql).rejects.toMatchObject({ code: '42501' });
      await expect(lease.query(sql), sql).rejects.toMatchObject({ code: '42501' });
    }
    await expect(app.query('SELECT postern_test.reset_database(NULL)')).rejects.toMatchObject({
      code: '42501',
    });
    await Promise.all([app.end(), lease.end()]);
    await lambda.call({ action: 'drop', run });
  });

  test('again tops up, and repeats nothing', async () => {
    const run = newRunId();
    const first = await ready(run, 2);
    expect(await ready(run, 2)).toEqual({ ...first, created: 0, built: false });
    expect(await ready(run, 3)).toMatchObject({
      created: 1,
      databases: [...first.databases, expect.stringMatching(/_3$/)],
    });
    await lambda.call({ action: 'drop', run, databases: [first.databases[0] ?? ''] });
    expect(await ready(run, 3)).toMatchObject({ created: 1 });
    const further = { action: 'prepare', database: 'shop', hash, run, count: 2, first: 6 } as const;
    expect(await lambda.call(further)).toMatchObject({
      created: 2,
      databases: [6, 7].map((n) => `pt_${hash.slice(0, 8)}_r${run}_${n}`),
    });
    expect(await lambda.call(further)).toMatchObject({ created: 0 });
    await lambda.call({ action: 'drop', run });
  });

  test('repairs a clone whose creator died between CREATE DATABASE and its grants', async () => {
    const run = newRunId();
    const connect = masterOf(cluster);
    const dying = createFunction(cluster, artefact.folder, {
      connect: async (database, options) => {
        const session = await connect(database, options);
        const query = session.query.bind(session);
        session.query = async (text: string, values?: unknown[]) => {
          const result = await query(text, values);
          if (text.startsWith('CREATE DATABASE "pt_')) await session.end();
          return result;
        };
        return session;
      },
    });
    expect(await dying.invoke({ action: 'prepare', database: 'shop', hash, run, count: 1 })).toMatchObject({
      ok: false,
    });
    const { databases, created } = await ready(run, 1);
    expect(created).toBe(1);
    expect(
      await cluster.query('SELECT current_user', { user: 'pt_shop_app', database: databases[0] ?? '' }),
    ).toEqual([{ current_user: 'shop_app' }]);
    await expect(
      cluster.query('SELECT 1', { user: 'stranger_to_all', database: databases[0] ?? '' }),
    ).rejects.toThrow();
    await lambda.call({ action: 'drop', run });
  });

  test('starts afresh after a builder that died half way, and adopts one that had just published', async () => {
    const { template } = await ready(newRunId(), 0);
    await cluster.query(`UPDATE postern.templates SET state = 'building'`, { database: 'postern' });
    expect(await ready(newRunId(), 0)).toMatchObject({ built: false, template });

    const connect = masterOf(cluster);
    await cluster.query(`ALTER DATABASE ${template} IS_TEMPLATE false; `);
    await cluster.query(`DROP DATABASE ${template}`);
    const dying = createFunction(cluster, artefact.folder, {
      connect: (database, options) =>
        options?.role ? Promise.reject(new Error('killed')) : connect(database, options),
    });
    expect(
      await dying.invoke({ action: 'prepare', database: 'shop', hash, run: newRunId(), count: 1 }),
    ).toMatchObject({ ok: false });
    expect(await testDatabases('^pt[tb]_')).toEqual([template.replace('ptt_', 'ptb_')]);
    expect(await ready(newRunId(), 0)).toMatchObject({ built: true, template });
    expect(await testDatabases('^pt[tb]_')).toEqual([template]);
  });

  test('never touches a database of somebody else that has its name', async () => {
    const run = newRunId();
    await cluster.query(`CREATE DATABASE pt_${hash.slice(0, 8)}_r${run}_1`);
    const answer = await lambda.invoke({ action: 'prepare', database: 'shop', hash, run, count: 1 });
    expect(answer).toMatchObject({ ok: false, error: { code: 'TESTDB_NAME_TAKEN', kind: 'conflict' } });
    expect(await lambda.call({ action: 'drop', run })).toEqual({ dropped: [] });
    expect(await lambda.call({ action: 'sweep' })).toMatchObject({
      unknown: [`pt_${hash.slice(0, 8)}_r${run}_1`],
    });
    await cluster.query(`DROP DATABASE pt_${hash.slice(0, 8)}_r${run}_1`);
  });

  test('is refused where test databases are switched off', async () => {
    const off = createFunction(cluster, artefact.folder, {
      environment: { POSTERN_TEST_DATABASES: 'false' },
    });
    expect(
      await off.invoke({ action: 'prepare', database: 'shop', hash, run: newRunId(), count: 1 }),
    ).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_ACTION_FORBIDDEN' },
    });
  });
});

describe('drop', () => {
  test('ends sessions, leaves nothing, closes the run and can be repeated', async () => {
    const run = newRunId();
    const { databases } = await ready(run, 2);
    const open = await cluster.connect('pt_shop_app', databases[0] ?? '');
    const ended = new Promise((resolve) => open.once('end', resolve));
    expect(await lambda.call({ action: 'drop', run })).toEqual({ dropped: databases });
    await ended;
    expect(await testDatabases(run)).toEqual([]);
    expect(
      await cluster.query(`SELECT 1 FROM postern.databases WHERE run = '${run}'`, { database: 'postern' }),
    ).toEqual([]);
    expect(await lambda.call({ action: 'drop', run })).toEqual({ dropped: [] });
    expect(await lambda.call({ action: 'drop', run: newRunId() })).toEqual({ dropped: [] });
    const late = await lambda.invoke({ action: 'prepare', database: 'shop', hash, run, count: 1 });
    expect(late).toMatchObject({ ok: false, error: { code: 'TESTDB_RUN_CLOSED', kind: 'closed' } });
  });

  test('while prepare is at work waits for it and leaves nothing', async () => {
    const run = newRunId();
    const preparing = lambda.invoke({ action: 'prepare', database: 'shop', hash, run, count: 3 });
    await expect.poll(() => testDatabases(run), { timeout: 20_000 }).not.toEqual([]);
    await lambda.call({ action: 'drop', run });
    await preparing;
    expect(await testDatabases(run)).toEqual([]);
  });

  test('of another run’s database is refused, and so is everything else that a run does to its own', async () => {
    const [run, foreign] = [newRunId(), `pt_${hash.slice(0, 8)}_r${newRunId()}_1`];
    for (const request of [
      { action: 'drop', run, databases: [foreign] },
      { action: 'drop', run, keep: [foreign] },
      { action: 'branch', database: 'shop', run, hash, from: foreign },
      { action: 'prepare', database: 'shop', run, hash, count: 1, from: foreign },
    ] as const) {
      expect(await lambda.invoke(request), request.action).toMatchObject({
        ok: false,
        error: { code: 'BOOTSTRAP_REQUEST_INVALID' },
      });
    }
  });

  test('keeps what somebody wants to look into, until the sweep', async () => {
    const run = newRunId();
    const { databases } = await ready(run, 2);
    const [first = '', second = ''] = databases;
    const request = { action: 'drop', run, keep: [second], keepMs: 60_000 } as const;
    const answer = await lambda.call(request);
    expect(answer).toEqual({ dropped: [first], kept: [{ database: second, until: expect.any(String) }] });
    expect(await lambda.call(request)).toEqual({ ...answer, dropped: [] });
    expect(await lambda.call({ action: 'sweep' })).toMatchObject({ dropped: [], kept: [second] });
    expect(await cluster.query('SELECT current_user', { user: 'pt_shop_app', database: second })).toEqual([
      { current_user: 'shop_app' },
    ]);
    await cluster.query(`UPDATE postern.databases SET kept_until = now()`, { database: 'postern' });
    expect(await lambda.call({ action: 'sweep' })).toMatchObject({ dropped: [second], kept: [] });
  });
});

describe('branch', () => {
  test('makes what a run has done to a database the start of others, for the acting roles as before', async () => {
    const [run, seeded] = [newRunId(), 'd4'.repeat(32)];
    const { databases, template } = await ready(run, 1);
    const [from = ''] = databases;
    const app = (database: string): { user: string; database: string } => ({ user: 'pt_shop_app', database });
    await cluster.query(`INSERT INTO orders (item) VALUES ('seed')`, app(from));
    const request = { action: 'branch', database: 'shop', run, hash: seeded, from } as const;
    expect(await lambda.call(request)).toEqual({ status: 'sealed', database: from });
    expect(await lambda.call(request)).toEqual({ status: 'sealed', database: from });
    const copies = await lambda.call({
      action: 'prepare',
      database: 'shop',
      run,
      hash: seeded,
      count: 2,
      from,
    });
    expect(copies).toMatchObject({
      status: 'ready',
      template: from,
      created: 2,
      built: false,
      databases: [1, 2].map((n) => `pt_d4d4d4d4_r${run}_${n}`),
      logins: { shop_app: 'pt_shop_app' },
    });
    expect(template).not.toBe(from);
    for (const database of copies.status === 'ready' ? copies.databases : []) {
      expect(await cluster.query('SELECT item FROM orders', app(database))).toEqual([{ item: 'seed' }]);
      await cluster.query(`INSERT INTO orders (item) VALUES ('mine')`, app(database));
      await expect(cluster.query('DELETE FROM audit.log', app(database))).rejects.toMatchObject({
        code: '42501',
      });
      // To where the branch was, not to where its template was.
      const lease = await cluster.connect('pt_lease', database);
      expect(await resetDatabase(lease)).toMatchObject({ status: 'reset', tables: 1 });
      await lease.end();
      expect(await cluster.query('SELECT item FROM orders', app(database))).toEqual([{ item: 'seed' }]);
    }
    expect(
      await lambda.invoke({
        action: 'prepare',
        database: 'shop',
        run,
        hash: 'e5'.repeat(32),
        count: 1,
        from,
      }),
    ).toMatchObject({ ok: false, error: { code: 'TESTDB_BRANCH_INVALID' } });
    expect((await lambda.call({ action: 'drop', run })).dropped).toHaveLength(3);
  });
});

describe('migrations that no artefact has', () => {
  const unknown = 'a1'.repeat(32);

  test('are run by the test migrator in an empty database, published, and cloned', async () => {
    const run = newRunId();
    const empty = await prepare(run, 2, lambda, unknown);
    expect(empty).toEqual({
      status: 'unknown',
      database: `pt_a1a1a1a1_r${run}_0`,
      login: 'pt_shop_migrator',
      declarationHash: artefact.built.manifest.databases[0]?.declarationHash,
    });
    const { database, login } = empty as Extract<PrepareResult, { status: 'unknown' }>;
    expect(await prepare(run, 2, lambda, unknown)).toEqual(empty);

    const migrations = ['0001_pull-request'];
    const publish = {
      action: 'publish',
      database: 'shop',
      hash: unknown,
      run,
      count: 2,
      migrations,
    } as const;
    expect(await lambda.invoke(publish)).toMatchObject({
      ok: false,
      error: { code: 'TESTDB_TEMPLATE_INVALID' },
    });

    await cluster.query(
      `CREATE TABLE fresh (id serial, at text DEFAULT gen_random_uuid()); CREATE SCHEMA postern;
       CREATE TABLE postern.migrations (id serial, name text, run_on timestamp);
       INSERT INTO postern.migrations (name, run_on) VALUES ('0001_pull-request', now())`,
      { user: login, database },
    );
    const published = await lambda.call(publish);
    expect(published).toMatchObject({ status: 'ready', created: 2 });
    await cluster.query('INSERT INTO fresh DEFAULT VALUES', {
      user: 'pt_shop_app',
      database: published.databases[0] ?? '',
    });
    const lease = await cluster.connect('pt_lease', published.databases[1] ?? '');
    await cluster.query('INSERT INTO fresh DEFAULT VALUES', {
      user: 'pt_shop_app',
      database: published.databases[1] ?? '',
    });
    expect(await resetDatabase(lease)).toMatchObject({ status: 'reset', tables: 1, sequences: 1 });
    await lease.end();
    expect(await testDatabases(`_r${run}_0`)).toEqual([]);

    // Everybody after that finds it.
    const second = newRunId();
    expect(await prepare(second, 1, lambda, unknown)).toMatchObject({
      status: 'ready',
      created: 1,
      built: false,
    });
    for (const done of [run, second]) await lambda.call({ action: 'drop', run: done });
  });

  test('two runs that publish the same hash share one template', async () => {
    const of = 'b2'.repeat(32);
    const runs = [newRunId(), newRunId()];
    const published = await Promise.all(
      runs.map(async (run) => {
        const empty = await prepare(run, 1, lambda, of);
        if (empty.status !== 'unknown') throw new Error('known already');
        return async () =>
          await lambda.call({ action: 'publish', database: 'shop', hash: of, run, count: 1, migrations: [] });
      }),
    ).then((steps) => Promise.all(steps.map((step) => step())));
    expect(new Set(published.map(({ template }) => template)).size).toBe(1);
    expect(await testDatabases('^pt_b2b2b2b2')).toHaveLength(2);
    for (const run of runs) await lambda.call({ action: 'drop', run });
  });

  test('their login can harm neither the real database nor its owner', async () => {
    const run = newRunId();
    const { database, login } = (await prepare(run, 0, lambda, 'c3'.repeat(32))) as Extract<
      PrepareResult,
      { status: 'unknown' }
    >;
    const migrator = await cluster.connect(login, database);
    for (const attack of [
      'DROP DATABASE shop',
      'ALTER DATABASE shop ALLOW_CONNECTIONS false',
      'GRANT CONNECT ON DATABASE shop TO PUBLIC',
      'SET ROLE shop_owner',
      'SET SESSION AUTHORIZATION shop_owner',
      'CREATE DATABASE mine',
      'CREATE ROLE mine',
      `DROP DATABASE ${(await ready(newRunId(), 0)).template}`,
    ]) {
      await expect(migrator.query(attack), attack).rejects.toMatchObject({
        code: expect.stringMatching(/42501|0A000/),
      });
    }
    await migrator.end();
    await lambda.call({ action: 'drop', run });
  });
});

describe('sweep', () => {
  test('spares what is leased, marks what is not, and drops only after the grace', async () => {
    const [alive, dead, back] = [newRunId(), newRunId(), newRunId()];
    for (const run of [alive, dead, back]) await ready(run, 1);
    const lease = await cluster.connect('pt_lease', 'postern');
    await lease.query('SELECT postern.register_run($1)', [alive]);

    const dry = await lambda.call({ action: 'sweep', dryRun: true });
    expect(dry.marked).toEqual(expect.arrayContaining([dead, back]));
    const first = await lambda.call({ action: 'sweep' });
    expect(first.marked).toEqual(expect.arrayContaining([dead, back]));
    expect(first.marked).not.toContain(alive);
    expect(await lambda.call({ action: 'sweep' })).toMatchObject({
      marked: [],
      dropped: [],
      waiting: expect.arrayContaining([dead, back]),
    });

    // The owner of `back` takes its lease again and loses it once more: its grace starts anew.
    await cluster.query(`SELECT postern.register_run('${back}')`, { user: 'pt_lease', database: 'postern' });
    await cluster.query(`UPDATE postern.runs SET orphaned_at = orphaned_at - interval '91 s'`, {
      database: 'postern',
    });
    const last = await lambda.call({ action: 'sweep' });
    expect(last.dropped.filter((name) => name.includes(dead))).toHaveLength(1);
    expect(last.marked).toEqual([back]);
    expect(await testDatabases(`${alive}|${dead}|${back}`)).toHaveLength(2);
    await expect(
      cluster.query(`SELECT postern.register_run('${dead}')`, { user: 'pt_lease', database: 'postern' }),
    ).rejects.toMatchObject({ code: '55000' });

    await lease.end();
    for (const run of [alive, back]) await lambda.call({ action: 'drop', run });
  });

  test('finishes the drop of a run that was given up, without grace', async () => {
    const run = newRunId();
    const { databases } = await ready(run, 1);
    await cluster.query(`UPDATE postern.runs SET closed_at = now() WHERE run = '${run}'`, {
      database: 'postern',
    });
    expect((await lambda.call({ action: 'sweep' })).dropped).toEqual(databases);
  });

  test('is done by one at a time', async () => {
    const lock = await cluster.connect('postern_master', 'postern');
    await lock.query(`SELECT pg_advisory_lock(hashtextextended('postern.sweep', 0))`);
    expect(await lambda.call({ action: 'sweep' })).toMatchObject({ status: 'busy' });
    await lock.end();
  });
});

test('after all of this the cluster holds the templates and nothing else of ours', async () => {
  expect(await testDatabases('^pt_')).toEqual([]);
  expect(await cluster.query('SELECT name FROM postern.databases', { database: 'postern' })).toEqual([]);
  expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);
});
