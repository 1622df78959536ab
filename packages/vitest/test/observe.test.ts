import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PostgresServer, startPostgres } from '@postern/local-cloud';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { leakReport } from '../src/observe/leak-report.ts';
import { openObserver, type SessionObserver } from '../src/observe/observer.ts';
import { projectClient } from '../src/observe/project-client.ts';

/** For what the server does in its own time. */
const patience = { timeout: 20_000 };

let server: PostgresServer;
let folder: string;
let observer: SessionObserver;
let ends: Array<() => Promise<unknown>>;
const of = { database: 'shop', role: 'shop_app' };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptv-'));
  server = await startPostgres({
    cacheDir: fileURLToPath(new URL('../../../.cache/postern', import.meta.url)),
    runDir: folder,
  });
});
afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  observer = openObserver({ Client: pg.Client });
  ends = [];
});
afterEach(async () => {
  await Promise.all(ends.map((end) => end()));
});

const plainConfig = (): pg.PoolConfig => ({
  host: server.socketDir,
  user: server.master,
  database: 'postgres',
  stream: () => new Socket(),
});
const config = (): pg.PoolConfig => observer.observe(plainConfig(), of);

function openPool(options: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({ ...config(), ...options });
  pool.on('error', () => undefined);
  ends.push(() => (pool.ended || pool.ending ? Promise.resolve() : pool.end()));
  return pool;
}

async function openClient(options: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ ...config(), ...options });
  client.on('error', () => undefined);
  await client.connect();
  ends.push(() => client.end());
  return client;
}

/** The same work, on an observed session and one that is not: what pg does must not differ. */
async function both<T>(
  work: (client: pg.Client) => Promise<T>,
  options: pg.ClientConfig = {},
): Promise<[observed: T, plain: T]> {
  const plain = new pg.Client({ ...plainConfig(), ...options });
  await plain.connect();
  try {
    return [await work(await openClient(options)), await work(plain)];
  } finally {
    await plain.end();
  }
}

describe('pg behaves as without an observer', () => {
  test('results, errors and their order, with promises and callbacks', async () => {
    const [observed, plain] = await both(async (client) => {
      const seen: unknown[] = [];
      const { rows, command, rowCount } = await client.query('SELECT $1::int AS n', [7]);
      seen.push(rows, command, rowCount);
      const error = await client.query('SELECT nothing').catch((caught: unknown) => caught);
      const { code, message, stack } = error as pg.DatabaseError;
      seen.push(code, message, /observe\.test\.ts/.test(String(stack)));
      await new Promise<void>((resolve) => {
        void client.query('SELECT 1/0', (failure) => {
          seen.push((failure as pg.DatabaseError).code, client.getTransactionStatus());
          resolve();
        });
      });
      await new Promise<void>((resolve) => {
        void client.query('SELECT $1::text AS t', ['x'], (_error, result) => {
          seen.push(result.rows);
          resolve();
        });
      });
      seen.push(
        await Promise.all([client.query('BEGIN'), client.query('SELECT 2 AS two')]).then((r) => r[1].rows),
      );
      seen.push(client.getTransactionStatus());
      await client.query('ROLLBACK');
      return seen;
    });
    expect(observed).toEqual(plain);
  });

  test('named statements are prepared once, and stay so after a clean-up', async () => {
    const client = await openClient();
    const named = { name: 'add', text: 'SELECT $1::int + 1 AS n', values: [1] };
    await client.query(named);
    await client.query("SET statement_timeout = '7s'");
    expect((await observer.settle('shop')).keep).toHaveLength(1);
    expect((await client.query({ ...named, values: [2] })).rows).toEqual([{ n: 3 }]);
    expect((await client.query('SELECT name FROM pg_prepared_statements')).rows).toEqual([{ name: 'add' }]);
  });

  test('pipelined queries keep their answers and are told apart in the log', async () => {
    const client = await openClient({ pipeline: true } as pg.ClientConfig);
    const log = observer.startLog();
    const results = await Promise.allSettled([
      client.query('SELECT $1::int AS n', [1]),
      client.query('SELECT 1/$1::int AS n', [0]),
      client.query('SELECT $1::int AS n', [3]),
    ]);
    expect(results.map((r) => (r.status === 'fulfilled' ? r.value.rows[0].n : r.reason.code))).toEqual([
      1,
      '22012',
      3,
    ]);
    expect(log.entries.map(({ text, error, rows }) => [text, error, rows])).toEqual([
      ['SELECT $1::int AS n', undefined, 1],
      ['SELECT 1/$1::int AS n', '22012', 0],
      ['SELECT $1::int AS n', undefined, 1],
    ]);
  });

  test('rows in portions, notices, notifications and an unexpected end arrive', async () => {
    const client = await openClient();
    const heard: string[] = [];
    client.on('notice', ({ message }) => heard.push(String(message)));
    client.on('notification', ({ channel }) => heard.push(channel));
    client.on('end', () => heard.push('end'));
    const portions = { text: 'SELECT generate_series(1, 5) AS n', rows: 2, values: [] };
    expect((await client.query(portions)).rows).toHaveLength(5);
    await client.query("LISTEN bell; DO $$ BEGIN RAISE NOTICE 'ding'; END $$; NOTIFY bell");
    const other = await openClient();
    const [session] = observer.sessions();
    await other.query('SELECT pg_terminate_backend($1)', [session?.pid]);
    await vi.waitFor(() => expect(heard).toEqual(expect.arrayContaining(['ding', 'bell', 'end'])), patience);
    expect(observer.sessions()).toHaveLength(1);
  });

  test('a pool hands its clients out and takes them back; a second release is refused', async () => {
    const pool = openPool({ max: 1 });
    const client = await pool.connect();
    expect(client).toBeInstanceOf(pg.Client);
    expect(client.constructor.name).toBe('Client');
    client.release();
    const next = await pool.connect();
    expect(next).toBe(client);
    const late = client.release;
    late();
    const again = await pool.connect();
    expect(() => late()).toThrow('already been released');
    expect(observer.sessions()[0]?.checkedOut).toBe(true);
    again.release();
    expect(observer.sessions()[0]?.checkedOut).toBe(false);
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 1, 0]);
  });

  test('options that hide the password still hide it', () => {
    const secret = Object.defineProperty(plainConfig(), 'password', {
      value: 'a-secret',
      enumerable: false,
    });
    const observed = observer.observe(secret, of);
    expect(observed.password).toBe('a-secret');
    expect(JSON.stringify(observed)).not.toContain('a-secret');
  });
});

describe('what is left behind', () => {
  test('is told with the line that began the transaction, that took the client, that awaits nothing', async () => {
    const pool = openPool({ max: 3 });
    const inTransaction = await pool.connect();
    await inTransaction.query('BEGIN');
    const forgotten = await pool.connect();
    await forgotten.query('SELECT 1');
    const busy = await openClient();
    const answer = busy.query("SELECT pg_sleep(600), 'a secret'").catch((error: unknown) => error);
    const leaks = observer.leaks('shop');
    expect(leaks.map(({ kind }) => kind).sort()).toEqual(['busy', 'checked-out', 'transaction']);
    for (const { stack } of leaks) expect(stack[0]).toContain('observe.test.ts');
    const report = leakReport(leaks);
    expect(report).toMatch(
      /A session of shop_app \(pid \d+\) with shop is still in a transaction: COMMIT or/,
    );
    expect(report).not.toContain('a secret');
    expect(await observer.settle('shop')).toMatchObject({ keep: [], leaks: { length: 3 } });

    await inTransaction.query('COMMIT');
    inTransaction.release();
    forgotten.release();
    const pid = leaks.find(({ kind }) => kind === 'busy')?.pid;
    // A server that is busy elsewhere may not have begun with the statement: then there is nothing to cancel.
    await expect
      .poll(async () => (await pool.query('SELECT state FROM pg_stat_activity WHERE pid = $1', [pid])).rows)
      .toEqual([{ state: 'active' }]);
    await pool.query('SELECT pg_cancel_backend($1)', [pid]);
    await answer;
    // The error comes a message before the server says that it is ready again.
    await expect.poll(() => observer.leaks()).toEqual([]);
  });

  test('a statement whose error the test has seen is not still running, and a pool that was ended has left nothing', async () => {
    // pg calls back at the error, before it has read that the session is ready again.
    const seen = await new Promise((resolve) => {
      void openPool().query('SELECT nothing', () => resolve(observer.leaks()));
    });
    expect(seen).toEqual([]);
    const client = await openClient();
    const afterError = (text: string): Promise<unknown> =>
      new Promise((resolve) => {
        client.query(text, (error: unknown) => error && resolve(observer.leaks()));
      });
    expect(await afterError('SELECT nothing')).toEqual([]);
    await client.query('BEGIN');
    expect(await afterError('SELECT nothing')).toMatchObject([{ kind: 'failed-transaction' }]);
    void client.end();
    expect(observer.leaks()).toEqual([]);
    await vi.waitFor(() => expect(observer.sessions()).toEqual([]), patience);
  });

  test('in a session is cleaned before the next test sees it, and nothing else is sent', async () => {
    const pool = openPool({ max: 1 });
    await pool.query("SET lock_timeout = '5s'");
    await pool.query("SELECT set_config('app.tenant', '7', false)");
    await pool.query('LISTEN bell');
    await pool.query('SELECT pg_advisory_lock(42)');
    await pool.query('CREATE TEMP TABLE scratch (id int)');
    await pool.query('PREPARE fast AS SELECT 1');
    await pool.query('SET SESSION AUTHORIZATION DEFAULT; SET ROLE pg_monitor');
    const [session] = observer.sessions('shop');
    expect(session?.stateful).toBe(true);
    const before = observer.counters();

    expect(await observer.settle('shop')).toEqual({ keep: [session?.pid], leaks: [] });

    expect(observer.countersSince(before)).toMatchObject({ queries: 0, roundTrips: 0 });
    const { rows } = await pool.query(`SELECT
      current_setting('lock_timeout') AS timeout, current_setting('app.tenant', true) AS tenant,
      (SELECT count(*)::int FROM pg_listening_channels()) AS channels, to_regclass('scratch') AS scratch,
      (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory') AS locks, current_user AS me,
      (SELECT count(*)::int FROM pg_prepared_statements) AS prepared`);
    expect(rows).toEqual([
      { timeout: '0', tenant: '', channels: 0, scratch: null, locks: 0, me: server.master, prepared: 0 },
    ]);
    expect(session?.stateful).toBe(false);
  });

  test('by an application that goes on meanwhile does not mix up answers', async () => {
    const pool = openPool({ max: 1 });
    await pool.query("SET lock_timeout = '5s'");
    const settling = observer.settle('shop');
    const answer = await pool.query('SELECT 5 AS five');
    expect(answer.rows).toEqual([{ five: 5 }]);
    expect((await settling).leaks).toEqual([]);
    expect((await pool.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '0' }]);
  });

  test('a session that is ended after its scope does not end the process, though nobody listens', async () => {
    const pools = [1, 2].map(() => new pg.Pool(config())); // without a listener, as many applications have it
    const leaked = await pools[0]?.connect();
    await leaked?.query('BEGIN');
    await pools[1]?.query("SET lock_timeout = '5s'");
    const alone = new pg.Client(config());
    await alone.connect();
    await observer.settle('shop');
    const pids = observer.sessions('shop').map(({ pid }) => pid);
    expect(pids).toHaveLength(3);
    const other = new pg.Client(plainConfig());
    await other.connect();
    await other.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [pids]);
    await other.end();
    await vi.waitFor(() => expect(observer.sessions('shop')).toEqual([]), patience);
    await expect(alone.query('SELECT 1')).rejects.toThrow('not queryable');
    expect((await pools[1]?.query('SELECT 1 AS one'))?.rows).toEqual([{ one: 1 }]);
    await pools[1]?.end();
  });

  test('a session that ends during its clean-up is not kept, and nobody waits', async () => {
    const client = await openClient();
    await client.query("SET lock_timeout = '5s'");
    const settling = observer.settle('shop', { timeoutMs: 60_000 });
    client.connection.stream.destroy();
    expect((await settling).keep).toEqual([]);
  });
});

describe('the query log', () => {
  test('has texts, counts and times, never values, and only from its start to its stop', async () => {
    const pool = openPool({ max: 1 });
    await pool.query('SELECT 1');
    const log = observer.startLog({ database: 'shop' });
    await pool.query('SELECT $1::text AS word, $2::int AS number', ['confidential', 4]);
    await pool.query("ALTER ROLE nobody PASSWORD 'confidential'").catch(() => undefined);
    await pool.query('SELECT * FROM generate_series(1, 3)');
    log.stop();
    await pool.query('SELECT 2');
    expect(log.entries).toMatchObject([
      { text: 'SELECT $1::text AS word, $2::int AS number', values: 2, rows: 1, tags: ['SELECT 1'] },
      { text: "ALTER ROLE nobody PASSWORD '***'", values: 0, error: '42704' },
      { text: 'SELECT * FROM generate_series(1, 3)', rows: 3, transaction: 'idle' },
    ]);
    expect(JSON.stringify(log.entries)).not.toContain('confidential');
    for (const { durationMs } of log.entries) expect(durationMs).toBeGreaterThan(0);
  });

  test('counters tell what a test cost, statement by statement', async () => {
    const before = observer.counters();
    const pool = openPool({ max: 1 });
    await pool.query('SELECT 1; SELECT 2');
    await pool.query('SELECT $1::int', [1]);
    await pool.query('SELECT nothing').catch(() => undefined);
    const refused = new pg.Client({ ...config(), database: 'nowhere' });
    await refused.connect().catch(() => undefined);
    await vi.waitFor(() => expect(observer.countersSince(before).failedConnections).toBe(1), patience);
    expect(observer.countersSince(before)).toMatchObject({
      queries: 3,
      roundTrips: 3,
      connections: 1,
      errors: 1,
    });
    const [connect, ...others] = observer.takeConnects();
    expect(connect?.startedAt).toBeGreaterThan(Date.now() - 60_000);
    expect([others, observer.takeConnects()]).toEqual([[], []]);
  });
});

test("the project's own pg is found, and its absence is no error", async () => {
  expect(await projectClient(fileURLToPath(new URL('../../..', import.meta.url)))).toBe(pg.Client);
  expect(await projectClient('/nowhere')).toBeUndefined();
});
