import { expect, test } from 'vitest';
import { Cutter, planCuts } from './cuts.ts';

test('a seed stands for one plan, with both kinds of cuts, before the end', () => {
  const plan = planCuts(30, 1_000_000, 7);
  expect(planCuts(30, 1_000_000, 7)).toEqual(plan);
  expect(planCuts(30, 1_000_000, 8)).not.toEqual(plan);
  expect(plan.map(({ atBytes }) => atBytes)).toEqual(
    plan.map(({ atBytes }) => atBytes).sort((a, b) => a - b),
  );
  expect(plan.every(({ atBytes }) => atBytes <= 950_000)).toBe(true);
  expect(new Set(plan.map(({ fault }) => fault))).toEqual(new Set(['cutChannel', 'closeChannel']));
});

test('a tunnel is not cut again before it is back', async () => {
  let resumes = 0;
  const performed: number[] = [];
  const cutter = new Cutter({
    plan: [
      { atBytes: 10, fault: 'cutChannel' },
      { atBytes: 20, fault: 'closeChannel' },
    ],
    recovered: (cuts) => resumes >= cuts,
    perform: async ({ atBytes }) => void performed.push(atBytes),
    onError: (error) => {
      throw error;
    },
  });
  cutter.moved(9);
  expect(performed).toEqual([]);
  cutter.moved(100);
  await new Promise((resolve) => setImmediate(resolve));
  cutter.moved(100);
  expect(performed).toEqual([10]);
  resumes++;
  cutter.moved(1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(performed).toEqual([10, 20]);
  expect(cutter.done).toBe(2);
  await cutter.finished;
});
