import pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { attachHost } from '../src/host/attach-host.ts';
import { connectHost } from '../src/host/connect-host.ts';
import type { HostClient } from '../src/host/host-client.ts';
import { pgConfig } from '../src/host/pg-config.ts';
import type { HostEvent } from '../src/host/protocol.ts';
import { Workspace } from './fixtures/workspace.ts';

/** The short way of the offline environment, beside a host that goes the whole one. */
let workspace: Workspace;
const opened: HostClient[] = [];
const events: HostEvent[] = [];

const open = async (): Promise<HostClient> => {
  const client = await connectHost({ root: workspace.root, onEvent: (event) => events.push(event) });
  opened.push(client);
  return client;
};

beforeAll(() => {
  vi.stubEnv('POSTERN_HOST_GRACE_MS', '0');
  vi.stubEnv('POSTERN_LOCAL_PATH', 'direct');
  workspace = new Workspace();
  workspace.declareDatabase();
});

afterAll(async () => {
  await Promise.all(opened.splice(0).map((client) => client.close()));
  await vi.waitFor(
    () => {
      const left = workspace.leftovers().filter((path) => !/^postern-\d+(\/servers)?$/.test(path));
      expect(left).toEqual([]);
    },
    { timeout: 30_000, interval: 50 },
  );
  vi.unstubAllEnvs();
  workspace.dispose();
});

interface Statistics {
  ssm: { startSessionCalls: number; muxStreams: number };
  front: { connections: number; verifiedTokens: number; byUser: Record<string, number> };
  tunnel: Record<string, unknown>;
  host: { data: { accepted: number } };
}

it('gives a suite the same logins, roles and refusals, and nothing of it takes the way of AWS', async () => {
  const client = await open();
  const { run } = await client.prepareRun({ database: 'ledger', workers: 1 });
  const worker = await attachHost({ controlSocket: client.info.controlSocket });
  opened.push(worker);
  const { name, roles } = await worker.acquire({ run, key: '1' });
  expect(roles).toEqual({ ledger_app: 'pt_ledger_app', ledger_readonly: 'pt_ledger_readonly' });

  const pool = new pg.Pool({
    ...pgConfig(worker, { database: name, user: roles['ledger_app'] as string, applicationName: 'suite' }),
    max: 2,
  });
  await pool.query('INSERT INTO accounts VALUES (1)');
  const who = 'SELECT current_user AS me, session_user AS login, current_database() AS db';
  await pool.query('DISCARD ALL');
  expect((await pool.query(who)).rows).toEqual([{ me: 'ledger_app', login: 'pt_ledger_app', db: name }]);
  await pool.end();

  const readonly = new pg.Client(
    pgConfig(worker, { database: name, user: roles['ledger_readonly'] as string }),
  );
  await readonly.connect();
  await expect(readonly.query('INSERT INTO accounts VALUES (2)')).rejects.toMatchObject({ code: '42501' });
  await readonly.end();
  const elsewhere = new pg.Client(pgConfig(worker, { database: 'ledger', user: 'pt_ledger_app' }));
  await expect(elsewhere.connect()).rejects.toMatchObject({ code: '42501' });
  await elsewhere.end();

  const { ssm, front, tunnel, host } = (await client.statistics()) as unknown as Statistics;
  expect(ssm).toMatchObject({ startSessionCalls: 0, muxStreams: 0 });
  // The functions do: what is deployed is tried as it will be on AWS. One database was migrated.
  expect(Object.keys(front.byUser).sort()).toEqual(['ledger_migrator', 'postern_master']);
  expect(front.verifiedTokens).toBe(front.byUser['ledger_migrator']);
  expect(host.data.accepted).toBe(3);
  expect(tunnel).toEqual({ transport: 'local', streams: 3 });
  const work = events.map(({ phase }) => phase).filter((phase) => phase !== 'acquire' && phase !== 'pool');
  expect(new Set(work)).toEqual(new Set(['cloud', 'build', 'deploy', 'bootstrap', 'prepare']));
});

it('stays beside a host that goes the whole way, and neither replaces the other', async () => {
  const direct = await open();
  vi.stubEnv('POSTERN_LOCAL_PATH', 'full');
  const full = await open();
  expect([direct.info.path, full.info.path]).toEqual(['direct', 'full']);
  expect(full.info.pid).not.toBe(direct.info.pid);
  expect(pgConfig(full, { database: 'd', user: 'u' }).ssl).toMatchObject({ rejectUnauthorized: true });
  await expect(direct.statistics()).resolves.toBeDefined();
  await full.close();
});

it('is not taken for anything but the offline environment, whatever a host says', async () => {
  const direct = opened[0] as HostClient;
  const info = { ...direct.info, kind: 'aws' } as const;
  const aws = { info, token: async () => 'token' } as unknown as HostClient;
  expect(pgConfig(aws, { database: 'd', user: 'u' }).ssl).toMatchObject({ rejectUnauthorized: true });
});
