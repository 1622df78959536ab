import { expect, test } from 'vitest';
import { defaultRetryPolicy, isLostRace, retryDelayMs } from './retry.ts';

test('a lost race and a deadlock are worth another attempt, and nothing else is', () => {
  const codes = ['40001', '40P01', '23514', '57P01', 40001, undefined];
  expect(codes.map((code) => isLostRace(Object.assign(new Error('no'), { code })))).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
  expect(isLostRace('40001')).toBe(false);
});

test('the wait before it doubles its bound until the longest wait', () => {
  const longest = (attempt: number) => retryDelayMs(defaultRetryPolicy, attempt, () => 1);
  expect([1, 2, 3, 4, 5, 6, 700].map(longest)).toEqual([20, 40, 80, 160, 320, 500, 500]);
  expect(retryDelayMs(defaultRetryPolicy, 3, () => 0)).toBe(0);
});
