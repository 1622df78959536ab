import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { PostgresServer } from '@postern/local-cloud';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type EngineSession,
  hashOf,
  openPrefetcher,
  openTestDatabases,
  type TestDatabases,
  type TestDatabasesOptions,
} from '../../src/index.ts';
import { connectTo, optionsFor, schema, startPlainServer } from './plain-server.ts';

/** For what another process does in its own time. */
const patience = { timeout: 20_000 };
type Row = Record<string, unknown>;

describe.each(['superuser', 'master'] as const)('as the %s of a plain server', (who) => {
  let server: PostgresServer & { remove(): Promise<void> };
  let user: string;
  const opened: TestDatabases[] = [];
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    server = await startPlainServer({ max_connections: '80' });
    user = server[who];
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const one of opened.splice(0)) await one.close();
  });
  afterAll(() => server?.remove());

  const open = async (options: Partial<TestDatabasesOptions> = {}): Promise<TestDatabases> => {
    const databases = await openTestDatabases({ ...optionsFor(server.socketDir, user), ...options });
    opened.push(databases);
    return databases;
  };
  const query = async (database: string, sql: string): Promise<Row[]> => {
    const client = await connectTo(server.socketDir, user, database);
    try {
      const result: unknown = await client.query(sql);
      return (result as pg.QueryResult<Row>).rows;
    } finally {
      await client.end();
    }
  };
  const halfBuilt = `SELECT datname FROM pg_database WHERE datname LIKE 'ptb\\_%'`;
  /** Databases of runs, by the server. */
  const left = async (run = ''): Promise<string[]> =>
    (
      await query('postgres', `SELECT datname FROM pg_database WHERE datname LIKE 'pt\\_%${run}%' ORDER BY 1`)
    ).map(({ datname }) => datname as string);
  const startProcess = async (): Promise<{
    child: ChildProcess;
    run: string;
    name: string;
    template: TestDatabases['template'];
  }> => {
    const child = spawn(
      process.execPath,
      [
        '--conditions=@postern/source',
        fileURLToPath(new URL('process.ts', import.meta.url)),
        server.socketDir,
        user,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    children.push(child);
    const [line] = await Promise.race([
      once(child.stdout!.setEncoding('utf8'), 'data'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`it ended with exit code ${code}`))),
    ]);
    return { child, ...JSON.parse(line) };
  };

  test('two processes that come at once to an empty server build one template, and leave nothing', async () => {
    const both = await Promise.all([startProcess(), startProcess()]);
    expect(both.filter(({ template }) => template.built)).toHaveLength(1);
    expect(new Set(both.map(({ template }) => template.name)).size).toBe(1);
    expect(new Set(both.map(({ name }) => name)).size).toBe(2);
    for (const { name } of both) {
      expect(await query(name, 'SELECT count(*)::int FROM customer')).toEqual([{ count: 100 }]);
    }
    for (const { child } of both) {
      child.stdin?.write('end');
      expect(await once(child, 'exit')).toEqual([0, null]);
    }
    expect(await left()).toEqual([]);
  });

  test('a killed process leaves nothing, after the grace and not before', async () => {
    const { child, run, name } = await startProcess();
    const alive = await open({ sweep: false });
    child.kill('SIGKILL');
    await once(child, 'exit');
    await vi.waitFor(async () => {
      expect((await alive.gc()).marked).toContain(run);
    }, patience);
    expect(await alive.gc()).toMatchObject({ waiting: [run], dropped: [] });
    await query(
      'postern',
      `UPDATE postern.runs SET orphaned_at = now() - interval '91 s' WHERE run = '${run}'`,
    );
    expect((await alive.gc({ dryRun: true })).dropped).toContain(name);
    expect(await left(run)).toContain(name);
    expect((await alive.gc()).dropped).toContain(name);
    expect(await left(run)).toEqual([]);
    expect((await left(alive.run)).length).toBeGreaterThan(0);
  });

  test('what a test has written is gone when its database comes back', async () => {
    const databases = await open();
    const first = await databases.acquire();
    await query(first.name, `INSERT INTO customer (name) VALUES ('new'); DELETE FROM customer WHERE id = 1`);
    const released = databases.release(first.name);
    expect(released.will).toBe('reset');
    expect(await released.done).toMatchObject({ status: 'reset' });
    const second = await databases.acquire();
    expect(second).toMatchObject({ name: first.name, origin: 'reset' });
    expect(
      await query(
        second.name,
        `INSERT INTO customer (name) VALUES ('next') RETURNING id, (SELECT count(*)::int FROM customer)`,
      ),
    ).toEqual([{ id: 101, count: 100 }]);
  });

  test('what no reset undoes is answered by a clone, and the reason is told', async () => {
    const events: unknown[] = [];
    const databases = await open({ onEvent: (event) => events.push(event) });
    const { name } = await databases.acquire();
    await query(name, 'CREATE TABLE extra (id int)');
    expect(await databases.release(name).done).toMatchObject({ status: 'discard', reason: 'ddl' });
    const next = await databases.acquire();
    expect(next.name).not.toBe(name);
    expect(await query(next.name, `SELECT to_regclass('extra') AS extra`)).toEqual([{ extra: null }]);
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'released',
        name,
        outcome: expect.objectContaining({ reason: 'ddl' }),
      }),
    );
  });

  test('who gives up while the ledger is opened leaves no session, which would keep the process alive', async () => {
    const giving = new AbortController();
    const { connect } = optionsFor(server.socketDir, user);
    const sessions: EngineSession[] = [];
    const opening = open({
      signal: giving.signal,
      connect: async (database) => {
        const session = await connect(database);
        sessions.push(session);
        if (database === 'postern') giving.abort(new Error('changed my mind'));
        return session;
      },
    });
    await expect(opening).rejects.toThrow('changed my mind');
    await Promise.all(
      sessions.map((session) => expect(session.query('SELECT 1')).rejects.toThrow(/closed|queryable/)),
    );
  });

  test('a branch is made once and cloned often', async () => {
    const databases = await open();
    const { name } = await databases.acquire({ isolation: 'clone' });
    await query(name, `INSERT INTO invoice (customer, amount) VALUES (1, 10)`);
    await databases.branch(name, 'with an invoice');
    const one = await databases.acquire({ key: 'a', branch: 'with an invoice' });
    expect(await query(one.name, 'SELECT id, amount FROM invoice')).toEqual([{ id: 1, amount: '10' }]);
    await expect(databases.branch(one.name, 'with an invoice')).rejects.toMatchObject({
      code: 'TESTDB_BRANCH_INVALID',
    });
    await expect(databases.acquire({ branch: 'never made' })).rejects.toMatchObject({
      code: 'TESTDB_BRANCH_INVALID',
    });
    await query(one.name, 'TRUNCATE invoice');
    expect(await databases.release(one.name).done).toMatchObject({ status: 'reset', tables: 1 });
    expect(await query(one.name, 'SELECT id, amount FROM invoice')).toEqual([{ id: 1, amount: '10' }]);
  });

  test('another owner owns everything, and logins may connect', async () => {
    await query(
      'postgres',
      `CREATE ROLE shop_owner; GRANT shop_owner TO CURRENT_USER; CREATE ROLE shop_app LOGIN`,
    );
    const databases = await open({
      owner: 'shop_owner',
      logins: ['shop_app'],
      template: {
        hash: hashOf(schema, 'owner'),
        fill: async (session) => {
          await session.query(`${schema} GRANT INSERT ON ALL TABLES IN SCHEMA public TO shop_app;
            GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO shop_app`);
        },
      },
    });
    const { name } = await databases.acquire();
    expect(await query(name, `SELECT tableowner FROM pg_tables WHERE tablename = 'invoice'`)).toEqual([
      { tableowner: 'shop_owner' },
    ]);
    const app = await connectTo(server.socketDir, 'shop_app', name);
    await app.query('INSERT INTO invoice (amount) VALUES (1)');
    await app.end();
    await expect(connectTo(server.socketDir, 'shop_app', 'postern')).rejects.toMatchObject({ code: '42501' });
    expect(await databases.release(name).done).toMatchObject({ status: 'reset', tables: 1 });
  });

  // What follows does not depend on rights.
  if (who === 'superuser') return;

  test('a whole suite with prefetching: every file finds what the template holds, whatever files before it did', async () => {
    const databases = await open({ workers: 3 });
    const origins: string[] = [];
    const worker = async (key: string): Promise<void> => {
      await using ahead = openPrefetcher({
        take: () => databases.acquire({ key }),
        giveBack: async ({ name }) => void databases.release(name),
      });
      for (let file = 0; file < 15; file++) {
        const { name, origin } = await ahead.next();
        origins.push(origin);
        const client = await connectTo(server.socketDir, user, name);
        const { rows } = await client.query(
          `SELECT (SELECT count(*)::int FROM customer) AS customers, (SELECT count(*)::int FROM invoice) AS invoices,
                  to_regclass('extra') AS extra`,
        );
        expect(rows).toEqual([{ customers: 100, invoices: 0, extra: null }]);
        const { rows: made } = await client.query('INSERT INTO invoice (amount) VALUES (1) RETURNING id');
        expect(made).toEqual([{ id: 1 }]);
        await client.query(file % 5 === 4 ? 'CREATE TABLE extra ()' : 'DELETE FROM customer WHERE id < 10');
        await client.end();
        databases.release(name);
      }
    };
    await Promise.all(['a', 'b', 'c'].map(worker));
    await databases.idle();
    const { totals } = databases.statistics();
    expect(totals.acquired).toBeGreaterThanOrEqual(45);
    expect(totals.discards.ddl).toBeGreaterThan(0);
    expect(origins).toContain('reset');
  });

  test('each worker gets its own database back, with its connections still open', async () => {
    const databases = await open({ workers: 2 });
    const mine = new Map<string, { name: string; client: pg.Client; pid: number }>();
    for (const key of ['one', 'two']) {
      const { name } = await databases.acquire({ key });
      const client = await connectTo(server.socketDir, user, name);
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
      mine.set(key, { name, client, pid: rows[0].pid });
    }
    const done = [...mine.values()].map(
      ({ name, pid }) => databases.release(name, { keepSessions: [pid] }).done,
    );
    await Promise.all(done);
    for (const [key, { name, client }] of mine) {
      expect(await databases.acquire({ key })).toMatchObject({ name, origin: 'reset' });
      expect((await client.query('SELECT 1 AS alive')).rows).toEqual([{ alive: 1 }]);
      await client.end();
    }
  });

  test('a failed test keeps its database for a while, the rest goes with the run', async () => {
    const databases = await open();
    const { name } = await databases.acquire();
    databases.release(name, { kept: true });
    await databases.close();
    expect(await left(databases.run)).toEqual([name]);
    const other = await open({ sweep: false });
    expect((await other.gc()).kept).toEqual([name]);
    await query('postern', `UPDATE postern.databases SET kept_until = now() WHERE name = '${name}'`);
    expect((await other.gc()).dropped).toEqual([name]);
  });

  test('when all sessions end, as in a fail-over, the lease is taken again and the run goes on', async () => {
    const databases = await open({ sweep: false });
    const { name } = await databases.acquire();
    await databases.idle();
    const held = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
      AND ((classid::bigint << 32) | objid::bigint) = hashtextextended('postern.run:${databases.run}', 0)`;
    const [before] = await query('postern', held);
    const ended = await query(
      'postern',
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE usename = current_user AND pid <> pg_backend_pid()`,
    );
    expect(ended.length).toBeGreaterThanOrEqual(2); // lease and work; that for resets may still be to come
    expect(await databases.release(name).done).toMatchObject({ status: 'reset' });
    expect(await databases.acquire({ isolation: 'clone' })).toMatchObject({ origin: 'clone' });
    await vi.waitFor(async () => {
      const [after] = await query('postern', held);
      expect(after).toBeDefined();
      expect(after?.['pid']).not.toBe(before?.['pid']);
    }, patience);
  });

  test('a run that was swept says so, and gives out nothing more', async () => {
    const databases = await open({ sweep: false });
    await databases.acquire();
    await query(
      'postern',
      `UPDATE postern.runs SET closed_at = now() WHERE run = '${databases.run}';
       SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND granted
          AND ((classid::bigint << 32) | objid::bigint) = hashtextextended('postern.run:${databases.run}', 0)`,
    );
    expect((await databases.closed).reason).toMatchObject({ code: 'TESTDB_RUN_CLOSED' });
    await expect(databases.acquire()).rejects.toMatchObject({ code: 'TESTDB_RUN_CLOSED' });
  });

  test('too few connections are told before the first test, with the sum', async () => {
    await expect(open({ workers: 40 })).rejects.toMatchObject({
      code: 'TESTDB_CONNECTIONS',
      message: expect.stringMatching(
        /max_connections 80 - \d+ reserved - \d+ of others - \d+ claimed by other runs = \d+ free; this run needs at least 83 of its own \+ 40 workers x 2 = 163/,
      ),
    });
    const { connections } = await open({ workers: 4, sessionsPerWorker: 30 });
    expect(connections).toMatchObject({ capped: true });
    expect(connections.total).toBeLessThan(80);
  });

  test('a fill that fails is the error, and the next one starts afresh', async () => {
    const hash = hashOf(schema, 'second');
    const failing = async (session: EngineSession): Promise<void> => {
      await session.query('CREATE TABLE half (id int)');
      throw new Error('migration 7 is wrong');
    };
    await expect(open({ template: { hash, fill: failing } })).rejects.toThrow('migration 7 is wrong');
    expect(await query('postgres', halfBuilt)).toEqual([]);
    const databases = await open({
      template: { hash, fill: async (session) => void (await session.query('CREATE TABLE half (id int)')) },
    });
    expect(databases.template.built).toBe(true);
    expect((await left()).filter((name) => !name.includes(databases.run))).toEqual([]);
  });

  test('opening that is cancelled leaves nothing', async () => {
    const reason = new Error('enough');
    await expect(open({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    await expect(
      open({
        signal: controller.signal,
        template: {
          hash: hashOf(schema, 'cancelled'),
          fill: async () => controller.abort(reason),
        },
      }),
    ).rejects.toBe(reason);
    expect(await query('postgres', halfBuilt)).toEqual([]);
    await vi.waitFor(async () => {
      expect(await query('postgres', `SELECT 1 FROM pg_stat_activity WHERE datname = 'postern'`)).toEqual([]);
    }, patience);
  });

  test('waiting for somebody else to build the template can be cancelled', async () => {
    const hash = hashOf(schema, 'slow');
    let finish = (): void => undefined;
    const building = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const builder = open({ template: { hash, fill: () => building } });
    const waits = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`;
    await vi.waitFor(async () => {
      expect(await query('postgres', halfBuilt)).toHaveLength(1);
    }, patience);
    const controller = new AbortController();
    const reason = new Error('enough');
    const waiting = open({ template: { hash, fill: () => building }, signal: controller.signal });
    const cancelled = expect(waiting).rejects.toBe(reason);
    await vi.waitFor(async () => expect(await query('postgres', waits)).toHaveLength(1), patience);
    controller.abort(reason);
    await cancelled;
    finish();
    expect((await builder).template.built).toBe(true);
  });

  test('cancelled before it waits for the template, it does not begin to', async () => {
    const hash = hashOf(schema, 'slower');
    let finish = (): void => undefined;
    const building = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const builder = open({ template: { hash, fill: () => building } });
    await vi.waitFor(async () => {
      expect(await query('postgres', halfBuilt)).toHaveLength(1);
    }, patience);
    const controller = new AbortController();
    const reason = new Error('enough');
    // After the claim's last answer, before the template's first question.
    const { connect: usual } = optionsFor(server.socketDir, user);
    const connect: typeof usual = async (database) => {
      const session = await usual(database);
      const send = session.query.bind(session);
      session.query = async (text, values) => {
        const answer = await send(text, values);
        if (text.includes('claim_connections')) controller.abort(reason);
        return answer;
      };
      return session;
    };
    await expect(
      open({ connect, template: { hash, fill: () => building }, signal: controller.signal }),
    ).rejects.toBe(reason);
    finish();
    expect((await builder).template.built).toBe(true);
  });

  test('closing twice is closing once, and the databases are gone', async () => {
    const databases = await open();
    await databases.acquire();
    expect(databases.close()).toBe(databases.close());
    await databases.close();
    expect(await databases.closed).toEqual({ reason: undefined });
    expect(await left(databases.run)).toEqual([]);
  });
});

describe('a role that may only create databases', () => {
  let server: PostgresServer & { remove(): Promise<void> };
  beforeAll(async () => {
    server = await startPlainServer();
    const client = await connectTo(server.socketDir, server.superuser, 'postgres');
    await client.query(
      'CREATE ROLE dev LOGIN CREATEDB; CREATE ROLE other LOGIN CREATEDB; CREATE ROLE guest LOGIN',
    );
    await client.end();
  });
  afterAll(() => server?.remove());

  test('gets clones where it may not switch triggers off for a reset, and is told why', async () => {
    await using databases = await openTestDatabases(optionsFor(server.socketDir, 'dev'));
    const { name } = await databases.acquire();
    expect(await databases.release(name).done).toMatchObject({
      status: 'discard',
      detail: expect.stringContaining('session_replication_role'),
    });
    expect((await databases.acquire()).name).not.toBe(name);
  });

  test.each(['other', 'guest'])(
    'that did not make the ledger is refused with what to do: %s',
    async (user) => {
      await expect(openTestDatabases(optionsFor(server.socketDir, user))).rejects.toMatchObject({
        code: 'TESTDB_DENIED',
        kind: 'denied',
        hint: expect.stringContaining('CREATEDB'),
      });
    },
  );
});

test('a misspelt option is refused with the names that there are, instead of one worker for a whole suite', async () => {
  const misspelt = { ...optionsFor('/nowhere', 'nobody'), worker: 8 };
  await expect(openTestDatabases(misspelt)).rejects.toMatchObject({
    code: 'TESTDB_OPTION_INVALID',
    message: 'there is no option worker',
    hint: expect.stringContaining(', workers, '),
  });
});

test.each([
  { name: 'Shop' },
  { workers: 0 },
  { shards: 0.5 },
  { template: { hash: 'v1', fill: async () => undefined } },
])('an option out of range is refused: %o', async (wrong) => {
  await expect(openTestDatabases({ ...optionsFor('/nowhere', 'nobody'), ...wrong })).rejects.toMatchObject({
    code: 'TESTDB_OPTION_INVALID',
  });
});
