import type { LocalCloud } from '@postern/local-cloud';
import { pgOptions } from '@postern/rds-auth';
import { orphanGraceMs } from '@postern/test-databases/server';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AwsSettings } from '../src/config/settings.ts';
import { type AwsEnvironmentOptions, createAwsEnvironment } from '../src/environment/aws-environment.ts';
import type { Environment } from '../src/environment/environment.ts';
import { attachHost } from '../src/host/attach-host.ts';
import { connectHost } from '../src/host/connect-host.ts';
import type { HostClient } from '../src/host/host-client.ts';
import { pgConfig } from '../src/host/pg-config.ts';
import type { HostEvent } from '../src/host/protocol.ts';
import { createPhases } from '../src/phases.ts';
import { openCuttableWay } from './fixtures/cuttable-way.ts';
import { openHostHere } from './fixtures/host-here.ts';
import { openStaging, type Staging } from './fixtures/staging.ts';
import type { Workspace } from './fixtures/workspace.ts';

/** What happens to a suite when sessions, channels and jump hosts end while it runs. */
const bound = { timeout: 30_000, interval: 50 };

let staging: Staging | undefined;
let cloud: LocalCloud;
let workspace: Workspace;
const opened: { close(): Promise<void> }[] = [];
let events: HostEvent[] = [];

beforeAll(async () => {
  staging = await openStaging();
  ({ cloud, workspace } = staging);
  const admin = new pg.Client(cloud.postgres.superuserConfig());
  await admin.connect();
  await admin.query('CREATE ROLE pt_probe LOGIN; GRANT rds_iam TO pt_probe');
  await admin.end();
});

afterAll(async () => await staging?.close());

afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
  events = [];
  await vi.waitFor(() => {
    expect(workspace.leftovers().filter((path) => !/^postern-\d+(\/servers)?$/.test(path))).toEqual([]);
    expect(running()).toEqual([]);
  }, bound);
});

const running = () => cloud.ssm.sessions().filter(({ state }) => !/Terminat/.test(state));
const tunnelEvents = () => events.filter(({ phase }) => phase === 'tunnel');

/** The only session that is there. */
function session(): ReturnType<typeof running>[number] {
  const [only, ...others] = running();
  expect(others).toEqual([]);
  return only as NonNullable<typeof only>;
}

function environment(
  over: Partial<AwsSettings> = {},
  options: Partial<AwsEnvironmentOptions> = {},
): Environment {
  const { region, endpoint, cluster, jumpHost, document } = cloud;
  const created = createAwsEnvironment({
    name: 'staging',
    root: '/',
    phase: createPhases((event) => events.push(event)),
    settings: {
      kind: 'aws',
      region,
      cluster: cluster.identifier,
      jumpHost: { tag: { ...jumpHost.tags } },
      document,
      ...over,
    },
    access: { region, endpoint, credentials: async () => cloud.credentials('ci'), ca: [cluster.caPem] },
    ...options,
  });
  opened.push(created);
  return created;
}

/** `ended`: its first error. Without a listener it would be the end of the process, and so would be the second. */
async function connected(config: pg.ClientConfig): Promise<{ client: pg.Client; ended: Promise<Error> }> {
  const client = new pg.Client(config);
  const ended = new Promise<Error>((resolve) => client.on('error', resolve));
  await client.connect();
  opened.push({ close: async () => await client.end().catch(() => undefined) });
  return { client, ended };
}

async function probe(target: Environment): ReturnType<typeof connected> {
  const { endpoint, ca } = await target.resolve();
  const token = () => target.token('pt_probe');
  const openStream = () => target.openStream();
  return await connected(
    pgOptions({ endpoint, ca, user: 'pt_probe', database: 'postgres', token, openStream }),
  );
}

const select = async ({ client }: { client: pg.Client }, sql = 'SELECT 1 AS one'): Promise<unknown> =>
  (await client.query(sql)).rows[0];

describe('the tunnel of an environment', () => {
  it('loses no query when the service closes its channel, as it does every hour', async () => {
    const target = environment();
    const one = await probe(target);
    const { sessionId } = session();
    const query = select(one, 'SELECT pg_sleep(0.3), 7 AS seven');
    cloud.ssm.faults.closeChannel(sessionId);
    expect(await query).toMatchObject({ seven: 7 });
    expect(await select(await probe(target))).toEqual({ one: 1 });
    expect(session().sessionId).toBe(sessionId);
    expect((await target.statistics())['tunnel']).toMatchObject({ tunnels: 1, resumes: 1, replacements: 0 });
    expect(tunnelEvents()).toHaveLength(2);
  });

  it('gets another session when AWS ends one: connections end and say why, the next ones work', async () => {
    const target = environment();
    const old = await probe(target);
    cloud.ssm.faults.endSession(session().sessionId, 'Session reached its maximum duration');
    expect(await old.ended).toMatchObject({
      code: 'SSM_STREAM_RESET',
      message: expect.stringContaining('maximum duration'),
    });
    expect(await select(await probe(target))).toEqual({ one: 1 });
    expect((await target.statistics())['tunnel']).toMatchObject({ tunnels: 1, replacements: 1 });
    expect(tunnelEvents().at(-1)).toMatchObject({
      state: 'done',
      detail: expect.stringMatching(/a new session in place of one that ended: .*maximum duration/),
    });
  });

  it('finds the jump host that took the place of another, by the same tags', async () => {
    const [first, second] = ['i-000000000000000a1', 'i-000000000000000a2'];
    const tags = { ...cloud.jumpHost.tags, group: 'scaled' };
    cloud.ssm.registerInstance({ instanceId: first, tags });
    const target = environment({ jumpHost: { tag: tags } });
    const { ended } = await probe(target);
    expect(session().target).toBe(first);
    cloud.ssm.faults.loseInstance(first);
    cloud.ssm.registerInstance({ instanceId: second, tags });
    expect(await ended).toMatchObject({ code: 'SSM_STREAM_RESET' });
    expect(await select(await probe(target))).toEqual({ one: 1 });
    expect(session().target).toBe(second);
    expect(tunnelEvents().at(-1)?.detail).toMatch(new RegExp(`^${second} `));
    expect((await target.statistics())['tunnel']).toMatchObject({ tunnels: 1 });
  });

  it('that gets no session says so before a database client gives up, and is back by itself', async () => {
    const instanceId = 'i-000000000000000b1';
    const tags = { ...cloud.jumpHost.tags, group: 'alone' };
    cloud.ssm.registerInstance({ instanceId, tags });
    const target = environment({ jumpHost: { tag: tags } }, { patienceMs: 2_000 });
    await target.warmUp();
    cloud.ssm.faults.loseInstance(instanceId);
    await vi.waitFor(() => expect(tunnelEvents().at(-1)).toMatchObject({ state: 'started' }), bound);
    const error = { code: 'CONNECT_TUNNEL_INTERRUPTED', kind: 'unavailable' };
    await expect(target.warmUp()).rejects.toMatchObject({
      ...error,
      message: expect.stringContaining(`${instanceId}: ConnectionLost`),
      cause: { code: 'SSM_TARGET_NOT_FOUND' },
    });
    await expect(probe(target)).rejects.toMatchObject({ code: 'RDS_STREAM_FAILED', cause: error });
    cloud.ssm.faults.restoreInstance(instanceId);
    await vi.waitFor(() => expect(tunnelEvents().at(-1)).toMatchObject({ state: 'done' }), bound);
    expect(await select(await probe(target))).toEqual({ one: 1 });
    expect((await target.statistics())['tunnel']).toMatchObject({ tunnels: 1 });
  });

  it('that has given up is opened again, and what stands in the way now is told at once', async () => {
    const target = environment();
    await target.warmUp();
    cloud.ssm.faults.failNext('StartSession', { code: 'AccessDeniedException', message: 'not any more' }, 2);
    cloud.ssm.faults.endSession(session().sessionId);
    await vi.waitFor(
      () =>
        expect(tunnelEvents().at(-1)).toMatchObject({
          state: 'failed',
          detail: expect.stringContaining('not any more'),
        }),
      bound,
    );
    await expect(target.openStream()).rejects.toMatchObject({ code: 'SSM_ACCESS_DENIED' });
    expect(await select(await probe(target))).toEqual({ one: 1 });
    expect((await target.statistics())['tunnel']).toMatchObject({ tunnels: 2 });
  });

  it('is what the settings say', async () => {
    const { port } = new URL(cloud.endpoint);
    const target = environment({
      tunnel: {
        sessions: { min: 2, max: 2 },
        endpoint: `http://localhost:${port}`,
        streamEndpoint: `ws://localhost:${port}`,
      },
    });
    expect(await select(await probe(target))).toEqual({ one: 1 });
    expect(running()).toHaveLength(2);
    const nowhere = environment({ tunnel: { proxy: 'http://127.0.0.1:1' } });
    await expect(nowhere.warmUp()).rejects.toMatchObject({
      code: 'SSM_API_FAILED',
      message: expect.stringContaining('127.0.0.1:1'),
    });
  });
});

describe('a host', () => {
  async function open(): Promise<HostClient> {
    const client = await connectHost({ root: workspace.root, onEvent: (event) => events.push(event) });
    opened.push(client);
    return client;
  }

  /** Kills a host that has a session, and gives the session. */
  async function killOne(): Promise<ReturnType<typeof session>> {
    const client = await open();
    await vi.waitFor(() => expect(tunnelEvents().at(-1)).toMatchObject({ state: 'done' }), bound);
    const left = session();
    process.kill(client.info.pid, 'SIGKILL');
    await client.closed;
    expect(left.reason).toMatch(
      new RegExp(`^postern ws staging \\[postern [0-9a-f]{12} ${client.info.pid} \\d+\\]$`),
    );
    return left;
  }

  it('keeps its runs when AWS ends the session in the middle: no new preparation, new connections work', async () => {
    const host = await open();
    const { run } = await host.prepareRun({ database: 'ledger', workers: 1 });
    const { name, roles } = await host.acquire({ run, key: '1' });
    const as = (role: string): pg.ClientConfig =>
      pgConfig(host, { database: name, user: roles[role] as string });
    const old = await connected(as('ledger_app'));
    await old.client.query('INSERT INTO accounts VALUES (1)');
    // One whose session for resets is open, too.
    const second = { run, key: '2', isolation: 'reset' } as const;
    const used = (await host.acquire(second)).name;
    await host.release({ run, name: used });
    expect(await host.settled({ run, name: used })).toMatchObject({ status: 'reset' });
    expect(await host.acquire(second)).toMatchObject({ name: used, origin: 'reset' });
    const leases = (): number => cloud.statistics().front.byUser['pt_lease'] ?? 0;
    const before = leases();

    cloud.ssm.faults.endSession(session().sessionId, 'Session terminated');
    expect((await old.ended).message).toBe('Connection terminated unexpectedly');
    const again = await connected(as('ledger_readonly'));
    expect(await select(again, 'SELECT id FROM accounts')).toEqual({ id: 1 });
    expect(await host.acquire({ run, key: '1' })).toMatchObject({ name });
    await vi.waitFor(() => expect(leases()).toBeGreaterThan(before), bound);
    expect(tunnelEvents().at(-1)).toMatchObject({
      state: 'done',
      detail: expect.stringContaining('Session terminated'),
    });
    expect(events.filter(({ phase, state }) => phase === 'prepare' && state === 'started')).toHaveLength(1);
    for (const released of [name, used]) {
      await host.release({ run, name: released });
      expect(await host.settled({ run, name: released })).toMatchObject({ status: 'reset' });
    }
  });

  it('leaves a failed database behind for as long as it was said, and the next one finds it by its name', async () => {
    const first = await open();
    const { run } = await first.prepareRun({ database: 'ledger', workers: 1 });
    const { name, roles } = await first.acquire({ run, key: '1', isolation: 'reset' });
    const evidence = await connected(
      pgConfig(first, { database: name, user: roles['ledger_app'] as string }),
    );
    await evidence.client.query('INSERT INTO accounts VALUES (7)');
    expect(await first.release({ run, name, keep: true })).toMatchObject({ kept: true, keptMs: 600_000 });
    const { pid } = first.info;
    await first.close();
    const next = await vi.waitFor(async () => {
      const host = await open();
      expect(host.info.pid).not.toBe(pid);
      return host;
    }, bound);
    const { url } = await next.databaseUrl({ name, role: 'ledger_readonly' });
    const looking = await connected({ connectionString: url });
    await next.close(); // as postern-url does: who came by URL is not cut off
    expect(await select(looking, 'SELECT id, current_user AS me, pg_sleep(0.3) FROM accounts')).toMatchObject(
      {
        id: 7,
        me: 'ledger_readonly',
      },
    );
    const admin = await connected(cloud.postgres.superuserConfig());
    const others = `SELECT count(*)::int AS n FROM pg_database WHERE datname ~ '_r${run}_' AND datname <> '${name}'`;
    expect(await select(admin, others)).toEqual({ n: 0 });
  });

  it('whose network is cut for good tells its tests so, and two sweeps leave nothing of its run', async () => {
    const way = await openCuttableWay(Number(new URL(cloud.endpoint).port));
    opened.push(way);
    const { region, cluster, functions } = cloud;
    const settings = {
      testDatabases: functions.testdb,
      tunnel: { streamEndpoint: `ws://127.0.0.1:${way.port}` },
    };
    const access = {
      region,
      endpoint: `http://127.0.0.1:${way.port}`,
      credentials: async () => cloud.credentials('ci'),
      ca: [cluster.caPem],
    };
    const { host, client } = await openHostHere(workspace.root, () =>
      environment(settings, { access, patienceMs: 500 }),
    );
    opened.push(client);
    const { run } = await client.prepareRun({ database: 'ledger', workers: 1 });
    const worker = await attachHost({ controlSocket: client.info.controlSocket });
    opened.push(worker);
    const { name, roles } = await worker.acquire({ run, key: '1', isolation: 'reset' });
    const config = pgConfig(worker, { database: name, user: roles['ledger_app'] as string });
    const underWay = expect(select(await connected(config), 'SELECT pg_sleep(600)')).rejects.toThrow(
      'Connection terminated',
    );
    const { sessionId } = session();
    way.cut();
    cloud.ssm.faults.endSession(sessionId); // what AWS does by itself once nobody has been there for long enough
    // Until it is noticed, the way there ends without a word.
    const why = { code: 'CONNECT_TUNNEL_INTERRUPTED', kind: 'unavailable', hint: expect.any(String) };
    await vi.waitFor(async () => await expect(connected(config)).rejects.toMatchObject(why), bound);

    const outside = environment({ testDatabases: functions.testdb });
    const sweep = () => outside.invoke<'sweep'>('testdb', { action: 'sweep' });
    const admin = await connected(cloud.postgres.superuserConfig('postern'));
    const left = `SELECT count(*)::int AS n FROM pg_database WHERE datname ~ '_r${run}_'`;
    await vi.waitFor(async () => {
      const { marked, waiting } = await sweep();
      expect([...marked, ...waiting]).toContain(run);
    }, bound);
    expect((await sweep()).waiting).toContain(run);
    expect(await select(admin, left)).not.toEqual({ n: 0 });
    await admin.client.query(
      `UPDATE postern.runs SET orphaned_at = orphaned_at - interval '${orphanGraceMs} ms' WHERE run = '${run}'`,
    );
    expect((await sweep()).dropped).toContain(name);
    expect(await select(admin, left)).toEqual({ n: 0 });

    way.restore(); // the host has nothing left to give back
    await client.close();
    await host.ended;
    await underWay;
  });

  it('ends the session that a killed one left', async () => {
    const left = await killOne();
    await open();
    await vi.waitFor(
      () => expect(running().map(({ sessionId }) => sessionId)).not.toContain(left.sessionId),
      bound,
    );
    await vi.waitFor(() => expect(running()).toHaveLength(1), bound);
  });

  it('that may not look for what a killed one left works all the same', async () => {
    const left = await killOne();
    const asked = (): number => cloud.statistics().api['SSM.DescribeSessions'] ?? 0;
    const before = asked();
    cloud.ssm.faults.failNext('DescribeSessions', { code: 'AccessDeniedException', message: 'no' });
    const host = await open();
    await vi.waitFor(() => expect(asked()).toBe(before + 1), bound);
    await expect(host.prepareRun({ database: 'ledger', workers: 1 })).resolves.toBeDefined();
    expect(running().map(({ sessionId }) => sessionId)).toContain(left.sessionId);
    cloud.ssm.faults.endSession(left.sessionId);
  });
});
