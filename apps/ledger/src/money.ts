import { LedgerError } from './errors.ts';

const largest = 2n ** 63n - 1n;

/**
 * Money is an integer of minor units (cents), written as a decimal string: JSON numbers lose digits beyond 2^53.
 * Negative values are understood; whether one is allowed is for the schema's constraints to say.
 */
export function parseMinorUnits(text: string): bigint {
  if (!/^-?\d{1,19}$/.test(text)) {
    throw new LedgerError('REQUEST_INVALID', { message: 'An amount is a string of digits in minor units.' });
  }
  const value = BigInt(text);
  if (value > largest || value < -largest) throw new LedgerError('AMOUNT_OUT_OF_RANGE');
  return value;
}
