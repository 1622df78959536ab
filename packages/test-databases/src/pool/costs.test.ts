import { expect, test } from 'vitest';
import { Costs } from './costs.ts';

const measured = (clone: number, first: number, later: number): Costs => {
  const costs = new Costs();
  for (let round = 0; round < 5; round++) {
    costs.cloned(clone);
    costs.reset(first, 0, false);
    costs.reset(later, 1, false);
  }
  return costs;
};

test('nothing is decided by the first numbers', () => {
  const costs = new Costs();
  costs.cloned(1);
  costs.reset(100, 0, false);
  costs.reset(100, 1, false);
  expect(costs.decide(0)).toBe('reset');
});

test('a first reset that is dearer than a clone is worth it when those that follow are cheap', () => {
  expect(measured(25, 100, 2).decide(0)).toBe('reset');
  expect(measured(25, 100, 2).resetMs).toBeCloseTo(11.8);
});

test('a first reset that does not pay is not made, but a database that has been reset goes on', () => {
  const costs = measured(25, 250, 20);
  expect(costs.strategy).toBe('clone');
  expect(costs.decide(0)).toBe('clone');
  expect(costs.decide(1)).toBe('reset');
});

test('where nearly every reset fails, trying is a waste, and one that works is a reason to try again', () => {
  const costs = new Costs();
  for (let round = 0; round < 5; round++) {
    costs.cloned(25);
    costs.reset(3, 0, true);
  }
  expect(costs.strategy).toBe('clone');
  const decisions = Array.from({ length: 32 }, () => costs.decide(0));
  expect(decisions.filter((one) => one === 'reset')).toHaveLength(2);
  costs.reset(3, 0, false);
  expect(costs.strategy).toBe('reset');
});
