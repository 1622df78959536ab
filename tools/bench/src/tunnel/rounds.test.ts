import { expect, test } from 'vitest';
import { takeTurns } from './rounds.ts';

test('contestants take turns, and the round that warms up does not count', async () => {
  const order: string[] = [];
  const contestant = (name: string, first: number): { name: string; run: () => Promise<number> } => {
    let value = first;
    return { name, run: () => Promise.resolve(order.push(name)).then(() => value++) };
  };
  const figures = await takeTurns([contestant('a', 0), contestant('b', 10)], 2);
  expect(order.join('')).toBe('ababab');
  expect(figures.get('a')).toMatchObject({ values: [1, 2], median: 1.5 });
  expect(figures.get('b')).toMatchObject({ values: [11, 12], min: 11, max: 12, repetitions: 2 });
});
