import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type DatabasePool, openPool, type PoolEvent, type PoolOptions } from '../../src/index.ts';
import { ddl, FakeBackend, turn } from './fake-backend.ts';

const open = (options: Partial<PoolOptions> = {}): { pool: DatabasePool; backend: FakeBackend } => {
  const backend = new FakeBackend();
  return { backend, pool: openPool({ backend, workers: 2, producers: 1, ...options }) };
};
/** Settles clones until none is wanted. */
const fill = async (backend: FakeBackend): Promise<void> => {
  while (backend.count('clone') > 0) {
    backend.first('clone').succeed();
    await turn();
  }
};
const take = async (pool: DatabasePool, key = 'worker 1'): Promise<string> =>
  (await pool.acquire({ key })).name;
const state = async (promise: Promise<unknown>): Promise<string> => {
  let result = 'pending';
  promise.then(
    () => {
      result = 'fulfilled';
    },
    () => {
      result = 'rejected';
    },
  );
  await turn();
  return result;
};

// What clones and resets cost decides between them; here nothing takes time unless a test says so.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('filling', () => {
  test('the first database is made alone, so that the first file waits for one clone only', async () => {
    const { pool, backend } = open({ batch: 4 });
    expect(backend.first('clone')).toMatchObject({ first: 1, count: 1 });
    backend.first('clone').succeed();
    await turn();
    expect(backend.first('clone')).toMatchObject({ first: 2, count: 3 });
    await fill(backend);
    expect(pool.statistics()).toMatchObject({ ready: 4, cloning: 0, totals: { cloned: 4 } });
  });

  test('what prepare has made already is handed out, and the numbers go on from there', async () => {
    const { pool, backend } = open({ initial: ['a', 'b'] });
    expect(backend.first('clone')).toMatchObject({ first: 3, count: 1 });
    expect(await pool.acquire({ key: 'x' })).toMatchObject({ name: 'a', origin: 'clone' });
    await fill(backend);
  });

  test('databases that will be reset count, so a suite does not clone one for every file', async () => {
    const { pool, backend } = open();
    await fill(backend);
    for (let file = 0; file < 20; file++) {
      const name = await take(pool);
      await fill(backend);
      const { done } = pool.release(name);
      backend.first('reset').succeed();
      await done;
    }
    expect(pool.statistics().totals).toMatchObject({ acquired: 20, reset: 20, cloned: 4 });
  });

  test('as many producers work at a time as were asked for', async () => {
    const { backend } = open({ workers: 6, producers: 2 });
    backend.first('clone').succeed();
    await turn();
    expect(backend.count('clone')).toBe(2);
  });
});

describe('who waits', () => {
  test('is served in the order of asking', async () => {
    const { pool, backend } = open();
    const order: string[] = [];
    const all = ['a', 'b', 'c'].map((key) => pool.acquire({ key }).then(() => order.push(key)));
    await fill(backend);
    await Promise.all(all);
    expect(order).toEqual(['a', 'b', 'c']);
  });

  test('gets the database back that the same worker had, with its connections still open', async () => {
    const { pool, backend } = open();
    await fill(backend);
    const [one, two] = [await take(pool, 'one'), await take(pool, 'two')];
    const first = pool.release(one).done;
    const second = pool.release(two).done;
    for (const call of [...backend.pending]) call.succeed();
    await Promise.all([first, second]);
    expect(await take(pool, 'two')).toBe(two);
    expect(await take(pool, 'one')).toBe(one);
  });

  test('waits a moment for its own database rather than connecting to another one, if it has sessions there', async () => {
    const { pool, backend } = open();
    await fill(backend);
    const own = await take(pool);
    pool.release(own);
    const next = pool.acquire({ key: 'worker 1', waitForOwn: true });
    expect(await state(next)).toBe('pending');
    expect(pool.statistics().ready).toBe(3);
    backend.first('reset').succeed();
    expect(await next).toMatchObject({ name: own, origin: 'reset' });
    pool.release(own);
    expect((await pool.acquire({ key: 'worker 1' })).name).not.toBe(own);
  });

  test('does not wait for its own database when its reset takes long', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    const { pool, backend } = open();
    await fill(backend);
    const own = await take(pool);
    pool.release(own);
    const next = pool.acquire({ key: 'worker 1', waitForOwn: true });
    expect(await state(next)).toBe('pending');
    vi.advanceTimersByTime(100);
    expect((await next).name).not.toBe(own);
  });

  test('gets another one when its own turns out to be beyond reset', async () => {
    const { pool, backend } = open();
    await fill(backend);
    const own = await take(pool);
    const { done } = pool.release(own);
    const next = pool.acquire({ key: 'worker 1', waitForOwn: true });
    backend.first('reset').succeed(ddl);
    expect(await done).toEqual(ddl);
    expect((await next).name).not.toBe(own);
  });

  test('with isolation clone never gets a database that somebody had', async () => {
    const { pool, backend } = open({ workers: 1, depth: 1 });
    await fill(backend);
    const name = await take(pool);
    const { done } = pool.release(name);
    backend.first('reset').succeed();
    await done;
    await fill(backend);
    const strict = pool.acquire({ key: 'worker 1', isolation: 'clone' });
    await fill(backend);
    const fresh = await strict;
    expect(fresh).toMatchObject({ origin: 'clone' });
    expect(fresh.name).not.toBe(name);
    const released = pool.release(fresh.name);
    expect(released.will).toBe('discard');
    expect(await released.done).toMatchObject({ reason: 'asked' });
  });

  test('for a branch gets a database of that branch', async () => {
    const { pool, backend } = open();
    await fill(backend);
    const wanted = pool.acquire({ key: 'a', branch: 'orders' });
    expect(backend.first('clone')).toMatchObject({ branch: 'orders', first: 1, count: 1 });
    await fill(backend);
    expect(await wanted).toMatchObject({ name: 'orders_1' });
    const { done } = pool.release('orders_1');
    backend.first('reset').succeed();
    await done;
    expect(await take(pool)).toMatch(/^template_/);
    expect(await pool.acquire({ key: 'b', branch: 'orders' })).toMatchObject({
      name: 'orders_1',
      origin: 'reset',
    });
  });

  test('for a branch that was forgotten is refused, and all of it is dropped: each rerun makes another', async () => {
    const { pool, backend } = open({ workers: 1, maxDiscarded: 0 });
    await fill(backend);
    const source = await take(pool);
    pool.release(source, { kept: true });
    const some = ['x', 'y', 'z'].map((key) => pool.acquire({ key, branch: 'old' }));
    await fill(backend);
    const [first = '', second = '', third = ''] = (await Promise.all(some)).map(({ name }) => name);
    const resetting = pool.release(first).done;
    pool.release(second);
    backend.first('reset').succeed();
    await resetting;
    const late = pool.acquire({ key: 'w', branch: 'old', isolation: 'clone' });
    pool.forgetBranch('old', source);
    await expect(late).rejects.toMatchObject({ code: 'TESTDB_BRANCH_INVALID' });
    await expect(pool.acquire({ key: 'w', branch: 'old' })).rejects.toThrow('forgotten');
    expect(await pool.release(third).done).toMatchObject({ status: 'discard', reason: 'asked' });
    for (let call = backend.pending[0]; call; call = backend.pending[0]) {
      call.succeed();
      await turn();
    }
    const { discarded, kept, totals } = pool.statistics();
    expect({ discarded, kept, dropped: totals.dropped }).toEqual({ discarded: 0, kept: 0, dropped: 5 });
  });

  test('and is cancelled gets its reason, and what was made for it goes to the next', async () => {
    const { pool, backend } = open();
    const reason = new Error('enough');
    const controller = new AbortController();
    const waiting = pool.acquire({ key: 'a', signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(pool.acquire({ key: 'a', signal: controller.signal })).rejects.toBe(reason);
    expect(pool.statistics().waiting).toBe(0);
    const next = pool.acquire({ key: 'b' });
    await fill(backend);
    expect(await next).toMatchObject({ name: 'template_1' });
  });
});

describe('when nothing can be cloned', () => {
  test('who waits gets the error, and the next one to ask tries again with the same number', async () => {
    const { pool, backend } = open();
    const failure = new Error('disk full');
    const waiting = [pool.acquire({ key: 'a' }), pool.acquire({ key: 'b' })];
    backend.first('clone').fail(failure);
    for (const one of waiting) await expect(one).rejects.toBe(failure);
    await turn();
    expect(backend.pending).toEqual([]);
    const next = pool.acquire({ key: 'a' });
    expect(backend.first('clone')).toMatchObject({ first: 1 });
    await fill(backend);
    expect(await next).toMatchObject({ name: 'template_1' });
  });

  test('who waits for a reset gets what it brings', async () => {
    const { pool, backend } = open({ initial: ['a'] });
    const name = await take(pool, 'x');
    pool.release(name);
    const waiting = pool.acquire({ key: 'y' });
    const inVain = pool.acquire({ key: 'z' });
    backend.first('clone').fail(new Error('disk full'));
    await expect(inVain).rejects.toThrow('disk full');
    backend.first('reset').succeed();
    expect(await waiting).toMatchObject({ name });
  });

  test('who waits for a reset that fails gets the error of the clone', async () => {
    const { pool, backend } = open({ initial: ['a'] });
    pool.release(await take(pool, 'x'));
    const waiting = pool.acquire({ key: 'y' });
    const failed = expect(waiting).rejects.toThrow('disk full');
    backend.first('clone').fail(new Error('disk full'));
    await turn();
    backend.first('reset').fail(new Error('connection lost'));
    await failed;
    expect(pool.statistics()).toMatchObject({ discarded: 1, totals: { discards: { failed: 1 } } });
  });

  test('a backend that names a database twice is refused: two holders would be worse', async () => {
    const { pool } = open({
      initial: ['a'],
      backend: {
        ...new FakeBackend(),
        clone: async () => ['a'],
        reset: async () => ddl,
        drop: async () => {},
      },
      depth: 0,
    });
    await take(pool);
    await expect(take(pool)).rejects.toMatchObject({ code: 'TESTDB_NAME_TAKEN' });
  });
});

describe('what is given back', () => {
  test('twice is refused, since somebody else may have it by now', async () => {
    const { pool, backend } = open();
    await fill(backend);
    const name = await take(pool);
    pool.release(name);
    expect(() => pool.release(name)).toThrow(expect.objectContaining({ code: 'TESTDB_NOT_TAKEN' }));
    expect(() => pool.release('other')).toThrow(expect.objectContaining({ code: 'TESTDB_NOT_TAKEN' }));
  });

  test('keeps the sessions that are named', async () => {
    const { pool, backend } = open();
    await fill(backend);
    pool.release(await take(pool), { keepSessions: [17] });
    expect(backend.first('reset').keep).toEqual([17]);
  });

  test('to be kept is never handed out and never dropped', async () => {
    const { pool, backend } = open({ workers: 1, maxDiscarded: 0 });
    await fill(backend);
    const released = pool.release(await take(pool), { kept: true });
    expect(released.will).toBe('keep');
    expect(await released.done).toEqual({ status: 'kept' });
    await fill(backend);
    expect(pool.statistics()).toMatchObject({ kept: 1, discarded: 0, ready: 3 });
    expect(backend.pending).toEqual([]);
  });

  test('often enough is replaced', async () => {
    const { pool, backend } = open({ maxResets: 2, workers: 1, depth: 1 });
    await fill(backend);
    for (let round = 0; round < 2; round++) {
      const { done } = pool.release(await take(pool));
      backend.first('reset').succeed();
      await done;
    }
    expect(await pool.release(await take(pool)).done).toMatchObject({ reason: 'worn' });
  });

  test('is not reset where a clone is cheaper, which says so in numbers; now and then it is tried again', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const events: PoolEvent[] = [];
    const { pool, backend } = open({ onEvent: (event) => events.push(event), workers: 1 });
    const clones = async (): Promise<void> => {
      while (backend.count('clone') > 0) {
        vi.advanceTimersByTime(10);
        backend.first('clone').succeed();
        await turn();
      }
    };
    await clones();
    const outcomes: string[] = [];
    for (let round = 0; round < 20; round++) {
      const { will, done } = pool.release(await take(pool));
      outcomes.push(will);
      if (will === 'reset') {
        vi.advanceTimersByTime(50);
        backend.first('reset').succeed();
      }
      await done;
      await clones();
    }
    expect(outcomes.slice(0, 4)).toEqual(['reset', 'reset', 'reset', 'discard']);
    expect(outcomes.slice(3).filter((will) => will === 'reset')).toHaveLength(1);
    expect(events).toContainEqual(expect.objectContaining({ type: 'strategy', strategy: 'clone' }));
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'released',
        outcome: expect.objectContaining({
          reason: 'slower',
          detail: 'a reset takes 50.0 ms and 0 % of them fail, a clone takes 10.0 ms',
        }),
      }),
    );
  });
});

describe('dropping', () => {
  const discardMany = async (pool: DatabasePool, backend: FakeBackend, count: number): Promise<void> => {
    for (let round = 0; round < count; round++) {
      const acquiring = pool.acquire({ key: 'a' });
      if (backend.count('clone') > 0) backend.first('clone').succeed();
      pool.release((await acquiring).name, { reuse: false });
    }
  };

  test('waits until there is nothing else to do', async () => {
    const { pool, backend } = open({ maxDiscarded: 3, workers: 1 });
    await discardMany(pool, backend, 5);
    expect(backend.count('clone')).toBe(1);
    expect(backend.count('drop')).toBe(0);
    await fill(backend);
    expect(backend.first('drop').names).toEqual(['template_1']);
    backend.first('drop').succeed();
    await turn();
    backend.first('drop').fail(new Error('no'));
    await pool.idle();
    expect(backend.pending).toEqual([]);
    expect(pool.statistics()).toMatchObject({ discarded: 4, totals: { dropped: 1 } });
  });

  test('does not wait for ever: disks are finite', async () => {
    const { pool, backend } = open({ maxDiscarded: 3, workers: 1 });
    await discardMany(pool, backend, 7);
    expect(backend.count('clone')).toBe(1);
    expect(backend.first('drop').names).toEqual(['template_1']);
    const large = open({ databaseBytes: 100 * 2 ** 20, workers: 1 });
    await discardMany(large.pool, large.backend, 5);
    expect(large.backend.count('drop')).toBe(1);
  });

  test('gives its number back, so that a run that lasts for days does not run out of them', async () => {
    const { pool, backend } = open({ maxDiscarded: 0, workers: 1, depth: 0, batch: 1000 });
    const used: string[] = [];
    const names = new Set<string>();
    for (let round = 0; round < 9_100; round++) {
      const acquiring = take(pool);
      if (backend.count('clone') > 0) backend.first('clone').succeed();
      const name = await acquiring;
      names.add(name);
      used.push(name);
      pool.release(name, { reuse: false });
      await turn();
      while (backend.count('drop') > 0) {
        backend.first('drop').succeed();
        await turn();
      }
    }
    expect(used).toHaveLength(9_100);
    expect(names.size).toBe(9_000);
    expect(used.at(-1)).toBe('template_100');
  });
});

describe('closing', () => {
  test('rejects who waits, lets finish what is under way, and drops nothing', async () => {
    const { pool, backend } = open();
    await fill(backend);
    const held = await take(pool);
    pool.release(await take(pool));
    const waiting = ['a', 'b', 'c'].map((key) => pool.acquire({ key, branch: 'x' }));
    const refused = Promise.all(
      waiting.map((one) => expect(one).rejects.toMatchObject({ code: 'TESTDB_POOL_CLOSED' })),
    );
    const closing = pool.close();
    expect(pool.close()).toBe(closing);
    await refused;
    await expect(take(pool)).rejects.toMatchObject({ code: 'TESTDB_POOL_CLOSED' });
    expect(await pool.release(held).done).toMatchObject({ reason: 'closed' });
    expect(await state(closing)).toBe('pending');
    for (const call of [...backend.pending]) call.succeed();
    await closing;
    expect(backend.pending).toEqual([]);
  });

  test('works with await using', async () => {
    const { pool, backend } = open({ depth: 0 });
    {
      await using _pool = pool;
    }
    expect(backend.pending).toEqual([]);
  });
});

test('what happens is told on the diagnostics channel, too, after it has happened', async () => {
  const seen: PoolEvent[] = [];
  const listener = (event: unknown): void => void seen.push(event as PoolEvent);
  subscribe('postern:test-databases:pool', listener);
  const { pool, backend } = open({ workers: 1, depth: 1 });
  await fill(backend);
  pool.release(await take(pool));
  backend.first('reset').succeed();
  await fill(backend);
  await turn();
  unsubscribe('postern:test-databases:pool', listener);
  expect(seen.map(({ type }) => type)).toEqual(['cloned', 'acquired', 'released', 'cloned']);
});

test.each([
  { workers: 0 },
  { workers: 1.5 },
  { depth: -1 },
  { producers: 0 },
  { batch: 0 },
  { maxResets: -1 },
  { maxDiscarded: Number.NaN },
  { initial: ['a', 'b', 'a'] },
])('an option out of range is refused: %o', (options) => {
  expect(() => open(options)).toThrow(expect.objectContaining({ code: 'TESTDB_OPTION_INVALID' }));
});
