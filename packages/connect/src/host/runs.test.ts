import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { artifact, type Call, connection, endRuns, fixture } from '../../test/fixtures/runs.ts';
import type { AcquiredDatabase } from './run-types.ts';

const bound = { timeout: 20_000, interval: 5 };

// What clones and resets cost decides between them; here nothing takes time unless a test says so.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(async () => {
  vi.useRealTimers();
  await endRuns();
});

const counts = (calls: Call[]): unknown[] =>
  calls.filter(({ action }) => action === 'prepare').map(({ first, count }) => [first ?? 1, count]);

it('makes one database first, so that the first file does not wait for the others', async () => {
  const { prepare, calls, events } = fixture();
  expect(await prepare()).toMatchObject({ created: 1, databases: ['aaaaaaaa_run0_1'] });
  expect(counts(calls)[0]).toEqual([1, 1]);
  await vi.waitFor(() => {
    const made = events
      .filter(({ phase }) => phase === 'pool')
      .map((event) => event.counts?.['databases'] ?? 0);
    expect(made.reduce((sum, each) => sum + each, 1)).toBe(4); // workers + 2
  }, bound);
});

it('gives a worker what it needs to connect, and how many connections it may have', async () => {
  const { prepare, acquire } = fixture(40);
  // 4 reset sessions, the lease and the function are the run's own: 34 are left for 2 workers, who want 10 each.
  const { run, connections } = await prepare({ sessionsPerWorker: 30 });
  expect(connections).toMatchObject({ perWorker: 17, host: 6 });
  expect(await acquire(run, '1')).toMatchObject({
    run,
    database: 'ledger',
    roles: { ledger_app: 'pt_app', ledger_reader: 'pt_reader' },
    defaultRole: 'ledger_app',
    origin: 'clone',
    maxConnections: 17,
  });
});

it('refuses with the arithmetic when the server has too few connections, and leaves nothing', async () => {
  const { prepare, runs, calls, leases } = fixture(9);
  await expect(prepare()).rejects.toMatchObject({
    code: 'CONNECT_CONNECTIONS',
    kind: 'unavailable',
    message: expect.stringMatching(/max_connections 12 - 3 reserved.*6 of its own \+ 2 workers x 2 = 10/),
    hint: expect.stringContaining('maxWorkers'),
  });
  expect(calls.at(-1)).toMatchObject({ action: 'drop', run: 'run0' });
  expect({ runs: runs.count, leases: leases.size }).toEqual({ runs: 0, leases: 0 });
});

it('gives a key the same database until it is released, and then preferably that one again', async () => {
  const { runs, prepare, acquire, owner, resets } = fixture();
  const { run } = await prepare();
  const first = await acquire(run, '1');
  expect((await acquire(run, '1')).name).toBe(first.name);
  expect((await acquire(run, '2')).name).not.toBe(first.name);
  expect(runs.giveBack({ run, name: first.name, sessions: [11, 12] }, owner)).toEqual({ willReset: true });
  expect(await runs.settled(run, first.name)).toMatchObject({ status: 'reset', tables: 2, sequences: 1 });
  expect(resets).toEqual([`${first.name} 11,12`]);
  expect(await acquire(run, '1:abc:2')).toMatchObject({ name: first.name, origin: 'reset' });
});

it('does not let a hanging reset hold up who comes next, or the end of the run', async () => {
  const { runs, prepare, acquire, owner, outcome } = fixture();
  outcome.current = 'hangs';
  const { run } = await prepare();
  const first = await acquire(run, '1');
  runs.giveBack({ run, name: first.name }, owner);
  const next = await acquire(run, '1');
  expect(next.name).not.toBe(first.name);
  await runs.release(run);
  expect(runs.count).toBe(0);
});

it('tells why a database was not reset, and gives another one', async () => {
  const { runs, prepare, acquire, owner, outcome, events } = fixture();
  outcome.current = 'ddl';
  const { run } = await prepare();
  const { name } = await acquire(run, '1');
  runs.giveBack({ run, name }, owner);
  expect(await runs.settled(run, name)).toMatchObject({ status: 'discard', reason: 'ddl' });
  await vi.waitFor(
    () =>
      expect(events).toContainEqual(
        expect.objectContaining({ phase: 'reset', database: name, reason: 'ddl' }),
      ),
    bound,
  );
  expect((await acquire(run, '1')).name).not.toBe(name);
});

it('takes back what a dead worker had, resets it, and leaves what others have and what is shared', async () => {
  const { runs, prepare, acquire, resets, released } = fixture();
  const [worker, other] = [connection(), connection()];
  const { run } = await prepare();
  const mine = await acquire(run, '1', worker);
  const theirs = await acquire(run, '2', other);
  const shared = await runs.acquire({ run, key: 'all', isolation: 'reset', shared: true }, worker);
  worker.leave();
  await runs.releaseOf(worker);
  expect(released).toEqual([mine.name]);
  await vi.waitFor(() => expect(resets).toEqual([mine.name]), bound);
  expect((await acquire(run, '2', other)).name).toBe(theirs.name);
  expect(await runs.acquire({ run, key: 'all', isolation: 'reset', shared: true }, other)).toMatchObject({
    name: shared.name,
  });
});

it('takes back what a worker gets that died while it waited', async () => {
  const { runs, prepare, acquire, fail } = fixture();
  const { run } = await prepare({ workers: 1, pool: { depth: 1 } });
  const first = await acquire(run, '1');
  const worker = connection();
  const waiting = acquire(run, '2', worker);
  worker.leave();
  await runs.releaseOf(worker);
  await expect(waiting).rejects.toThrow('gone');
  expect(fail.action).toBeUndefined();
  expect((await acquire(run, '1')).name).toBe(first.name);
});

it('passes over a release by somebody who does not have the database', async () => {
  const { runs, prepare, acquire, owner, resets } = fixture();
  const [worker, other] = [connection(), connection()];
  const { run } = await prepare();
  const { name } = await acquire(run, '1', worker);
  expect(runs.giveBack({ run, name, keep: true }, other)).toEqual({ willReset: false });
  expect(runs.kept.get(name)).toBeUndefined();
  expect(runs.giveBack({ run, name: 'unheard_of', keep: true }, worker)).toEqual({ willReset: false });
  expect(resets).toEqual([]);
  expect(runs.giveBack({ run, name }, owner)).toEqual({ willReset: true }); // the client of the run may
});

it('keeps three failed databases of a run over its end, and drops them when their time is over', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  try {
    const { runs, prepare, acquire, owner, calls, over, released } = fixture();
    const { run } = await prepare({ workers: 5 });
    const names: string[] = [];
    for (const key of ['1', '2', '3', '4']) {
      const { name } = await acquire(run, key);
      names.push(name);
      const kept = key !== '4';
      expect(runs.giveBack({ run, name, keep: true, keepMs: 60_000 }, owner)).toEqual(
        kept ? { willReset: false, kept, keptMs: 60_000 } : { willReset: true, kept },
      );
    }
    const kept = names.slice(0, 3);
    expect(runs.kept.remainingMs()).toBeGreaterThan(59_000);
    await runs.release(run);
    expect(calls.at(-1)).toMatchObject({ action: 'drop', run, keep: kept });
    expect(over).toEqual([]);
    expect(runs.find(kept[0] as string)).toMatchObject({ run, defaultRole: 'ledger_app' });
    await vi.advanceTimersByTimeAsync(60_001);
    expect(released).toEqual([names[3], ...kept]);
    expect(over).toEqual([run]);
    expect(calls.slice(-3)).toEqual(kept.map((name) => ({ action: 'drop', run, databases: [name] })));
    expect(runs.kept.remainingMs()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

it('builds a branch once, and its clones are reset to the branch', async () => {
  const { runs, prepare, calls } = fixture();
  const [builder, waiting] = [connection(), connection()];
  const { run } = await prepare();
  const building = await runs.branch({ run, key: 'seed' }, builder);
  expect(building).toMatchObject({ status: 'build', defaultRole: 'ledger_app' });
  const { name } = building as AcquiredDatabase & { status: string };
  const other = runs.branch({ run, key: 'seed' }, waiting);
  const { branch } = await runs.sealBranch({ run, key: 'seed', name });
  expect(await other).toEqual({ status: 'ready', branch });
  expect(calls.find(({ action }) => action === 'branch')).toMatchObject({ run, hash: branch, from: name });
  const acquired = await runs.acquire({ run, key: '1', isolation: 'reset', branch }, waiting);
  expect(acquired.name).toBe(`${branch.slice(0, 8)}_${run}_1`);
  expect(calls.find(({ from, action }) => action === 'prepare' && from === name)).toMatchObject({
    hash: branch,
  });
});

it('gives the branch of a builder that died to the next, and nobody the half-filled database', async () => {
  const { runs, prepare, acquire, resets } = fixture();
  const [builder, next] = [connection(), connection()];
  const { run } = await prepare();
  const building = (await runs.branch({ run, key: 'seed' }, builder)) as AcquiredDatabase;
  const waiting = runs.branch({ run, key: 'seed' }, next);
  builder.leave();
  await runs.releaseOf(builder);
  const again = (await waiting) as AcquiredDatabase & { status: string };
  expect(again.status).toBe('build');
  await vi.waitFor(() => expect(resets).toContain(building.name), bound);
  runs.failBranch({ run, key: 'seed', name: again.name });
  expect(await runs.settled(run, again.name)).toMatchObject({ status: 'discard', reason: 'asked' });
  await expect(runs.acquire({ run, key: '1', branch: 'never' }, next)).rejects.toMatchObject({
    code: 'CONNECT_BRANCH_UNKNOWN',
  });
  await expect(acquire(run, '1', next)).resolves.toBeDefined();
});

it('does not let anybody wait for what a run would have had that is over', async () => {
  const { runs, prepare, acquire } = fixture();
  const [builder, waiting] = [connection(), connection()];
  const { run } = await prepare({ workers: 1, pool: { depth: 1 } });
  await runs.branch({ run, key: 'seed' }, builder);
  const late = [runs.branch({ run, key: 'seed' }, waiting), acquire(run, '9', waiting)];
  const settled = Promise.allSettled(late);
  await runs.release(run);
  const closed = { status: 'rejected', reason: { code: 'CONNECT_RUN_UNKNOWN' } };
  expect((await settled)[0]).toMatchObject(closed);
  expect(runs.giveBack({ run, name: 'any' }, waiting)).toEqual({ willReset: false });
});

it('opens a run of another declared database once, and it ends with the one beside it', async () => {
  const { runs, prepare, calls, owner, leases } = fixture();
  const { run } = await prepare();
  const ask = (key: string): Promise<AcquiredDatabase> =>
    runs.acquire({ run, key, isolation: 'reset', database: 'billing' }, owner);
  const [one, two] = await Promise.all([ask('1'), ask('2')]);
  expect(one).toMatchObject({ database: 'billing', defaultRole: 'billing_app', run: two.run });
  expect(one.run).not.toBe(run);
  expect(runs.giveBack({ run, name: one.name }, owner)).toEqual({ willReset: true });
  expect(await runs.settled(run, one.name)).toMatchObject({ status: 'reset' });
  await expect(
    runs.acquire({ run, key: '1', isolation: 'reset', database: 'nope' }, owner),
  ).rejects.toMatchObject({ code: 'CONNECT_DATABASE_UNKNOWN' });
  await runs.release(run);
  const dropped = calls.filter(({ action, databases }) => action === 'drop' && databases === undefined);
  expect(dropped.map((call) => call['run']).sort()).toEqual([run, one.run].sort());
  expect(leases.size).toBe(0);
});

it('does not bring down the host when another database cannot be opened while the run is released', async () => {
  const { runs, prepare, before, fail, owner } = fixture();
  const { run } = await prepare();
  let goOn: () => void = () => undefined;
  const dropping = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  before.call = (call) => (call.action === 'drop' && call['run'] === run ? dropping : undefined);
  fail.action = 'prepare';
  const asking = runs.acquire({ run, key: '1', isolation: 'reset', database: 'billing' }, owner);
  const releasing = runs.release(run);
  await expect(asking).rejects.toThrow('prepare failed');
  await new Promise((resolve) => setImmediate(resolve)); // Node has seen by now what nobody handles
  goOn();
  await releasing;
});

it('sweeps once what dead machines have left on a cluster, behind its own first databases', async () => {
  const { prepare, calls } = fixture(1_000, 'aws');
  await prepare();
  await vi.waitFor(() => expect(calls.at(-1)).toEqual({ action: 'sweep' }), bound);
  await prepare();
  expect(calls.filter(({ action }) => action === 'sweep')).toHaveLength(1);
  expect(calls.findLastIndex(({ run }) => run === 'run0')).toBeLessThan(
    calls.findIndex(({ action }) => action === 'sweep'),
  );
});

it('stays over a refresh while the template is the same, and all of it is reset', async () => {
  const { runs, prepare, acquire, resets, released } = fixture();
  const { run } = await prepare();
  const own = await acquire(run, '1');
  const shared = await runs.acquire({ run, key: 'all' }, connection());
  expect(await runs.refresh(run, artifact())).toMatchObject({ run, changed: false });
  expect(released.sort()).toEqual([own.name, shared.name].sort());
  await vi.waitFor(() => expect(resets.sort()).toEqual([own.name, shared.name].sort()), bound);
});

it('does not pile up what former reruns have seeded, however long somebody watches', async () => {
  const { runs, prepare, calls, owner } = fixture();
  const { run } = await prepare();
  const sources: string[] = [];
  for (let rerun = 0; rerun < 12; rerun++) {
    const worker = connection();
    const { name } = (await runs.branch({ run, key: 'seed' }, worker)) as AcquiredDatabase & {
      status: string;
    };
    const { branch } = await runs.sealBranch({ run, key: 'seed', name });
    sources.push(name);
    const acquired = await runs.acquire({ run, key: '1', isolation: 'reset', branch }, worker);
    runs.giveBack({ run, name: acquired.name }, owner);
    await runs.refresh(run, artifact());
    await expect(runs.acquire({ run, key: '1', branch }, worker)).rejects.toMatchObject({
      code: 'CONNECT_BRANCH_UNKNOWN',
    });
  }
  await vi.waitFor(() => {
    const dropped = calls.flatMap((call) => (call.action === 'drop' ? (call.databases ?? []) : []));
    expect(dropped.slice(0, 2)).toEqual([sources[0], expect.stringMatching(/_1$/)]);
    const { ready, kept, discarded } = runs.statistics()[run] as Record<string, number>;
    expect({ ready, kept, discarded }).toEqual({ ready: 4, kept: 0, discarded: 20 });
  }, bound);
});

it('waits for the database that is being reset only with whoever still has sessions in it', async () => {
  const { runs, prepare, acquire, outcome } = fixture();
  const { run } = await prepare();
  await vi.waitFor(() => expect(runs.statistics()[run]).toMatchObject({ ready: 4 }), bound);
  outcome.current = 'hangs';
  const [former, next] = [connection(), connection()];
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  try {
    const first = await acquire(run, '1', former);
    runs.giveBack({ run, name: first.name }, former);
    const second = await acquire(run, '1', next);
    expect(second.name).not.toBe(first.name);
    runs.giveBack({ run, name: second.name }, next);
    let third: AcquiredDatabase | undefined;
    const waiting = acquire(run, '1', next).then((acquired) => {
      third = acquired;
    });
    await acquire(run, '2', next);
    expect(third).toBeUndefined();
    vi.advanceTimersByTime(10_000);
    await waiting;
    expect(third?.name).not.toBe(second.name);
  } finally {
    vi.useRealTimers();
  }
});

it('becomes another run when migrations have changed, and stays when the new ones fail', async () => {
  const { runs, prepare, fail, owner } = fixture();
  const { run } = await prepare();
  fail.action = 'prepare';
  await expect(runs.refresh(run, artifact('c'))).rejects.toThrow('prepare failed');
  delete fail.action;
  await expect(runs.acquire({ run, key: '1' }, owner)).resolves.toBeDefined();
  const refreshed = await runs.refresh(run, artifact('c'));
  expect(refreshed).toMatchObject({ changed: true, prepared: { templateHash: 'c'.repeat(64) } });
  await expect(runs.acquire({ run, key: '1' }, owner)).rejects.toMatchObject({ code: 'CONNECT_RUN_UNKNOWN' });
  await runs.releaseOf(owner);
  expect(runs.count).toBe(0);
});
