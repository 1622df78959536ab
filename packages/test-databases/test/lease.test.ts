import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PostgresServer, startPostgres } from '@postern/local-cloud';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { holdLease, isTestDatabaseError, leaseRole, maintenanceDatabase, newRunId } from '../src/index.ts';
import { ledgerStatements, sweep } from '../src/server/index.ts';

/** For what another process does in its own time. */
const patience = { timeout: 20_000 };

let server: PostgresServer;
let folder: string;

const connect = async (user: string, database: string): Promise<pg.Client> => {
  const client = new pg.Client({ host: server.socketDir, user, database });
  client.on('error', () => undefined);
  await client.connect();
  return client;
};
const asMaster = async <T>(
  work: (client: pg.Client) => Promise<T>,
  database: string = maintenanceDatabase,
): Promise<T> => {
  const client = await connect(server.master, database);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};
const leaseSession = (): Promise<pg.Client> => connect(leaseRole, maintenanceDatabase);
const isHeld = (run: string): Promise<boolean> =>
  asMaster(async (client) => {
    const { rows } = await client.query(
      `SELECT pg_try_advisory_lock(hashtextextended('postern.run:' || $1, 0)) AS free`,
      [run],
    );
    return !rows[0].free;
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptl-'));
  const cacheDir = fileURLToPath(new URL('../../../.cache/postern', import.meta.url));
  const major = process.env['POSTERN_TEST_POSTGRES']; // set by `npm run matrix`
  server = await startPostgres({
    cacheDir,
    runDir: folder,
    ...(major && { server: { folder: join(cacheDir, 'servers', major) } }),
  });
  await asMaster(async (client) => {
    await client.query(`CREATE ROLE ${leaseRole} LOGIN`);
    await client.query(`CREATE DATABASE ${maintenanceDatabase}`);
  }, 'postgres');
});
afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('before the bootstrap has made the ledger, a lease says what is missing', async () => {
  await expect(holdLease({ connect: leaseSession, run: newRunId() })).rejects.toMatchObject({
    code: 'TESTDB_LEDGER_MISSING',
    hint: expect.stringContaining('bootstrap'),
  });
  await asMaster(async (client) => {
    for (const { sql } of ledgerStatements(0)) await client.query(sql);
  });
});

describe('a lease', () => {
  test('is held until it is closed, and closing twice is closing once', async () => {
    const run = newRunId();
    const events: unknown[] = [];
    const listener = (message: unknown): void => void events.push(message);
    subscribe('postern:test-databases:lease', listener);
    const lease = await holdLease({ connect: leaseSession, run });
    expect(await isHeld(run)).toBe(true);
    expect(lease.close()).toBe(lease.close());
    await lease.close();
    expect(await lease.closed).toEqual({ reason: undefined });
    await vi.waitFor(async () => expect(await isHeld(run)).toBe(false), patience);
    unsubscribe('postern:test-databases:lease', listener);
    expect(events).toMatchObject([
      { event: 'held', run },
      { event: 'ended', run, reason: undefined },
    ]);
  });

  test('of one run is held by one session', async () => {
    const run = newRunId();
    await using _lease = await holdLease({ connect: leaseSession, run });
    const second = await holdLease({ connect: leaseSession, run }).catch((error: unknown) => error);
    expect(isTestDatabaseError(second)).toBe(true);
    expect(second).toMatchObject({ code: 'TESTDB_RUN_HELD', kind: 'conflict' });
    expect(isTestDatabaseError(new Error('TESTDB_RUN_HELD'))).toBe(false);
  });

  test('is not refused because a sweeper looks at the run in that moment', async () => {
    const run = newRunId();
    const sweeper = await connect(server.master, maintenanceDatabase);
    const key = `hashtextextended('postern.run:' || $1, 0)`;
    await sweeper.query(`SELECT pg_advisory_lock(${key})`, [run]);
    const taking = holdLease({ connect: leaseSession, run });
    void taking.catch(() => undefined);
    await vi.waitFor(async () => {
      const { rows } = await asMaster((client) =>
        client.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`),
      );
      expect(rows).toHaveLength(1);
    }, patience);
    await sweeper.end();
    await using lease = await taking;
    expect(lease.run).toBe(run);
  });

  test('that stays silent is ended by the server, and the owner is told', async () => {
    const run = newRunId();
    const lease = await holdLease({ connect: leaseSession, run, idleTimeoutMs: 1_000, heartbeatMs: 60_000 });
    expect((await lease.closed).reason).toMatchObject({ code: 'TESTDB_LEASE_LOST', kind: 'unavailable' });
    await vi.waitFor(async () => expect(await isHeld(run)).toBe(false), patience);
  });

  test('lives through silence of its owner as long as the heart beats', async () => {
    const run = newRunId();
    const lease = await holdLease({ connect: leaseSession, run, idleTimeoutMs: 1_500, heartbeatMs: 50 });
    const ended = vi.fn();
    void lease.closed.then(ended);
    const beats = (): Promise<number> =>
      asMaster(async (client) => {
        const { rows } = await client.query(
          `SELECT extract(epoch FROM now() - backend_start)::float AS s FROM pg_stat_activity WHERE usename = $1 AND datname = $2`,
          [leaseRole, maintenanceDatabase],
        );
        return rows[0]?.s ?? 0;
      });
    await vi.waitFor(async () => expect(await beats()).toBeGreaterThan(2), { timeout: 20_000, interval: 50 });
    expect(ended).not.toHaveBeenCalled();
    await lease.close();
  });

  test('that was lost can be taken again, which takes the orphan mark away', async () => {
    const run = newRunId();
    const first = await holdLease({ connect: leaseSession, run });
    await asMaster((client) =>
      client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [leaseRole]),
    );
    expect((await first.closed).reason).toMatchObject({ code: 'TESTDB_LEASE_LOST' });
    expect((await asMaster((client) => sweep(client, { lockTimeoutMs: 1000 }))).marked).toContain(run);
    await using _second = await holdLease({ connect: leaseSession, run });
    const { rows } = await asMaster((client) =>
      client.query('SELECT orphaned_at FROM postern.runs WHERE run = $1', [run]),
    );
    expect(rows).toEqual([{ orphaned_at: null }]);
  });

  test('of a run that is over is refused for good', async () => {
    const run = newRunId();
    await (await holdLease({ connect: leaseSession, run })).close();
    await vi.waitFor(async () => expect(await isHeld(run)).toBe(false), patience);
    await asMaster((client) =>
      client.query('UPDATE postern.runs SET closed_at = now() WHERE run = $1', [run]),
    );
    await expect(holdLease({ connect: leaseSession, run })).rejects.toMatchObject({
      code: 'TESTDB_RUN_CLOSED',
      kind: 'closed',
    });
    expect(await isHeld(run)).toBe(false);
  });

  test('with a run id that is none is refused by the server too', async () => {
    await expect(holdLease({ connect: leaseSession, run: `x'; DROP` })).rejects.toMatchObject({
      code: 'TESTDB_NAME_INVALID',
    });
  });

  test('leaves no session behind when it is cancelled', async () => {
    const reason = new Error('enough');
    await expect(
      holdLease({ connect: leaseSession, run: newRunId(), signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
    const controller = new AbortController();
    const taking = holdLease({
      connect: async () => {
        const session = await leaseSession();
        controller.abort(reason);
        return session;
      },
      run: newRunId(),
      signal: controller.signal,
    });
    await expect(taking).rejects.toBe(reason);
    await vi.waitFor(async () => {
      const { rows } = await asMaster((client) =>
        client.query('SELECT 1 FROM pg_stat_activity WHERE usename = $1', [leaseRole]),
      );
      expect(rows).toEqual([]);
    }, patience);
  });
});
