import { afterAll, beforeAll, expect, test } from 'vitest';
import { library, publish, titlesOf, withdraw } from '../src/library.ts';

beforeAll(() => library.initialize());
afterAll(() => library.destroy());

test('an author has books', async () => {
  const { id } = await publish('Ada', ['Notes', 'More notes']);
  expect(id).toBe(1);
  expect(await titlesOf('Ada')).toEqual(['Notes', 'More notes']);
});

test('an author who withdraws takes the books along', async () => {
  await publish('Emmy', ['Invariants']);
  await withdraw('Emmy');
  expect(await titlesOf('Emmy')).toEqual([]);
});
