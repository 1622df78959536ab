import type { ResultOf } from '@postern/bootstrap/contract';
import { expect, test } from 'vitest';
import { sweepAgain } from './sweep-again.ts';

type Sweep = ResultOf['sweep'];

const clean: Sweep = {
  status: 'swept',
  marked: [],
  waiting: [],
  dropped: [],
  retired: [],
  kept: [],
  unknown: [],
  failed: [],
};

async function night(...answers: Sweep[]): Promise<{ sweeps: readonly Sweep[]; waits: readonly number[] }> {
  const waits: number[] = [];
  const sweeps = await sweepAgain({ sweep: async () => answers.shift() ?? clean }, async (ms) =>
    waits.push(ms),
  );
  return { sweeps, waits };
}

test('a night in which nobody has died costs one sweep', async () => {
  expect(await night(clean)).toEqual({ sweeps: [clean], waits: [] });
});

test.each<[string, Partial<Sweep>]>([
  ['has marked a run', { marked: ['r'] }],
  ['has met a run within its grace', { waiting: ['r'] }],
  ['met another sweeper', { status: 'busy' }],
])('after a sweep that %s a second one follows when the grace is over', async (_, difference) => {
  const second = { ...clean, dropped: ['pt_x'] };
  const { sweeps, waits } = await night({ ...clean, ...difference }, second);
  expect(sweeps[1]).toEqual(second);
  expect(waits).toEqual([95_000]);
});
