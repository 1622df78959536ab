import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { PostgresServer } from '@postern/local-cloud';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { openTestDatabases, type TestDatabases } from '../src/index.ts';
import { orphanGraceMs, sweep } from '../src/server/index.ts';
import { connectTo, startPlainServer } from './engine/plain-server.ts';
import { openRelay, type Relay } from './kill-fixtures/relay.ts';
import { expectPristine, shopOptions, useDatabase } from './kill-fixtures/shop.ts';

/*
 * Whatever is killed in the middle of whatever: others notice nothing, nobody gets a dirty database, and nothing stays for
 * longer than the grace. All tests share one server; each finds it empty but for the template and leaves it so.
 */

/** For what other processes do in their own time. */
const patience = { timeout: 40_000, interval: 20 };

let server: PostgresServer & { remove(): Promise<void> };
const children: Program[] = [];
const opened: TestDatabases[] = [];
const relays: Relay[] = [];

beforeAll(async () => {
  server = await startPlainServer({ max_connections: '100' });
});
afterEach(async () => {
  for (const { child } of children.splice(0)) child.kill('SIGKILL');
  for (const one of opened.splice(0)) await one.close();
  for (const relay of relays.splice(0)) await relay[Symbol.asyncDispose]();
  await nothingLeft();
});
afterAll(() => server?.remove());

const query = async <T = Record<string, unknown>>(sql: string, database = 'postern'): Promise<T[]> => {
  const client = await connectTo(server.socketDir, server.superuser, database);
  try {
    return (await client.query(sql)).rows as T[];
  } finally {
    await client.end();
  }
};
/** In this process. `sessions` gets all that it opens. */
const open = async (host = server.socketDir, sessions: pg.Client[] = []): Promise<TestDatabases> => {
  const connect = async (database = 'postgres'): Promise<pg.Client> => {
    const session = await connectTo(host, server.superuser, database);
    sessions.push(session);
    return session;
  };
  const databases = await openTestDatabases({
    ...shopOptions(host, server.superuser),
    connect,
    sweep: false,
  });
  opened.push(databases);
  return databases;
};
const sweepNow = async (): Promise<Awaited<ReturnType<typeof sweep>>> => {
  const session = await connectTo(server.socketDir, server.superuser, 'postern');
  try {
    return await sweep(session, { lockTimeoutMs: 1_000 });
  } finally {
    await session.end();
  }
};
/** The first step of the sweep: as soon as the server has let go of the run's lock. */
const marks = (runs: readonly string[]): Promise<void> =>
  vi.waitFor(async () => {
    await sweepNow();
    const rows = await query<{ run: string }>('SELECT run FROM postern.runs WHERE orphaned_at IS NOT NULL');
    expect(rows.map(({ run }) => run)).toEqual(expect.arrayContaining([...runs]));
  }, patience);
const letGracePass = (run: string): Promise<unknown> =>
  query(
    `UPDATE postern.runs SET orphaned_at = orphaned_at - interval '${orphanGraceMs} ms' WHERE run = '${run}'`,
  );
const databasesOf = async (run: string): Promise<string[]> =>
  (
    await query<{ datname: string }>(
      `SELECT datname FROM pg_database WHERE datname LIKE 'pt\\_%\\_r${run}\\_%' ORDER BY 1`,
    )
  ).map(({ datname }) => datname);
/** The server's process that holds the lease of a run. */
const leaseHolder = async ({ run }: TestDatabases): Promise<number | undefined> =>
  (
    await query<{ pid: number }>(
      `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
          AND ((classid::bigint << 32) | objid::bigint) = hashtextextended('postern.run:${run}', 0)`,
    )
  )[0]?.pid;
/** Databases (but templates), sessions and rows of the ledger. */
const nothingLeft = (): Promise<void> =>
  vi.waitFor(async () => {
    expect(
      await query(
        `SELECT 'database ' || datname AS left FROM pg_database WHERE datname ~ '^ptb?_'
         UNION ALL SELECT 'session in ' || datname || ': ' || query FROM pg_stat_activity
          WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
         UNION ALL SELECT 'row of ' || name FROM postern.databases
         UNION ALL SELECT 'half of ' || name FROM postern.templates WHERE state <> 'ready'
         UNION ALL SELECT 'run ' || run FROM postern.runs WHERE closed_at IS NULL`,
      ),
    ).toEqual([]);
  }, patience);

interface Program {
  readonly child: ChildProcess;
  /** Fulfils with the next line that has this field. */
  line(field: string): Promise<Record<string, unknown>>;
  readonly exit: Promise<readonly unknown[]>;
}

function start(program: 'shard' | 'builder', ...args: string[]): Program {
  const path = fileURLToPath(new URL(`kill-fixtures/${program}.ts`, import.meta.url));
  const child = spawn(
    process.execPath,
    ['--conditions=@postern/source', path, server.socketDir, server.superuser, ...args],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const exit = once(child, 'exit');
  const lines = createInterface({ input: child.stdout! });
  const line = async (field: string): Promise<Record<string, unknown>> => {
    const found = new Promise<Record<string, unknown>>((resolve) => {
      lines.on('line', (text) => {
        const said = JSON.parse(text) as Record<string, unknown>;
        if (field in said) resolve(said);
      });
    });
    const ended = exit.then(([code, signal]) => Promise.reject(new Error(`it ended: ${code ?? signal}`)));
    return await Promise.race([found, ended]);
  };
  const started = { child, line, exit };
  children.push(started);
  return started;
}

test('a builder that is killed in the middle of a migration is replaced, once, and nobody sees its half', async () => {
  const builder = start('builder');
  await builder.line('migrating');
  const both = Promise.all([open(), open()]);
  await vi.waitFor(async () => {
    const waits = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`;
    expect(await query(waits)).toHaveLength(2);
  }, patience);
  builder.child.kill('SIGKILL');

  const runs = await both;
  expect(runs.filter(({ template }) => template.built)).toHaveLength(1);
  for (const databases of runs) {
    const { name } = await databases.acquire();
    await expectPristine(server.socketDir, server.superuser, name);
    expect(await query(`SELECT to_regclass('half') AS half`, name)).toEqual([{ half: null }]);
  }
  const [dead] = await query<{ run: string }>(
    `SELECT run FROM postern.runs WHERE run NOT IN ('${runs.map(({ run }) => run).join(`', '`)}')`,
  );
  await marks([dead!.run]);
  await letGracePass(dead!.run);
  await sweepNow();
});

test('of eight shards on one server one is killed: seven finish as if nothing was, and it leaves nothing', async () => {
  const shards = Array.from({ length: 8 }, (_, n) => start('shard', String(n), n === 7 ? 'endless' : ''));
  const halves = await Promise.all(shards.map(({ line }) => line('half')));
  const others = shards.slice(0, 7);
  const [victim, run] = [shards[7]!, String(halves[7]!['half'])];
  const working = victim.line('round');
  for (const { child } of shards) child.stdin!.write('go on');
  await working;
  victim.child.kill('SIGKILL');
  expect(await Promise.all(others.map(({ exit }) => exit))).toEqual(others.map(() => [0, null]));

  await marks([run]);
  const left = await databasesOf(run);
  expect(left.length).toBeGreaterThanOrEqual(2);
  expect(await sweepNow()).toMatchObject({ waiting: [run], dropped: [] });
  expect(await databasesOf(run)).toEqual(left);
  await letGracePass(run);
  const { dropped } = await sweepNow();
  expect(dropped).toEqual(expect.arrayContaining(left));
});

test('a server that crashes in the middle of two runs costs the files that are at work, and no later one anything', async () => {
  const runs = [await open(), await open()];
  const leases = await Promise.all(runs.map(leaseHolder));
  const { socketDir: host, superuser: user } = server;
  const failures: unknown[] = [];
  let crashed = false;
  const crash = async (): Promise<void> => {
    const client = await connectTo(host, user, 'postgres');
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    crashed = true;
    process.kill(rows[0].pid, 'SIGKILL'); // the server ends all sessions, because they share memory, and recovers
  };
  const back = (): Promise<unknown> => vi.waitFor(async () => await query('SELECT'), patience);
  const work = async (databases: TestDatabases, worker: string): Promise<void> => {
    for (let round = 0, finished = 0; finished < 4; round++) {
      try {
        await useDatabase(databases, { host, user }, { worker, round });
        if (crashed) finished++;
        else if (round === 2 && databases === runs[0] && worker === 'a') await crash();
      } catch (error) {
        failures.push(error);
        await back();
      }
    }
  };
  await Promise.all(runs.flatMap((databases) => ['a', 'b'].map((worker) => work(databases, worker))));

  for (const failure of failures) expect(failure).toSatisfy(saysThatTheServerIsGone);
  for (const [n, databases] of runs.entries()) {
    await vi.waitFor(async () => {
      const holder = await leaseHolder(databases);
      expect(holder).toBeDefined();
      expect(holder).not.toBe(leases[n]);
    }, patience);
  }
  const later = await open();
  expect(later.template).toEqual({ name: runs[0]!.template.name, built: false });
  await expectPristine(host, user, (await later.acquire()).name);
});

/** As in the server's BackendKeyData; the types do not know that `pg` keeps it. */
function processOf(session: pg.Client): number {
  return (session as pg.Client & { readonly processID: number }).processID;
}

/** PostgreSQL, appendix A: class 57P. What `pg` says of lost connections has no code, what node says has another. */
function saysThatTheServerIsGone(error: unknown): boolean {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  return /^57P0[1-3]$|^ECONN|^EPIPE$|^ENOENT$/.test(code) || /^Connection terminated/.test(message);
}

test('a run behind a network that fell silent loses nothing within the grace, and is told the end after it', async () => {
  const relay = await openRelay(server.socketPath);
  relays.push(relay);
  const sessions: pg.Client[] = [];
  const [returning, late] = [await open(relay.host, sessions), await open(relay.host, sessions)];
  const { name } = await returning.acquire({ key: 'a' });
  await query('INSERT INTO invoice (customer, amount) VALUES (1, 7)', name);
  await late.acquire();
  await Promise.all([returning.idle(), late.idle()]);
  const holders = await Promise.all([returning, late].map(leaseHolder));

  relay.mute();
  // The server's patience, which is a minute, comes to its end now; the owners of the leases do not hear of it.
  for (const session of sessions.filter((one) => holders.includes(processOf(one)))) {
    session.query(`SET idle_session_timeout = '50ms'`).catch(() => undefined);
  }
  await marks([returning.run, late.run]);
  relay.freeze();
  await letGracePass(late.run);
  expect((await sweepNow()).waiting).toEqual([returning.run]);
  expect(await databasesOf(late.run)).toEqual([]);
  relay.thaw();

  expect((await late.closed).reason).toMatchObject({ code: 'TESTDB_RUN_CLOSED', kind: 'closed' });
  await expect(late.acquire()).rejects.toMatchObject({ code: 'TESTDB_RUN_CLOSED' });
  await vi.waitFor(async () => {
    const rows = await query(`SELECT orphaned_at FROM postern.runs WHERE run = '${returning.run}'`);
    expect(rows).toEqual([{ orphaned_at: null }]);
  }, patience);
  expect(await leaseHolder(returning)).not.toBe(holders[0]);
  expect(await query('SELECT amount FROM invoice', name)).toEqual([{ amount: '7' }]);
  expect(await returning.release(name).done).toMatchObject({ status: 'reset' });
  expect(await returning.acquire({ key: 'a' })).toMatchObject({ name, origin: 'reset' });
  await expectPristine(server.socketDir, server.superuser, name);
});
