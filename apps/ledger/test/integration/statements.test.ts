import { describe } from '@postern/vitest';
import type { Statement } from '../../src/domain/statements.ts';
import { expect, test } from './fixtures.ts';

/** Around borders of months and years, and on days for which there is no partition of their own. */
const bookings = [
  ['2024-02-29', '1'],
  ['2025-12-31', '10'],
  ['2026-01-01', '100'],
  ['2026-01-31', '1000'],
  ['2026-02-01', '10000'],
  ['2026-02-28', '100000'],
  ['2026-03-01', '1000000'],
  ['2031-06-15', '10000000'],
] as const;

describe('statements', () => {
  test('a period has what was booked on its days, borders included, in the order of the days', async ({
    ledger,
  }) => {
    const [bank, customer] = [await ledger.account({ kind: 'asset' }), await ledger.account()];
    for (const [bookedOn, amount] of bookings.toReversed()) {
      await ledger.transfer(bank, customer, amount, { bookedOn, description: bookedOn });
    }

    const statement = (from: string, to: string) =>
      ledger.get<Statement>(`/accounts/${customer.id}/statement?from=${from}&to=${to}`);

    const february = await statement('2026-02-01', '2026-02-28');
    expect(february).toMatchObject({ openingBalance: '1111', closingBalance: '111111' });
    expect(february.lines).toMatchObject([
      {
        bookedOn: '2026-02-01',
        side: 'credit',
        amount: '10000',
        balance: '11111',
        description: '2026-02-01',
      },
      { bookedOn: '2026-02-28', side: 'credit', amount: '100000', balance: '111111' },
    ]);

    const everything = await statement('2000-01-01', '2099-12-31');
    expect(everything.lines.map((line) => line.bookedOn)).toEqual(bookings.map(([day]) => day));
    expect(everything).toMatchObject({ openingBalance: '0', closingBalance: await ledger.balance(customer) });
  });

  test('the entries behind it lie in several partitions', async ({ ledger, session }) => {
    const [bank, customer] = [await ledger.account({ kind: 'asset' }), await ledger.account()];
    for (const [bookedOn, amount] of bookings) await ledger.transfer(bank, customer, amount, { bookedOn });

    const own = await session('ledger_readonly', ledger.tenant);
    const { rows } = await own.query<{ partition: string; count: number }>(
      `SELECT tableoid::regclass::text AS partition, count(*)::int FROM entries GROUP BY 1 ORDER BY 1`,
    );
    expect(rows).toEqual([
      { partition: 'entries_2025_12', count: 2 },
      { partition: 'entries_2026_01', count: 4 },
      { partition: 'entries_2026_02', count: 4 },
      { partition: 'entries_2026_03', count: 2 },
      { partition: 'entries_elsewhen', count: 4 },
    ]);
  });

  test('a period without bookings closes as it opened', async ({ ledger }) => {
    const [bank, customer] = [await ledger.account({ kind: 'asset' }), await ledger.account()];
    await ledger.transfer(bank, customer, '500', { bookedOn: '2026-04-30' });

    const path = `/accounts/${customer.id}/statement`;
    expect(await ledger.get(`${path}?from=2026-05-01&to=2026-05-31`)).toMatchObject({
      openingBalance: '500',
      closingBalance: '500',
      lines: [],
    });
    expect(await ledger.get(`${path}?from=2026-04-01&to=2026-04-29`)).toMatchObject({ closingBalance: '0' });
  });

  test('the sign of a line follows the kind of the account', async ({ ledger }) => {
    const [bank, customer] = [await ledger.account({ kind: 'asset' }), await ledger.account()];
    await ledger.transfer(bank, customer, '40', { bookedOn: '2026-05-05' }); // debits bank, credits customer

    for (const account of [bank, customer]) {
      const path = `/accounts/${account.id}/statement?from=2026-05-01&to=2026-05-31`;
      expect(await ledger.get(path)).toMatchObject({ closingBalance: '40', lines: [{ balance: '40' }] });
    }
  });

  test('a day that does not exist and a missing border are refused', async ({ ledger }) => {
    const account = await ledger.account();
    for (const query of ['from=2026-02-30&to=2026-03-01', 'from=2026-02-01', 'from=yesterday&to=today']) {
      const answer = await ledger.request('GET', `/accounts/${account.id}/statement?${query}`);
      expect(answer, query).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } });
    }
  });

  test('the history has the closing balance of each month in which something happened', async ({
    ledger,
  }) => {
    const [bank, customer] = [await ledger.account({ kind: 'asset' }), await ledger.account()];
    await ledger.transfer(bank, customer, '100', { bookedOn: '2026-01-31' });
    await ledger.transfer(customer, bank, '30', { bookedOn: '2026-02-01' });
    await ledger.transfer(bank, customer, '5', { bookedOn: '2026-02-28' });
    await ledger.transfer(bank, customer, '1', { bookedOn: '2026-06-01' });

    expect(await ledger.get(`/accounts/${customer.id}/history`)).toEqual({
      months: [
        { month: '2026-01-01', debits: '0', credits: '100', closingBalance: '100' },
        { month: '2026-02-01', debits: '30', credits: '5', closingBalance: '75' },
        { month: '2026-06-01', debits: '0', credits: '1', closingBalance: '76' },
      ],
    });
  });

  test('the trial balance is even in every currency', async ({ ledger }) => {
    for (const [currency, amount] of [
      ['EUR', '700'],
      ['USD', '900'],
    ] as const) {
      const bank = await ledger.account({ kind: 'asset', currency });
      const customer = await ledger.account({ currency });
      await ledger.transfer(bank, customer, amount, { currency });
    }

    expect(await ledger.get('/trial-balance')).toEqual({
      currencies: [
        { currency: 'EUR', debitBalance: '700', creditBalance: '700' },
        { currency: 'USD', debitBalance: '900', creditBalance: '900' },
      ],
    });
  });
});
