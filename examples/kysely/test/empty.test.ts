import { afterAll, expect, test } from 'vitest';
import { db, inhabitantsOf } from '../src/cities.ts';

afterAll(() => db.destroy());

test('nobody lives anywhere at first', async () => {
  expect(await inhabitantsOf('FR')).toBe(0);
  expect(await db.selectFrom('cities').selectAll().execute()).toEqual([]);
});
