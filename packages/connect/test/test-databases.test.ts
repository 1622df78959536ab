import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { attachHost } from '../src/host/attach-host.ts';
import { connectHost } from '../src/host/connect-host.ts';
import type { HostClient } from '../src/host/host-client.ts';
import { pgConfig } from '../src/host/pg-config.ts';
import type { HostEvent } from '../src/host/protocol.ts';
import type { AcquiredDatabase, BranchState, PreparedRun } from '../src/host/run-types.ts';
import { Workspace } from './fixtures/workspace.ts';

/** What a suite does with its databases, once for each way: the real host, one for all tests of a way. */
const workerEntry = fileURLToPath(new URL('./fixtures/worker.ts', import.meta.url));
const bound = { timeout: 30_000, interval: 50 };

describe.each(['full', 'direct'])('on the %s path', { timeout: 120_000 }, (path) => {
  let workspace: Workspace;
  let client: HostClient;
  let worker: HostClient;
  let prepared: PreparedRun;
  const events: HostEvent[] = [];
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    vi.stubEnv('POSTERN_HOST_GRACE_MS', '0');
    vi.stubEnv('POSTERN_LOCAL_PATH', path);
    workspace = new Workspace();
    workspace.declareDatabase('ledger', 'CREATE TABLE entries (id serial PRIMARY KEY, text text);');
    workspace.declareDatabase('billing');
    client = await connectHost({ root: workspace.root, onEvent: (event) => events.push(event) });
    prepared = await client.prepareRun({ database: 'ledger', workers: 2 });
    worker = await attachHost({ controlSocket: client.info.controlSocket });
  });

  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await worker.close();
    await client.shutdown(); // it would stay for what is kept
    await client.close();
    await vi.waitFor(() => {
      const left = workspace.leftovers().filter((each) => !/^postern-\d+(\/servers)?$/.test(each));
      expect(left).toEqual([]);
    }, bound);
    vi.unstubAllEnvs();
    workspace.dispose();
  });

  const acquire = async (key: string): Promise<AcquiredDatabase> =>
    await worker.acquire({ run: prepared.run, key, isolation: 'reset' });

  const connect = async ({ name, roles }: AcquiredDatabase, role = 'ledger_app'): Promise<pg.Client> => {
    const connection = new pg.Client(pgConfig(worker, { database: name, user: roles[role] as string }));
    connection.on('error', () => undefined);
    await connection.connect();
    return connection;
  };

  const pidOf = async (connection: pg.Client): Promise<number> =>
    (await connection.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;

  const entries = async (connection: pg.Client): Promise<unknown[]> =>
    (await connection.query('SELECT text FROM entries ORDER BY id')).rows.map(({ text }) => text);

  it('a database comes back as its template left it, and the sessions that were clean are still open', async () => {
    const { run, connections } = prepared;
    expect(connections).toMatchObject({ perWorker: 10, server: { limit: expect.any(Number) } });
    const first = await acquire('1');
    const [kept, ended] = [await connect(first), await connect(first)];
    const over = new Promise((resolve) => ended.once('end', resolve));
    await kept.query(`INSERT INTO entries (text) VALUES ('one')`);
    await ended.query(`BEGIN; INSERT INTO entries (text) VALUES ('two')`);
    const sessions = [await pidOf(kept)];
    expect(await worker.release({ run, name: first.name, sessions })).toEqual({ willReset: true });
    expect(await worker.settled({ run, name: first.name })).toMatchObject({
      status: 'reset',
      ended: [{ user: 'pt_ledger_app', state: 'idle in transaction' }],
    });
    await over;
    const again = await acquire('1');
    expect(again).toMatchObject({ name: first.name, origin: 'reset' });
    expect(await entries(kept)).toEqual([]);
    const { rows } = await kept.query(`INSERT INTO entries (text) VALUES ('three') RETURNING id`);
    expect(rows).toEqual([{ id: 1 }]);
    await kept.end();
    await worker.release({ run, name: again.name });
    const told = events.filter(({ phase, database }) => phase === 'reset' && database === first.name);
    expect(told[0]).toMatchObject({ run, state: 'done', counts: { 'sessions ended': 1 } });
  });

  it('a database that no reset can put back is replaced, and it is told why', async () => {
    const { run } = prepared;
    const changed = await acquire('2');
    // Only the owner of objects could make others here; large objects belong to whoever makes them.
    const connection = await connect(changed);
    await connection.query('SELECT lo_create(0)');
    await connection.end();
    await worker.release({ run, name: changed.name });
    expect(await worker.settled({ run, name: changed.name })).toMatchObject({
      status: 'discard',
      reason: 'large-objects',
    });
    const next = await acquire('2');
    expect(next.name).not.toBe(changed.name);
    await worker.release({ run, name: next.name });
  });

  it('a database of a worker that is killed in the middle of a statement goes to nobody before it is reset', async () => {
    const { run } = prepared;
    const child = spawn(
      process.execPath,
      ['--conditions=@postern/source', workerEntry, client.info.controlSocket, run],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    children.push(child);
    const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    const { name } = JSON.parse(line.toString()) as { name: string };
    child.kill('SIGKILL');
    await vi.waitFor(
      async () => expect(await client.settled({ run, name })).toMatchObject({ status: 'reset' }),
      bound,
    );
    const again = await acquire('dead');
    const connection = await connect(again);
    expect(await entries(connection)).toEqual([]);
    await connection.end();
    await worker.release({ run, name: again.name });
  });

  it('a branch is seeded once, and what is cloned from it is reset to the seed', async () => {
    const { run } = prepared;
    const building = (await worker.branch({ run, key: 'seed' })) as BranchState & { status: 'build' };
    const seeding = await connect(building);
    await seeding.query(`INSERT INTO entries (text) VALUES ('seed')`);
    await seeding.end();
    const { branch } = await worker.sealBranch({ run, key: 'seed', name: building.name });
    expect(await client.branch({ run, key: 'seed' })).toEqual({ status: 'ready', branch });
    for (const round of [1, 2]) {
      const acquired = await worker.acquire({ run, key: 'seeded', isolation: 'reset', branch });
      const connection = await connect(acquired);
      expect(await entries(connection)).toEqual(['seed']);
      await connection.query(`INSERT INTO entries (text) VALUES ('${round}')`);
      await connection.end();
      await worker.release({ run, name: acquired.name });
      expect(await worker.settled({ run, name: acquired.name })).toMatchObject({ status: 'reset' });
    }
    const plain = await connect(await acquire('plain'));
    expect(await entries(plain)).toEqual([]);
    await plain.end();
  });

  it('another database of the workspace is there for who asks, and by URL for whatever knows only URLs', async () => {
    const { run } = prepared;
    const other = await worker.acquire({ run, key: '1', isolation: 'reset', database: 'billing' });
    expect(other).toMatchObject({ database: 'billing', defaultRole: 'billing_app' });
    const { url } = await worker.databaseUrl({ run, name: other.name });
    const connection = new pg.Client(url);
    connection.on('error', () => undefined);
    await connection.connect();
    const { rows } = await connection.query('SELECT current_user AS me, current_database() AS name');
    expect(rows).toEqual([{ me: 'billing_app', name: other.name }]);
    await worker.release({ run, name: other.name });
    // Nobody stays connected to what is no longer his.
    await expect(connection.query('SELECT 1')).rejects.toMatchObject({ code: '57P01' });
    await expect(new pg.Client(url).connect()).rejects.toMatchObject({ code: '3D000' });
  });

  it('a failed database stays for who wants to look, also after its run', async () => {
    const { run } = await client.prepareRun({ database: 'ledger', workers: 1 });
    const failed = await client.acquire({ run, key: '1', isolation: 'reset' });
    const connection = await connect(failed);
    await connection.query(`INSERT INTO entries (text) VALUES ('evidence')`);
    await connection.end();
    const release = { run, name: failed.name, keep: true };
    expect(await client.release(release)).toEqual({ willReset: false, kept: true, keptMs: 600_000 });
    await client.releaseRun(run);
    const { url } = await client.databaseUrl({ name: failed.name, role: 'ledger_readonly' });
    const looking = new pg.Client(url);
    await looking.connect();
    expect(await entries(looking)).toEqual(['evidence']);
    await looking.end();
  });

  it('a refresh keeps the run and resets what is in use', async () => {
    const { run } = prepared;
    const held = await acquire('watch');
    const connection = await connect(held);
    await connection.query(`INSERT INTO entries (text) VALUES ('before')`);
    expect(await client.refreshRun(run)).toMatchObject({ run, changed: false });
    expect(await client.settled({ run, name: held.name })).toMatchObject({ status: 'reset' });
    const again = await connect(await acquire('watch'));
    expect(await entries(again)).toEqual([]);
    await again.end();
  });
});
