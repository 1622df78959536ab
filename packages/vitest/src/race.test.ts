import { expect, expectTypeOf, test, vi } from 'vitest';
import { barrier, simultaneously } from './race.ts';

test('everybody goes on when the last one has come, and the barrier can be used again', async () => {
  const meet = barrier(3);
  for (const round of [1, 2]) {
    const passed: string[] = [];
    const waits = ['a', 'b'].map((who) => meet.wait(who).then(() => passed.push(who)));
    await Promise.resolve();
    expect([round, passed, meet.waiting]).toEqual([round, [], ['a', 'b']]);
    await Promise.all([...waits, meet.wait('c')]);
    expect(passed).toEqual(['a', 'b']);
    expect(meet.waiting).toEqual([]);
  }
});

test('when somebody does not come, everybody learns who did, and latecomers do not wait again', async () => {
  const meet = barrier(3, { timeoutMs: 10 });
  const waits = await Promise.allSettled([meet.wait('deposit'), meet.wait()]);
  for (const wait of [...waits, ...(await Promise.allSettled([meet.wait('late')]))]) {
    expect(wait).toMatchObject({
      reason: {
        code: 'VITEST_RACE_TIMEOUT',
        kind: 'timeout',
        message: '2 of 3 came to the barrier within 0.01 s: deposit, #2. One is missing.',
      },
    });
  }
});

test('a deadline comes also where timers are faked', async () => {
  vi.useFakeTimers();
  try {
    await expect(barrier(2, { timeoutMs: 10 }).wait()).rejects.toMatchObject({ code: 'VITEST_RACE_TIMEOUT' });
  } finally {
    vi.useRealTimers();
  }
});

test('an abort ends the wait with its own reason', async () => {
  const off = new AbortController();
  const meet = barrier(2, { signal: off.signal });
  const wait = meet.wait();
  off.abort('enough');
  await expect(wait).rejects.toBe('enough');
  await expect(barrier(2, { signal: off.signal }).wait()).rejects.toBe('enough');
});

test.each([0, -1, 1.5, Number.NaN])('a barrier for %d parties is refused', (parties) => {
  expect(() => barrier(parties)).toThrow(expect.objectContaining({ code: 'VITEST_RACE_INVALID' }));
});

test('a race tells how each party ended, in their order and with their types', async () => {
  const started: number[] = [];
  const [one, two, three] = await simultaneously(
    async ({ together, index }) => {
      await together();
      started.push(index);
      return 'won' as const;
    },
    async ({ together, index }) => {
      await new Promise((resolve) => setImmediate(resolve));
      await together();
      started.push(index);
      throw new Error('serialization failure');
    },
    ({ together }) => together().then(() => 3),
  );
  expectTypeOf(one).toEqualTypeOf<PromiseSettledResult<'won'>>();
  expectTypeOf(three).toEqualTypeOf<PromiseSettledResult<number>>();
  expect(started).toEqual([0, 1]);
  expect([one.status, two.status, three.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('functions that meet nowhere just run side by side', async () => {
  const results = await simultaneously(...Array.from({ length: 5 }, (_, i) => () => i));
  expect(results).toEqual([0, 1, 2, 3, 4].map((value) => ({ status: 'fulfilled', value })));
});

test.each([
  [
    'fails',
    (): never => {
      throw new Error('no such account');
    },
    /^There was no race: #2 failed without coming to where withdraw waited: no such account$/,
  ],
  ['returns', (): void => undefined, /^There was no race: #2 returned without coming/],
])('a party that %s before the start is not waited for', async (_, party, message) => {
  const undone = vi.fn();
  const race = simultaneously(async ({ together, signal }) => {
    signal.addEventListener('abort', undone);
    await together('withdraw');
  }, party);
  await expect(race).rejects.toMatchObject({
    code: 'VITEST_RACE_BROKEN',
    message: expect.stringMatching(message),
  });
  expect(undone).toHaveBeenCalledOnce();
});

test('a party that ends before the others come is noticed when they do', async () => {
  const race = simultaneously(
    () => 1,
    async ({ together }) => {
      await new Promise((resolve) => setImmediate(resolve));
      await together();
    },
  );
  await expect(race).rejects.toMatchObject({ code: 'VITEST_RACE_BROKEN' });
});

test('a race whose parties block each other ends by its deadline, and an error that is swallowed ends it, too', async () => {
  const swallow = simultaneously(
    { timeoutMs: 10 },
    ({ together }) => together('holder').catch(() => undefined),
    ({ signal }) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
  );
  await expect(swallow).rejects.toMatchObject({ code: 'VITEST_RACE_TIMEOUT' });
});

test('nothing to run is refused', async () => {
  await expect(simultaneously()).rejects.toMatchObject({ code: 'VITEST_RACE_INVALID' });
});
