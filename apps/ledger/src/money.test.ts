import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseMinorUnits } from './money.ts';

test('every amount that Postgres can store survives', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }), (amount) => {
      expect(parseMinorUnits(String(amount))).toBe(amount);
    }),
  );
});

test('an amount beyond 64 bits is refused instead of cut', () => {
  for (const text of ['9223372036854775808', '-9223372036854775808', '9999999999999999999']) {
    expect(() => parseMinorUnits(text)).toThrow(expect.objectContaining({ code: 'AMOUNT_OUT_OF_RANGE' }));
  }
});

test('what only looks like an amount is refused', () => {
  for (const text of ['', ' 1', '1.50', '1e3', '0x10', '+1', '--1', '1,000', '12345678901234567890', '١']) {
    expect(() => parseMinorUnits(text), text).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
  }
});
