import { afterAll, beforeAll, expect, test } from 'vitest';
import { library, publish } from '../src/library.ts';

beforeAll(() => library.initialize());
afterAll(() => library.destroy());

test('two authors never have one name', async () => {
  expect((await publish('Ada', [])).id).toBe(1);
  await expect(publish('Ada', [])).rejects.toMatchObject({ driverError: { code: '23505' } });
});
