import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AppliedStatement } from '../src/contract/response.ts';
import { applyGroups } from '../src/plan/apply.ts';
import type { PlanGroup } from '../src/plan/statement.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { masterOf } from './fixtures/function.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const group = (title: string, statements: readonly string[], more: Partial<PlanGroup> = {}): PlanGroup => ({
  title,
  database: 'postgres',
  transaction: true,
  guarded: false,
  statements: statements.map((sql) => ({ sql, why: 'A test.' })),
  ...more,
});

async function run(groups: readonly PlanGroup[]): Promise<AppliedStatement[]> {
  const heard: AppliedStatement[] = [];
  const connect = masterOf(cluster);
  const session = await connect('postgres');
  try {
    await applyGroups(session, connect, groups, (statement) => heard.push(statement));
  } finally {
    await session.end();
  }
  return heard;
}

describe('the outcome of a statement', () => {
  test('has its duration and what the server said beside it', async () => {
    const [sleeping, noticing, warning] = await run([
      group('talk', [
        'SELECT pg_sleep(0.05)',
        'CREATE SCHEMA IF NOT EXISTS "public"',
        `DO 'BEGIN RAISE WARNING ''late''; END'`,
      ]),
    ]);
    expect(sleeping?.durationMs).toBeGreaterThanOrEqual(49);
    expect(sleeping).not.toHaveProperty('notices');
    expect(noticing?.notices).toEqual(['NOTICE: schema "public" already exists, skipping']);
    expect(warning?.notices).toEqual(['WARNING: late']);
  });

  test('is told when it is certain to stay; an error carries what was kept', async () => {
    const heard: string[] = [];
    const connect = masterOf(cluster);
    const session = await connect('postgres');
    const failure = await applyGroups(
      session,
      connect,
      [
        group('first', ['CREATE ROLE kept_one']),
        group('second', ['CREATE ROLE lost_one', 'CREATE ROLE kept_one']),
        group('third', ['CREATE ROLE never']),
      ],
      ({ sql }) => heard.push(sql),
    ).catch((error: unknown) => error);
    await session.end();
    expect(heard).toEqual(['CREATE ROLE kept_one']);
    expect(failure).toMatchObject({
      code: 'BOOTSTRAP_STATEMENT_FAILED',
      hint: expect.stringContaining('Nothing of this group was kept'),
      details: {
        group: 'second',
        sql: 'CREATE ROLE kept_one',
        sqlState: '42710',
        done: [{ group: 'first', sql: 'CREATE ROLE kept_one' }],
      },
    });
    expect(await cluster.query(`SELECT rolname FROM pg_roles WHERE rolname ~ 'one$|^never$'`)).toEqual([
      { rolname: 'kept_one' },
    ]);
  });

  test('outside of a transaction each statement stays for itself', async () => {
    const failure = await run([
      group('apart', ['CREATE ROLE apart_one', 'CREATE ROLE apart_one'], { transaction: false }),
    ]).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      hint: expect.not.stringContaining('Nothing'),
      details: { done: [{ group: 'apart', sql: 'CREATE ROLE apart_one' }] },
    });
  });
});

test('a group gives up on a lock after its time, so that the service does not queue behind it', async () => {
  await cluster.query('CREATE TABLE public.busy (); ALTER TABLE public.busy OWNER TO postern_master');
  const service = await cluster.connect('rdsadmin', 'postgres');
  await service.query('BEGIN; LOCK TABLE public.busy IN ACCESS SHARE MODE');
  await expect(
    run([group('ownership', ['ALTER TABLE public.busy RENAME TO idle'], { lockTimeoutMs: 50 })]),
  ).rejects.toMatchObject({
    code: 'BOOTSTRAP_STATEMENT_FAILED',
    hint: expect.stringContaining('longer than 50 ms'),
    details: { sqlState: '55P03' },
  });
  await service.end();
});

test('what is in use is tried again, but not all of it where an export holds every table; the rest is done', async () => {
  const names = Array.from({ length: 35 }, (_, n) => `t${n}`);
  await cluster.query('CREATE DATABASE in_use');
  await cluster.query(
    names.map((name) => `CREATE TABLE ${name} (); ALTER TABLE ${name} OWNER TO postern_master`).join(';'),
    { database: 'in_use' },
  );
  await cluster.query('GRANT CREATE ON SCHEMA public TO postern_master', { database: 'in_use' });
  const groups = names.map((name) =>
    group('ownership', [`ALTER TABLE public.${name} RENAME TO done_${name}`], {
      database: 'in_use',
      lockTimeoutMs: 10,
      patient: `public.${name}`,
    }),
  );
  const dump = await cluster.connect('rdsadmin', 'in_use');
  await dump.query(`BEGIN; LOCK TABLE ${names.slice(0, 33).join(', ')} IN ACCESS SHARE MODE`);
  await expect(run([...groups, group('then', ['CREATE ROLE after_all'])])).rejects.toMatchObject({
    code: 'BOOTSTRAP_STATEMENT_FAILED',
    message: expect.stringMatching(
      /^ownership: 35 left to do, because other sessions hold in_use\.public\.t\d/,
    ),
    details: { count: 35, done: [{ group: 'then', sql: 'CREATE ROLE after_all' }] },
  });
  await dump.query('COMMIT; BEGIN; LOCK TABLE t3 IN ACCESS SHARE MODE');
  await expect(run(groups)).rejects.toMatchObject({
    message: 'ownership: 1 left to do, because other sessions hold in_use.public.t3',
    details: { count: 1, left: ['in_use.public.t3'] },
  });
  await dump.end();
});

describe('somebody else who changes the same at the same time', () => {
  test('is waited out: the group runs again, and the outcome says so', async () => {
    // A function that answers as a server does under contention, the first two times.
    await cluster.query(`CREATE TABLE contention (n int); CREATE SEQUENCE tries; GRANT ALL ON contention, tries TO postern_master;
      CREATE FUNCTION contended(state text, message text, times int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('public.tries') <= times THEN RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message; END IF;
        RETURN 1; END $$`);
    for (const [state, message] of [
      ['XX000', 'tuple concurrently updated'],
      ['40001', 'could not serialize access'],
      ['40P01', 'deadlock detected'],
    ]) {
      await cluster.query(`TRUNCATE contention; ALTER SEQUENCE tries RESTART`);
      const [first, second] = await run([
        group('contended', [
          'INSERT INTO public.contention VALUES (1)',
          `SELECT public.contended('${state}', '${message}', 2)`,
        ]),
      ]);
      expect(first?.notices).toEqual(
        [1, 2].map((n) => expect.stringMatching(new RegExp(`^attempt ${n} of 5 failed: .*${message}`))),
      );
      expect(second).not.toHaveProperty('notices');
      expect(await cluster.query('SELECT count(*)::int AS n FROM contention')).toEqual([{ n: 1 }]);
    }
  });

  test('is waited for five times, not for ever; other errors are no reason to try again', async () => {
    await cluster.query('ALTER SEQUENCE tries RESTART');
    for (const [state, message, tries] of [
      ['40001', 'busy', 5],
      ['XX000', 'cache lookup failed', 1],
      ['42501', 'permission denied', 1],
    ] as const) {
      await cluster.query('ALTER SEQUENCE tries RESTART');
      await expect(
        run([group('contended', [`SELECT public.contended('${state}', '${message}', 99)`])]),
      ).rejects.toMatchObject({ code: 'BOOTSTRAP_STATEMENT_FAILED', details: { sqlState: state } });
      expect(await cluster.query('SELECT last_value::int AS n FROM tries')).toEqual([{ n: tries }]);
    }
  });

  test('on a real server: tools that change one role and one database at once all get through', async () => {
    const as = { user: 'postern_master', database: 'postgres' };
    await cluster.query('CREATE ROLE popular', as);
    await cluster.query('CREATE DATABASE crowded', as);
    // Each time one of them gets through, so that the last of four has its turn at the fourth attempt.
    const tools = Array.from({ length: 4 }, (_, n) => [
      `ALTER ROLE popular SET work_mem = '${n + 1}MB'`,
      'GRANT CONNECT ON DATABASE crowded TO popular',
      'REVOKE CONNECT ON DATABASE crowded FROM popular',
    ]);
    await Promise.all(tools.map(async (statements) => await run([group('crowd', statements)])));
  });
});
