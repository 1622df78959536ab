import { EventEmitter } from 'node:events';
import type { Pool } from 'pg';
import { expect, test } from 'vitest';
import { PoolKeeper } from './pool-keeper.ts';

class FakePool extends EventEmitter {
  ending = false;
  idleCount = 1;
  totalCount = 1;
  async end(): Promise<void> {
    this.ending = true;
  }
}

function open(): { keeper: PoolKeeper; pool: (database: string, role?: string) => FakePool } {
  const keeper = new PoolKeeper(() => new FakePool() as unknown as Pool);
  const pool = (database: string, role = 'app'): FakePool =>
    keeper.pool(database, role, () => ({})) as unknown as FakePool;
  return { keeper, pool };
}

test('a database that comes back finds its sessions; one whose pool was ended gets another', async () => {
  const { keeper, pool } = open();
  const first = pool('a');
  expect(pool('a')).toBe(first);
  expect(pool('a', 'reader')).not.toBe(first);
  await keeper.end('a');
  expect(first.ending).toBe(true);
  expect(pool('a')).not.toBe(first);
});

test('however many databases are in use at once, none of them loses its sessions; of those that rest four keep them', () => {
  const { keeper, pool } = open();
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const name of names) keeper.use(name);
  const pools = names.map((name) => pool(name));
  keeper.rest('a');
  expect(pools.map(({ ending }) => ending)).toEqual(Array(6).fill(false));
  for (const name of names) keeper.rest(name);
  expect(pools.map(({ ending }) => ending)).toEqual([true, true, false, false, false, false]);
});

test('a session that nobody gives back holds up nothing', async () => {
  const { keeper, pool } = open();
  const leaking = Object.assign(pool('a'), { idleCount: 0, end: () => new Promise<void>(() => undefined) });
  await keeper.close();
  expect(leaking.listenerCount('error')).toBe(1);
});
