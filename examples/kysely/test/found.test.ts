import { afterAll, expect, test } from 'vitest';
import { db, found, inhabitantsOf } from '../src/cities.ts';

afterAll(() => db.destroy());

const france = { code: 'FR', name: 'France' };

test('a country has the inhabitants of its cities', async () => {
  await found('Lyon', 520, france);
  await found('Lille', 236, france);
  expect(await inhabitantsOf('FR')).toBe(756);
});

test('a city that cannot be founded leaves no country behind', async () => {
  await expect(found('Atlantis', -1, { code: 'AT', name: 'Sunken' })).rejects.toMatchObject({
    code: '23514',
  });
  expect(await db.selectFrom('countries').select('code').where('code', '=', 'AT').execute()).toEqual([]);
});
