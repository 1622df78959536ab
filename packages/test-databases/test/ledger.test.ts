import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { holdLease, leaseRole, maintenanceDatabase, newRunId } from '../src/index.ts';
import {
  type ConnectionClaim,
  claimConnections,
  ledgerStatements,
  ledgerVersion,
  readLedgerVersion,
} from '../src/server/index.ts';
import { ledgerOne } from './fixtures/ledger-1.ts';
import { type Server, startServer } from './fixtures/server.ts';

let server: Server;
beforeAll(async () => {
  server = await startServer({ max_connections: '60' });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

const upgrade = async (database: string, from: number): Promise<void> => {
  for (const { sql } of ledgerStatements(from)) await server.query(sql, { database });
};
/** Everything that makes a ledger what it is. */
const shapeOf = async (database: string): Promise<unknown> =>
  await server.query(
    `SELECT c.oid::regclass::text AS thing, a.attname AS part, format_type(a.atttypid, a.atttypmod) || a.attnotnull AS type,
            pg_get_expr(d.adbin, d.adrelid) AS value, c.relacl::text AS acl
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
      WHERE c.relnamespace = 'postern'::regnamespace
     UNION ALL SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid), p.prosecdef::text, NULL, p.proacl::text
       FROM pg_proc p WHERE p.pronamespace = 'postern'::regnamespace
     UNION ALL SELECT k.conrelid::regclass::text, pg_get_constraintdef(k.oid), NULL, NULL, NULL
       FROM pg_constraint k WHERE k.connamespace = 'postern'::regnamespace AND k.contype <> 'n'
     UNION ALL SELECT nspname, obj_description(oid), NULL, NULL, nspacl::text FROM pg_namespace WHERE nspname = 'postern'
     ORDER BY 1, 2`,
    { database },
  );

test('a ledger that is in use is upgraded in place: its rows stay, and it is what a new one is', async () => {
  await server.query('CREATE DATABASE used', { database: 'postgres' });
  const used = { database: 'used' };
  await server.query(ledgerOne, used);
  await server.query(
    `INSERT INTO postern.runs (run) VALUES ('abcdefgh1234');
     INSERT INTO postern.templates (hash, name, database, owner, state) VALUES (repeat('a', 64), 'ptt_x', 'shop', 'shop_owner', 'ready');
     INSERT INTO postern.databases (name, run, hash, database, n, state) VALUES ('pt_x', 'abcdefgh1234', repeat('a', 64), 'shop', 1, 'ready')`,
    used,
  );
  await upgrade('used', 1);
  expect(
    await server.query('SELECT run, connections, closed_at FROM postern.runs', { database: 'used' }),
  ).toEqual([{ run: 'abcdefgh1234', connections: 0, closed_at: null }]);
  expect(await server.query('SELECT name, manifest, engine FROM postern.templates', used)).toEqual([
    { name: 'ptt_x', manifest: null, engine: null },
  ]);
  expect(await server.query('SELECT name, branch, source, kept_until FROM postern.databases', used)).toEqual([
    { name: 'pt_x', branch: null, source: null, kept_until: null },
  ]);
  await upgrade(maintenanceDatabase, 0);
  expect(await shapeOf('used')).toEqual(await shapeOf(maintenanceDatabase));
  const session = await server.connect(server.master, 'used');
  expect(await readLedgerVersion(session)).toBe(ledgerVersion);
  await session.end();
  expect(ledgerStatements(ledgerVersion)).toEqual([]);
  // One that a newer function has made is nothing to change.
  expect(ledgerStatements(ledgerVersion + 1)).toEqual([]);
});

describe('connections', () => {
  const lease = async (run: string): ReturnType<typeof holdLease> =>
    await holdLease({ run, connect: () => server.connect(leaseRole, maintenanceDatabase) });
  const claim = async (
    run: string,
    wanted: number,
    { minimum = 1, shards = 1 }: { minimum?: number; shards?: number } = {},
  ): Promise<ConnectionClaim> => {
    const session = await server.connect(leaseRole, maintenanceDatabase);
    try {
      return await claimConnections(session, { run, wanted, minimum, shards });
    } finally {
      await session.end();
    }
  };

  test('are granted as long as there are some, and the sum of all claims never exceeds the server', async () => {
    const runs = Array.from({ length: 6 }, newRunId);
    const leases = await Promise.all(runs.map(lease));
    const claims = await Promise.all(runs.map((run) => claim(run, 20, { minimum: 5 })));
    const [{ max = 0, reserved = 0 } = {}] = await server.query<{ max: number; reserved: number }>(
      `SELECT current_setting('max_connections')::int AS max, sum(setting::int)::int AS reserved
         FROM pg_settings WHERE name IN ('superuser_reserved_connections', 'reserved_connections')`,
    );
    for (const { limit, reserved: kept, others, claimed, granted } of claims) {
      expect({ limit, kept }).toEqual({ limit: max - reserved, kept: reserved });
      expect(others + claimed + granted).toBeLessThanOrEqual(limit);
      expect(granted === 0 || granted >= 5).toBe(true);
    }
    const sum = claims.reduce((all, { granted }) => all + granted, 0);
    expect(sum).toBeGreaterThanOrEqual(40);
    expect(claims.some(({ granted }) => granted === 0)).toBe(true);
    // Again is in the place of, not beside.
    const first = runs[claims.findIndex(({ granted }) => granted === 20)] ?? '';
    expect(await claim(first, 20)).toMatchObject({ granted: 20 });
    expect(await claim(first, 4)).toMatchObject({ granted: 4 });
    for (const held of leases) await held.close();
  });

  test('of a run that has lost its lease or was closed are free again', async () => {
    const [dead, closed, next] = [newRunId(), newRunId(), newRunId()];
    const held = await lease(dead);
    const other = await lease(closed);
    await using _next = await lease(next);
    expect(await claim(dead, 20)).toMatchObject({ granted: 20 });
    expect(await claim(closed, 20)).toMatchObject({ granted: 20 });
    expect((await claim(next, 2)).claimed).toBe(40);
    await held.close();
    await server.query(`UPDATE postern.runs SET closed_at = now() WHERE run = '${closed}'`);
    await expect.poll(async () => (await claim(next, 2)).claimed).toBe(0);
    await other.close();
  });

  test('are shared with the shards that are still to come, down to what each needs at least', async () => {
    const runs = [newRunId(), newRunId(), newRunId(), newRunId()];
    const leases = await Promise.all(runs.map(lease));
    const granted: number[] = [];
    for (const run of runs) granted.push((await claim(run, 60, { minimum: 3, shards: 4 })).granted);
    expect(granted[0]).toBeGreaterThan(8);
    expect(granted[0]).toBeLessThan(16);
    for (const part of granted) expect(part).toBeGreaterThan(3);
    expect(await claim(runs[0] ?? '', 60, { minimum: 59 })).toMatchObject({ granted: 0 });
    for (const held of leases) await held.close();
  });

  test('that others hold beside all claims are not given away', async () => {
    const run = newRunId();
    await using _held = await lease(run);
    const before = await claim(run, 1);
    const stray = await Promise.all([
      server.connect('rdsadmin', 'postgres'),
      server.connect(leaseRole, maintenanceDatabase),
    ]);
    await expect.poll(async () => (await claim(run, 1)).others).toBeGreaterThan(before.others);
    await Promise.all(stray.map((session) => session.end()));
  });

  test('are for runs that are open, in numbers that make sense', async () => {
    await expect(claim(newRunId(), 1)).rejects.toMatchObject({ code: '55000' });
    const run = newRunId();
    await using _held = await lease(run);
    for (const [wanted, options] of [
      [-1, {}],
      [1, { minimum: 2 }],
      [1, { shards: 0 }],
      [2_000_000, {}],
    ] as const) {
      await expect(claim(run, wanted, options)).rejects.toMatchObject({ code: '22023' });
    }
  });

  test('are all that the lease role can change', async () => {
    const as = { user: leaseRole };
    for (const sql of [
      'UPDATE postern.runs SET connections = 0',
      'TABLE postern.runs',
      'CREATE TABLE postern.x ()',
      `CREATE FUNCTION postern.claim_connections() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
    ]) {
      await expect(server.query(sql, as), sql).rejects.toMatchObject({ code: '42501' });
    }
    await server.query('CREATE ROLE pt_other LOGIN');
    await server.query('GRANT CONNECT ON DATABASE postern TO pt_other');
    await expect(
      server.query(`SELECT postern.claim_connections('abcdefgh1234', 1, 1, 1)`, { user: 'pt_other' }),
    ).rejects.toMatchObject({ code: '42501' });
  });
});
