import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { attachHost } from '../src/host/attach-host.ts';
import { connectHost } from '../src/host/connect-host.ts';
import type { HostClient } from '../src/host/host-client.ts';
import { pgConfig } from '../src/host/pg-config.ts';
import type { HostEvent } from '../src/host/protocol.ts';
import { platform } from '../src/platform.ts';
import { Workspace } from './fixtures/workspace.ts';

/** The real host: offline cloud, deployed functions, Session Manager tunnel, tokens, verified TLS. */
const clientEntry = fileURLToPath(new URL('./fixtures/client.ts', import.meta.url));
const bound = { timeout: 30_000, interval: 50 };
const slow = { timeout: 120_000 };

let workspace: Workspace;
const opened: HostClient[] = [];
const children: ChildProcess[] = [];

function setUp(): void {
  process.env['POSTERN_HOST_GRACE_MS'] = '0';
  workspace = new Workspace();
  workspace.declareDatabase();
}

async function tearDown(): Promise<void> {
  await Promise.all(opened.splice(0).map((client) => client.close()));
  for (const child of children.splice(0)) child.kill('SIGKILL');
  try {
    await nothingLeft();
  } finally {
    delete process.env['POSTERN_HOST_GRACE_MS'];
    workspace.dispose();
  }
}

const open = async (over: Partial<Parameters<typeof connectHost>[0]> = {}): Promise<HostClient> => {
  const client = await connectHost({ root: workspace.root, ...over });
  opened.push(client);
  return client;
};

const isAlive = (pid: number): boolean => platform.processStart(pid) !== undefined;

/** No socket, folder or data; the folder with the register of servers may stay, empty. */
const nothingLeft = async (): Promise<void> =>
  await vi.waitFor(() => {
    const left = workspace.leftovers().filter((path) => !/^postern-\d+(\/servers)?$/.test(path));
    expect(left).toEqual([]);
    expect(serversOf(workspace.tmp)).toEqual([]);
  }, bound);

function serversOf(folder: string): string[] {
  const processes = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' }).split('\n');
  return processes.filter((line) => line.includes(folder) && line.includes('postgres'));
}

async function clientProcess(): Promise<{ child: ChildProcess; pid: number; run: string }> {
  const child = spawn(
    process.execPath,
    ['--conditions=@postern/source', clientEntry, workspace.root, 'run'],
    {
      env: { ...process.env, POSTERN_TEST_REAL_HOST: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  children.push(child);
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return { child, ...(JSON.parse(line.toString()) as { pid: number; run: string }) };
}

interface Statistics {
  ssm: {
    startSessionCalls: number;
    openSessions: number;
    muxStreams: number;
    dialled: Record<string, number>;
  };
  front: {
    connections: number;
    verifiedTokens: number;
    passwordLogins: number;
    byUser: Record<string, number>;
  };
  lambda: { invocations: number };
  host: { data: { accepted: number }; pools: Record<string, { cloning: number; resetting: number }> };
}
const statistics = async (client: HostClient): Promise<Statistics> =>
  (await client.statistics()) as unknown as Statistics;

/** When nothing goes on in the background that would be counted in the middle. */
const settledStatistics = async (client: HostClient): Promise<Statistics> =>
  await vi.waitFor(async () => {
    const counted = await statistics(client);
    for (const { cloning, resetting } of Object.values(counted.host.pools)) {
      expect({ cloning, resetting }).toEqual({ cloning: 0, resetting: 0 });
    }
    return counted;
  }, bound);

describe('one host', slow, () => {
  beforeAll(setUp);
  afterAll(tearDown);

  it('leads from a worker to its database through tunnel, token and verified TLS, and nothing goes around them', async () => {
    const events: HostEvent[] = [];
    const client = await open({ onEvent: (event) => events.push(event) });
    const { run, created, built } = await client.prepareRun({ database: 'ledger', workers: 2 });
    // The others come while the suite loads its modules.
    expect({ created, built }).toEqual({ created: 1, built: true });

    await vi.waitFor(() => expect(client.info.directTls).toBe(true), bound);
    const worker = await attachHost({ controlSocket: client.info.controlSocket });
    opened.push(worker);
    expect(worker.info.directTls).toBe(true);
    const { name, roles } = await worker.acquire({ run, key: '1' });
    const before = await settledStatistics(client);
    const pool = new pg.Pool({
      ...pgConfig(worker, { database: name, user: roles['ledger_app'] as string }),
      max: 3,
    });
    const rows = await Promise.all(
      [1, 2, 3].map(async (id) => {
        await pool.query('INSERT INTO accounts VALUES ($1)', [id]);
        return (
          await pool.query('SELECT current_user AS me, session_user AS login, current_database() AS db')
        ).rows[0];
      }),
    );
    await pool.end();
    expect(rows).toEqual(
      Array.from({ length: 3 }, () => ({ me: 'ledger_app', login: 'pt_ledger_app', db: name })),
    );

    const after = await settledStatistics(client);
    const connections = after.host.data.accepted - before.host.data.accepted;
    expect(connections).toBeGreaterThan(0);
    expect(after.ssm.startSessionCalls).toBe(1);
    expect(after.ssm.muxStreams - before.ssm.muxStreams).toBe(connections);
    expect(after.front.verifiedTokens - before.front.verifiedTokens).toBe(connections);
    expect(after.front.byUser['pt_ledger_app']).toBe(connections);
    expect(after.front.byUser['pt_lease']).toBe(1);
    const { host, port } = client.info.endpoint;
    expect(after.ssm.dialled).toEqual({ [`${host}:${port}`]: after.ssm.muxStreams });
    // Whoever came without the tunnel was the function, as the master and, for the migrations, as the migrator.
    const { postern_master: master = 0, ledger_migrator: migrator = 0 } = after.front.byUser;
    expect(after.front.passwordLogins).toBe(master);
    const probes = 1; // for direct TLS: a handshake and no login
    expect(after.front.connections - after.ssm.muxStreams + probes).toBe(master + migrator);

    const done = events.filter(({ state }) => state === 'done').map(({ phase }) => phase);
    expect(done).toEqual(
      expect.arrayContaining(['cloud', 'resolve', 'tunnel', 'build', 'deploy', 'bootstrap', 'prepare']),
    );
    expect(events.filter(({ state }) => state === 'failed')).toEqual([]);
  });

  it('refuses the test logins where they have no business', async () => {
    const client = await open();
    const { run } = await client.prepareRun({ database: 'ledger', workers: 1 });
    const { name } = await client.acquire({ run, key: '1' });
    const login = async (user: string, database: string): Promise<unknown> => {
      const connection = new pg.Client(pgConfig(client, { user, database }));
      connection.on('error', () => undefined);
      try {
        return await connection.connect();
      } finally {
        await connection.end().catch(() => undefined);
      }
    };
    // Not the real role: the policy of the suite names pt_* only. Not the real database: CONNECT is not granted.
    await expect(login('ledger_app', name)).rejects.toMatchObject({ code: '28000' });
    await expect(login('pt_ledger_app', 'ledger')).rejects.toMatchObject({ code: '42501' });
  });

  it('does not do again what is done for a second client, which gets its own databases', async () => {
    workspace.declareDatabase('billing');
    const [one, two] = await Promise.all([open(), open()]);
    expect(one.info.pid).toBe(two.info.pid);
    const [ledger, billing] = await Promise.all([
      one.prepareRun({ database: 'ledger', workers: 1 }),
      two.prepareRun({ database: 'billing', workers: 1 }),
    ]);
    expect(ledger.databases).not.toEqual(billing.databases);
    expect(await one.bootstrap()).toMatchObject({ applied: false, databases: ['billing', 'ledger'] });
    const { ssm } = await statistics(one);
    expect(ssm.startSessionCalls).toBe(1);
    await one.close();
    await expect(two.acquire({ run: billing.run, key: '1' })).resolves.toBeDefined();
  });

  it('does what has changed', async () => {
    const client = await open();
    const first = await client.prepareRun({ database: 'ledger', workers: 1 });
    workspace.declareDatabase('ledger', 'CREATE TABLE entries (id int PRIMARY KEY);');
    const second = await client.prepareRun({ database: 'ledger', workers: 1 });
    expect(second.templateHash).not.toBe(first.templateHash);
    const { name, roles } = await client.acquire({ run: second.run, key: '1' });
    const connection = new pg.Client(
      pgConfig(client, { database: name, user: roles['ledger_readonly'] as string }),
    );
    await connection.connect();
    await expect(connection.query('SELECT count(*) FROM entries')).resolves.toBeDefined();
    await expect(connection.query('INSERT INTO entries VALUES (1)')).rejects.toMatchObject({ code: '42501' });
    await connection.end();
  });

  it('names a migration that fails with its file and SQL error, and the run does not start', async () => {
    workspace.declareDatabase('broken', 'CREATE TABLE accounts (twice int);');
    const client = await open();
    await expect(client.prepareRun({ database: 'ledger', workers: 1 })).rejects.toMatchObject({
      name: 'BootstrapError',
      code: 'BOOTSTRAP_MIGRATION_FAILED',
      message: expect.stringContaining('0002_more'),
      details: expect.objectContaining({ sqlState: '42P07', file: '0002_more.sql' }),
    });
  });
});

describe('nothing is left', slow, () => {
  beforeEach(setUp);
  afterEach(tearDown);

  it('after SIGKILL of the client', async () => {
    const { child, pid } = await clientProcess();
    expect(serversOf(workspace.tmp)).not.toEqual([]);
    child.kill('SIGKILL');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), bound);
    await nothingLeft();
  });

  it('of PostgreSQL after SIGKILL of the host, and of its folder after the next start', async () => {
    const client = await open();
    await client.prepareRun({ database: 'ledger', workers: 1 });
    process.kill(client.info.pid, 'SIGKILL');
    await client.closed;
    await vi.waitFor(() => expect(serversOf(workspace.tmp)).toEqual([]), bound);
    const next = await open();
    await expect(next.prepareRun({ database: 'ledger', workers: 1 })).resolves.toBeDefined();
  });

  it('when two clones of a repository run at once and one of them is killed', async () => {
    const root = workspace.clone();
    const [here, there] = await Promise.all([open(), open({ root })]);
    await Promise.all([here, there].map((client) => client.prepareRun({ database: 'ledger', workers: 1 })));
    process.kill(here.info.pid, 'SIGKILL');
    await here.closed;
    await expect(there.statistics()).resolves.toBeDefined();
    await there.close();
    await (await open()).close(); // the next start clears up
  });
});
