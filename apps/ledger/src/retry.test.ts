import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultRetryPolicy, retryDelayMs, retryReason } from './retry.ts';

const withCode = (code: unknown) => Object.assign(new Error('no'), { code });

describe('what is worth another attempt', () => {
  test('a lost race and a deadlock are', () => {
    expect(retryReason(withCode('40001'))).toBe('serialization-failure');
    expect(retryReason(withCode('40P01'))).toBe('deadlock');
  });

  test('a broken rule, a lost connection and our own mistakes are not', () => {
    for (const code of ['23514', '57P01', 'ECONNRESET', 40001, undefined, 'constructor']) {
      expect(retryReason(withCode(code)), String(code)).toBeUndefined();
    }
    expect(retryReason(new TypeError('x is not a function'))).toBeUndefined();
    expect(retryReason('40001')).toBeUndefined();
  });
});

describe('the wait before it', () => {
  test('doubles its bound until the longest wait', () => {
    const longest = (attempt: number) => retryDelayMs(defaultRetryPolicy, attempt, () => 1);
    expect([1, 2, 3, 4, 5, 6, 7].map(longest)).toEqual([10, 20, 40, 80, 160, 250, 250]);
  });

  test('is never negative, never beyond the longest and never NaN', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (attempt, random) => {
          const delayMs = retryDelayMs(defaultRetryPolicy, attempt, () => random);
          expect(delayMs).toBeGreaterThanOrEqual(0);
          expect(delayMs).toBeLessThanOrEqual(defaultRetryPolicy.maxDelayMs);
        },
      ),
    );
  });
});
