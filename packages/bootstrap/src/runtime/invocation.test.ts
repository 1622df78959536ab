import { expect, test } from 'vitest';
import { createStop, lockTimeoutMs, reserveMs } from './invocation.ts';

/** A clock that the test turns. */
function stopWith(wholeMs: number, budgetMs?: number) {
  const state = { elapsedMs: 0, progressed: false };
  const stop = createStop({
    remainingMs: () => wholeMs - state.elapsedMs,
    elapsedMs: () => state.elapsedMs,
    budgetMs,
    progressed: () => state.progressed,
  });
  return { state, stop };
}

test('a run stops when only the reserve is left, and never before it has done something', () => {
  const { state, stop } = stopWith(900_000);
  state.elapsedMs = 899_000;
  expect(stop()).toBe(false);
  state.progressed = true;
  expect(stop()).toBe(true);
  state.elapsedMs = 839_000;
  expect(stop()).toBe(false);
});

test('a run with a budget stops when it is used up', () => {
  const { state, stop } = stopWith(900_000, 10_000);
  state.progressed = true;
  expect(stop()).toBe(false);
  state.elapsedMs = 10_000;
  expect(stop()).toBe(true);
});

test('a run that nobody ends goes on', () => {
  const { state, stop } = stopWith(Number.POSITIVE_INFINITY);
  Object.assign(state, { progressed: true, elapsedMs: 10 ** 12 });
  expect(stop()).toBe(false);
});

test.each([
  [3_000, 5_000],
  [60_000, 15_000],
  [900_000, 60_000],
])('of %d ms the last %d are kept for the migration that was begun last', (wholeMs, reserve) => {
  expect(reserveMs(wholeMs)).toBe(reserve);
});

test.each([
  [3_000, 1_000],
  [20_000, 10_000],
  [60_000, 30_000],
  [900_000, 120_000],
  [Number.POSITIVE_INFINITY, 120_000],
])(
  'a run of %d ms that waits for another one gives up after %d, while a migration still has time',
  (leftMs, waitMs) => {
    expect(lockTimeoutMs({ remainingMs: () => leftMs })).toBe(waitMs);
  },
);
