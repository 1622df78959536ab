import { expect, test } from 'vitest';
import { openPrefetcher, type Prefetcher } from '../index.ts';

interface Taking {
  resolve(item: number): void;
  reject(error: unknown): void;
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const open = (): { prefetcher: Prefetcher<number>; taking: Taking[]; back: number[] } => {
  const taking: Taking[] = [];
  const back: number[] = [];
  const prefetcher = openPrefetcher<number>({
    take: () => new Promise((resolve, reject) => taking.push({ resolve, reject })),
    giveBack: async (item) => void back.push(item),
  });
  return { prefetcher, taking, back };
};

test('the next one is fetched while the present one is in use', async () => {
  const { prefetcher, taking, back } = open();
  expect(taking).toHaveLength(1);
  taking[0]?.resolve(1);
  expect(await prefetcher.next()).toBe(1);
  expect(taking).toHaveLength(2);
  taking[1]?.resolve(2);
  await turn();
  expect(taking).toHaveLength(2);
  expect(await prefetcher.next()).toBe(2);
  const closing = prefetcher.close();
  taking[2]?.resolve(3);
  await closing;
  expect(back).toEqual([3]);
});

test('two who ask at once get two, one after the other', async () => {
  const { prefetcher, taking } = open();
  const both = Promise.all([prefetcher.next(), prefetcher.next()]);
  expect(taking).toHaveLength(1);
  taking[0]?.resolve(1);
  await turn();
  taking[1]?.resolve(2);
  expect(await both).toEqual([1, 2]);
});

test('an old failure is not the answer to a new question', async () => {
  const { prefetcher, taking } = open();
  taking[0]?.reject(new Error('not yet'));
  await turn();
  expect(taking).toHaveLength(1);
  const next = prefetcher.next();
  taking[1]?.resolve(1);
  expect(await next).toBe(1);
});

test('who asks while fetching ahead fails gets a second try, and its error', async () => {
  const { prefetcher, taking } = open();
  const next = expect(prefetcher.next()).rejects.toThrow('second');
  taking[0]?.reject(new Error('first'));
  await turn();
  taking[1]?.reject(new Error('second'));
  await next;
  await turn();
  expect(taking).toHaveLength(2);
  await prefetcher.close();
});

test('a failure of `take` itself is an error like any other', async () => {
  let fails = true;
  const prefetcher = openPrefetcher<number>({
    take: () => {
      if (fails) throw new Error('broken');
      return Promise.resolve(7);
    },
    giveBack: async () => undefined,
  });
  await turn();
  await expect(prefetcher.next()).rejects.toThrow('broken');
  fails = false;
  expect(await prefetcher.next()).toBe(7);
});

test('who cancels gets the reason, and the next one what was fetched', async () => {
  const { prefetcher, taking } = open();
  const controller = new AbortController();
  const cancelled = prefetcher.next({ signal: controller.signal });
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(cancelled).rejects.toBe(reason);
  await expect(prefetcher.next({ signal: controller.signal })).rejects.toBe(reason);
  taking[0]?.resolve(1);
  expect(await prefetcher.next()).toBe(1);
});

test('closing rejects who waits and gives back what nobody took, once', async () => {
  const { prefetcher, taking, back } = open();
  const waiting = expect(prefetcher.next()).rejects.toMatchObject({ code: 'TESTDB_POOL_CLOSED' });
  const closing = prefetcher.close();
  expect(prefetcher.close()).toBe(closing);
  await waiting;
  await expect(prefetcher.next()).rejects.toMatchObject({ code: 'TESTDB_POOL_CLOSED' });
  taking[0]?.resolve(1);
  await closing;
  expect(back).toEqual([1]);
});
