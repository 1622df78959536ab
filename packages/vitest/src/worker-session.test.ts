import { afterEach, expect, test, vi } from 'vitest';
import { type FakeHost, fakeHost } from '../test/fake-host.ts';
import { suiteDefaults, type TestOptions, testSettings } from './options.ts';
import { defineSeed } from './seed.ts';
import { WorkerSession } from './worker-session.ts';

/*
 * What a worker says to the host, and when. That databases hold what they should is for the tests with real ones.
 */

let host: FakeHost | undefined;
let session: WorkerSession | undefined;
afterEach(async () => {
  await session?.close();
  await host?.close();
  session = undefined;
  host = undefined;
});

const roles = { shop_app: 'pt_shop_app', shop_readonly: 'pt_shop_readonly' };
const acquired = (name = 'pt_1', more = {}): { result: unknown } => ({
  result: {
    name,
    roles,
    run: 'r1',
    database: 'shop',
    origin: 'clone',
    waitedMs: 0,
    maxConnections: 4,
    defaultRole: 'shop_app',
    ...more,
  },
});
const usual = {
  acquire: acquired(),
  token: { result: { token: 'a-token' } },
  release: { result: { willReset: true } },
};

async function open(answers: Parameters<typeof fakeHost>[0] = usual, shared = false): Promise<WorkerSession> {
  host = await fakeHost(answers);
  session = new WorkerSession(
    {
      controlSocket: host.controlSocket,
      run: 'r1',
      database: 'shop',
      environment: 'local',
      root: import.meta.dirname,
      defaults: suiteDefaults({}, undefined),
      generation: 1,
      sharedProcess: shared,
    },
    '3',
  );
  return session;
}

const settings = (options: TestOptions = {}): ReturnType<typeof testSettings> =>
  testSettings(options, suiteDefaults({ keep: 'never' }, undefined));
const sent = (method: string): unknown[] =>
  (host?.requests ?? []).filter((request) => request.method === method).map(({ params }) => params);

test('a file takes one database for all its tests, whatever role they act as, and gives it back once', async () => {
  const worker = await open();
  const release = worker.retain();
  const [writers, readers] = [settings(), settings({ role: 'shop_readonly' })];
  const slot = worker.slot(writers);
  expect(worker.slot(readers)).toBe(slot);
  slot.prefetch();
  const ends = [slot.retain(), slot.retain()];
  const lease = await slot.open();
  expect(sent('acquire')).toEqual([
    { run: 'r1', key: expect.stringMatching(/^3:[0-9a-f]{8}:1$/), isolation: 'reset', shared: false },
  ]);
  expect(lease.view(writers).pool().options.user).toBe('pt_shop_app');
  expect(lease.view(readers).pool().options.user).toBe('pt_shop_readonly');
  expect(lease.view(readers).pool().options.max).toBe(4);

  await ends[0]?.();
  expect(sent('release')).toEqual([]);
  await ends[1]?.();
  await ends[1]?.();
  expect(sent('release')).toEqual([
    { run: 'r1', name: 'pt_1', reuse: true, sessions: [], failed: false, keep: false },
  ]);
  await release();
  await vi.waitFor(() => expect(host?.connections()).toBe(0), 20_000);
});

test('a role is its test login, with the token fetched when pg connects and verified TLS', async () => {
  const worker = await open();
  const { database } = (await worker.slot(settings()).open()).view(settings());
  const config = database.as('shop_readonly');
  expect(config).toMatchObject({ user: 'pt_shop_readonly', database: 'pt_1' });
  expect(config.ssl).toMatchObject({ ca: ['-----BEGIN CERTIFICATE-----'] });
  expect(sent('token')).toHaveLength(0);
  expect(await (config.password as () => Promise<string>)()).toBe('a-token');
  expect(sent('token')).toEqual([{ user: 'pt_shop_readonly' }]);
});

test.each(['shop_admin', 'pt_shop_app', 'toString', ''])(
  'the role %j is refused with those that exist',
  async (role) => {
    const worker = await open();
    const { database } = (await worker.slot(settings()).open()).view(settings());
    const refused = {
      name: 'PosternVitestError',
      code: 'VITEST_ROLE_UNKNOWN',
      kind: 'invalid',
      message: expect.stringContaining('declares shop_app, shop_readonly.'),
    };
    expect(() => database.as(role)).toThrow(expect.objectContaining(refused));
    await expect(database.url(role)).rejects.toMatchObject(refused);
  },
);

test('without exactly one role that writes, the role must be named; a service without roles is told so', async () => {
  const worker = await open({ acquire: acquired('pt_1', { roles: {}, defaultRole: undefined }) });
  const view = (await worker.slot(settings()).open()).view(settings());
  expect(() => view.pool()).toThrow(expect.objectContaining({ code: 'VITEST_ROLE_NEEDED' }));
  expect(() => view.database.as('shop_app')).toThrow('database/database.ts declares no roles.');
});

test('slots and runs keep their database until the run ends; a failed one goes to whoever wants to look', async () => {
  const worker = await open({
    ...usual,
    release: { result: { willReset: false, kept: true, keptMs: 60_000 } },
  });
  for (const [scope, key] of [
    ['worker', '3'],
    ['run', 'run'],
  ] as const) {
    const slot = worker.slot(settings({ scope }));
    const end = slot.retain();
    await slot.open();
    expect(sent('acquire').at(-1)).toMatchObject({ key, shared: true });
    await end();
  }
  expect(sent('release')).toEqual([]);

  // Others may be using it.
  const shared = settings({ scope: 'run', keep: 'always' });
  const slotOfRun = worker.slot(shared);
  const endOfRun = slotOfRun.retain();
  await slotOfRun.open();
  slotOfRun.note(shared, true);
  await endOfRun();
  expect(sent('release')).toEqual([]);

  const failing = settings({ scope: 'worker', keep: 'on-failure' });
  const slot = worker.slot(failing);
  const end = slot.retain();
  await slot.open();
  slot.note(failing, true);
  const report = await end();
  expect(sent('release')).toMatchObject([{ failed: true, keep: true }]);
  expect(report?.kept).toMatchObject({ database: 'pt_1', open: 'psql "$(npx postern-url pt_1)"' });
});

test('each test has a database of its own, the next one is fetched meanwhile, and none is left over', async () => {
  let count = 0;
  const worker = await open({ ...usual, acquire: () => acquired(`pt_${++count}`) });
  const each = settings({ scope: 'test', isolation: 'clone' });
  const release = worker.retain();
  const first = await worker.next(each);
  await vi.waitFor(() => expect(sent('acquire')).toHaveLength(2), 20_000);
  const second = await worker.next(each);
  expect([first.name, second.name]).toEqual(['pt_1', 'pt_2']);
  await vi.waitFor(() => expect(sent('acquire')).toHaveLength(3), 20_000);
  const keys = sent('acquire').map((params) => (params as { key: string }).key);
  expect(new Set(keys).size).toBe(3);
  expect(keys.map((key) => key.split(':')[0])).toEqual(['3.1', '3.0', '3.1']);

  await Promise.all([first, second].map((lease) => lease.end({ failed: false, keep: false })));
  await release();
  expect(sent('release').map((params) => (params as { name: string }).name)).toEqual([
    'pt_1',
    'pt_2',
    'pt_3',
  ]);
  expect(sent('release')).toEqual(Array(3).fill(expect.objectContaining({ reuse: false })));
});

test('what was fetched ahead and not used goes back, also where files share the process', async () => {
  const worker = await open(usual, true);
  worker.slot(settings()).prefetch();
  await worker.retain()();
  expect(sent('release')).toHaveLength(1);
  expect(host?.connections()).toBe(1);
  expect(worker.slot(settings()).users).toBe(0);
});

test('a database that cannot be had is said to whoever asks, and asked for again by the next', async () => {
  let answer: { result: unknown } | { error: { name: string; message: string; code: string } } = {
    error: { name: 'ConnectError', message: 'Run r1 has been released.', code: 'CONNECT_RUN_UNKNOWN' },
  };
  const worker = await open({ ...usual, acquire: () => answer });
  const slot = worker.slot(settings());
  slot.prefetch();
  await expect(slot.open()).rejects.toMatchObject({ code: 'CONNECT_RUN_UNKNOWN' });
  answer = acquired();
  expect((await slot.open()).name).toBe('pt_1');
});

test('a seed is filled in by one and cloned by all; one that throws leaves no branch', async () => {
  let branches: { result: unknown }[] = [
    { result: { status: 'build', ...(acquired('pt_9').result as object) } },
  ];
  const worker = await open({
    ...usual,
    branch: () => branches.shift() as { result: unknown },
    failBranch: { result: {} },
    sealBranch: { result: { branch: 'b1' } },
  });
  const fill = vi.fn();
  const seed = defineSeed('tenants', fill);
  fill.mockRejectedValueOnce(new RangeError('no such luck'));
  await expect(worker.slot(settings({ seed })).open()).rejects.toMatchObject({
    code: 'VITEST_SEED_FAILED',
    message: 'The seed "tenants" failed: no such luck',
    cause: expect.any(RangeError),
  });
  const key = expect.stringMatching(/^[0-9a-f]{64}$/);
  expect(sent('failBranch')).toEqual([{ run: 'r1', key, name: 'pt_9' }]);

  branches = [{ result: { status: 'build', ...(acquired('pt_9').result as object) } }];
  await worker.slot(settings({ seed })).open();
  await worker.slot(settings({ seed, scope: 'worker' })).open(); // asks for no branch again
  expect(fill.mock.calls[1]?.[0].database.name).toBe('pt_9');
  expect(sent('sealBranch')).toEqual([{ run: 'r1', key, name: 'pt_9' }]);
  expect(sent('acquire')).toEqual(Array(2).fill(expect.objectContaining({ branch: 'b1' })));

  await Promise.all([worker.close(), host?.close()]);
  const other = await open({ ...usual, branch: { result: { status: 'ready', branch: 'b1' } } });
  await other.slot(settings({ seed, isolation: 'clone' })).open();
  expect(fill).toHaveBeenCalledTimes(2);
});

test("another service's database comes and goes with the file's own", async () => {
  const worker = await open({
    ...usual,
    acquire: (params: { database?: string }) =>
      params.database === undefined ? acquired() : acquired('pt_2', { run: 'r2', database: 'stock' }),
  });
  const slot = worker.slot(settings());
  const end = slot.retain();
  const view = (await slot.open()).view(settings());
  const [one, two] = await Promise.all([view.other('stock'), view.other('stock')]);
  expect([one.name, two.name]).toEqual(['pt_2', 'pt_2']);
  expect(sent('acquire')).toHaveLength(2);
  await end();
  expect(sent('release')).toMatchObject([
    { run: 'r2', name: 'pt_2' },
    { run: 'r1', name: 'pt_1' },
  ]);
});
