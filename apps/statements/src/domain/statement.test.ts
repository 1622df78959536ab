import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseMonth } from '../month.ts';
import { buildStatement, type Entry } from './statement.ts';

const account = { id: 'id', code: 'code', name: 'name', currency: 'EUR' };
const month = parseMonth('2026-05');

const entry = fc.record<Entry>({
  bookedOn: fc.constant('2026-05-05'),
  transferId: fc.uuid(),
  description: fc.string(),
  side: fc.constantFrom('debit', 'credit'),
  amount: fc.bigInt({ min: 1n, max: 2n ** 62n }).map(String),
  grows: fc.boolean(),
});

test('lines lead from the opening to the closing balance without losing a unit', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }).map(String),
      fc.array(entry),
      (opening, entries) => {
        const statement = buildStatement(account, month, opening, entries);
        const change = entries.reduce(
          (sum, { grows, amount }) => sum + (grows ? 1n : -1n) * BigInt(amount),
          0n,
        );
        expect(BigInt(statement.closingBalance) - BigInt(statement.openingBalance)).toBe(change);
        expect(statement.lines.map(({ number }) => number)).toEqual(entries.map((_, index) => index + 1));
        for (const [index, line] of statement.lines.entries()) {
          const before = BigInt(statement.lines[index - 1]?.balance ?? opening);
          expect(BigInt(line.balance) - before).toBe(
            BigInt(line.amount) * (entries[index]!.grows ? 1n : -1n),
          );
        }
      },
    ),
  );
});

test('a month without bookings closes as it opened', () => {
  expect(buildStatement(account, month, '-17', [])).toEqual({
    account,
    month,
    openingBalance: '-17',
    closingBalance: '-17',
    lines: [],
  });
});
