import { expect, it } from 'vitest';
import { Branches } from './branches.ts';

const one = { name: 'one' };
const take = async (): Promise<{ name: string }> => one;
const never = (): never => {
  throw new Error('not to be built again');
};

it('are built by the first who asks; the others wait and get what was built', async () => {
  const branches = new Branches('hash');
  expect(await branches.ask('seed', 'a', take)).toEqual({ turn: 'build', database: one });
  const others = ['b', 'c'].map((who) => branches.ask('seed', who, never));
  const hash = await branches.seal('seed', 'one', async () => undefined);
  expect(await Promise.all(others)).toEqual([{ turn: 'ready' }, { turn: 'ready' }]);
  expect(branches.sourceOf(hash)).toBe('one');
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(branches.hashOf('another seed')).not.toBe(hash);
});

it('whose builder dies are built by the next who waits, and by nobody else', async () => {
  const branches = new Branches('hash');
  await branches.ask('seed', 'a', take);
  const two = { name: 'two' };
  const others = ['b', 'c'].map((who) => branches.ask('seed', who, async () => two));
  branches.failOf('a');
  expect(await Promise.race(others)).toEqual({ turn: 'build', database: two });
  await expect(branches.seal('seed', 'one', never)).rejects.toMatchObject({ code: 'CONNECT_BRANCH_UNKNOWN' });
  await branches.seal('seed', 'two', async () => undefined);
  const turns = (await Promise.all(others)).map(({ turn }) => turn);
  expect(turns.sort()).toEqual(['build', 'ready']);
});

it('that cannot be sealed, or begun, pass the job on with their error to whom it concerns', async () => {
  const branches = new Branches('hash');
  const full = new Error('disk full');
  await expect(branches.ask('seed', 'a', () => Promise.reject(full))).rejects.toBe(full);
  await branches.ask('seed', 'a', take);
  const waiting = branches.ask('seed', 'b', async () => ({ name: 'two' }));
  await expect(branches.seal('seed', 'one', () => Promise.reject(full))).rejects.toBe(full);
  expect(await waiting).toMatchObject({ turn: 'build', database: { name: 'two' } });
});

it('are forgotten by a refresh: what is built then is another branch', async () => {
  const branches = new Branches('hash');
  await branches.ask('seed', 'a', take);
  const hash = await branches.seal('seed', 'one', async () => undefined);
  expect(branches.forget()).toEqual([{ hash, name: 'one' }]);
  expect(branches.sourceOf(hash)).toBeUndefined();
  expect(await branches.ask('seed', 'a', take)).toMatchObject({ turn: 'build' });
  expect(await branches.seal('seed', 'one', async () => undefined)).not.toBe(hash);
});

it('are not waited for by somebody who has gone', async () => {
  const branches = new Branches('hash');
  await branches.ask('seed', 'a', take);
  const controller = new AbortController();
  const waiting = branches.ask('seed', 'b', never, controller.signal);
  const reason = new Error('gone');
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
});
