import { randomUUID } from 'node:crypto';
import { describe } from '@postern/vitest';
import type { Transfer } from '../../src/domain/transfers.ts';
import { expect, test } from './fixtures.ts';
import { move } from './ledger-client.ts';

describe('transfers', () => {
  test('money that leaves one account arrives on the other', async ({ ledger }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];

    const transfer = await ledger.transfer(from, to, '1250', { description: 'rent', bookedOn: '2026-03-01' });

    expect(await ledger.get(`/transfers/${transfer.id}`)).toEqual(transfer);
    expect(transfer).toMatchObject({ bookedOn: '2026-03-01', entries: move(from, to, '1250') });
    expect([await ledger.balance(from), await ledger.balance(to)]).toEqual(['-1250', '1250']);
  });

  test('a transfer may have many entries, as long as they balance', async ({ ledger }) => {
    const [customer, merchant] = [await ledger.account(), await ledger.account()];
    const fees = await ledger.account({ kind: 'income' });

    const answer = await ledger.post({
      entries: [
        { accountId: customer.id, side: 'debit', amount: '1000' },
        { accountId: merchant.id, side: 'credit', amount: '970' },
        { accountId: fees.id, side: 'credit', amount: '30' },
      ],
    });

    expect(answer.status).toBe(201);
    expect([await ledger.balance(merchant), await ledger.balance(fees)]).toEqual(['970', '30']);
  });

  test('an amount beyond the exact range of JSON numbers keeps its last digit', async ({ ledger }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];

    await ledger.transfer(from, to, '9007199254740993');
    expect(await ledger.balance(to)).toBe('9007199254740993');
  });

  test('entries that do not balance are refused at the commit, and nothing is left of them', async ({
    ledger,
  }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    const [debit, credit] = move(from, to, '100');

    const answer = await ledger.post({ entries: [debit!, { ...credit!, amount: '99' }] });

    expect(answer).toMatchObject({ status: 422, body: { code: 'TRANSFER_UNBALANCED' } });
    expect(await ledger.get('/transfers')).toEqual({ items: [], nextCursor: null });
    expect([await ledger.balance(from), await ledger.balance(to)]).toEqual(['0', '0']);
  });

  test('amounts of zero and below are refused', async ({ ledger }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    for (const amount of ['0', '-5']) {
      const answer = await ledger.post({ entries: move(from, to, amount) });
      expect(answer).toMatchObject({ status: 422, body: { code: 'AMOUNT_NOT_POSITIVE' } });
    }
  });

  test('a balance that does not fit 64 bits is refused', async ({ ledger }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    await ledger.transfer(from, to, '9223372036854775807');

    const answer = await ledger.post({ entries: move(from, to, '1') });
    expect(answer).toMatchObject({ status: 422, body: { code: 'AMOUNT_OUT_OF_RANGE' } });
  });

  test('an unknown account is refused', async ({ ledger }) => {
    const from = await ledger.account();
    const nowhere = { ...from, id: randomUUID() };

    const answer = await ledger.post({ entries: move(from, nowhere, '5') });
    expect(answer).toMatchObject({ status: 422, body: { code: 'ACCOUNT_UNKNOWN' } });
  });

  test('a transfer from an account to itself is refused', async ({ ledger }) => {
    const account = await ledger.account();

    for (const bookedOn of ['2026-01-15', '2050-01-15']) {
      const answer = await ledger.post({ bookedOn, entries: move(account, account, '5') });
      expect(answer).toMatchObject({ status: 422, body: { code: 'ACCOUNT_REPEATED' } });
    }
  });

  test('an account takes no entry in another currency', async ({ ledger }) => {
    const [euros, dollars] = [await ledger.account(), await ledger.account({ currency: 'USD' })];

    const answer = await ledger.post({ entries: move(euros, dollars, '5') });
    expect(answer).toMatchObject({ status: 422, body: { code: 'CURRENCY_MISMATCH' } });
  });

  test('an account pays down to its overdraft limit and not a cent further', async ({ ledger }) => {
    const [from, to] = [await ledger.account({ overdraftLimit: '100' }), await ledger.account()];

    await ledger.transfer(from, to, '100');
    const answer = await ledger.post({ entries: move(from, to, '1') });

    expect(answer).toMatchObject({ status: 422, body: { code: 'OVERDRAFT' } });
    expect(await ledger.balance(from)).toBe('-100');
  });

  test('a reversal undoes a transfer, once', async ({ ledger }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    const transfer = await ledger.transfer(from, to, '500');

    const reversal = await ledger.reverse<Transfer>(transfer.id);
    const again = await ledger.reverse(transfer.id);

    expect(reversal).toMatchObject({ status: 201, body: { reverses: transfer.id } });
    expect(again).toMatchObject({ status: 409, body: { code: 'TRANSFER_ALREADY_REVERSED' } });
    expect([await ledger.balance(from), await ledger.balance(to)]).toEqual(['0', '0']);
  });

  test('a transfer that does not exist is neither shown nor reversed', async ({ ledger }) => {
    const unknown = randomUUID();
    expect(await ledger.request('GET', `/transfers/${unknown}`)).toMatchObject({ status: 404 });
    expect(await ledger.reverse(unknown)).toMatchObject({
      status: 404,
      body: { code: 'TRANSFER_NOT_FOUND' },
    });
  });
});

describe('closed periods', () => {
  test('nothing is booked into a closed period, and the days around it stay open', async ({ ledger }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    const period = { from: '2026-01-01', to: '2026-01-31' };
    expect((await ledger.request('POST', '/closed-periods', { body: period })).status).toBe(201);

    const inside = await ledger.post({ bookedOn: '2026-01-31', entries: move(from, to, '1') });
    expect(inside).toMatchObject({ status: 422, body: { code: 'PERIOD_CLOSED' } });
    await ledger.transfer(from, to, '1', { bookedOn: '2025-12-31' });
    await ledger.transfer(from, to, '1', { bookedOn: '2026-02-01' });
  });

  test('a period is closed once, and one that ends before it begins never', async ({ ledger }) => {
    const close = (from: string, to: string) =>
      ledger.request('POST', '/closed-periods', { body: { from, to } });

    expect((await close('2026-01-01', '2026-03-31')).status).toBe(201);
    expect(await close('2026-03-31', '2026-04-30')).toMatchObject({
      status: 409,
      body: { code: 'PERIOD_OVERLAPS' },
    });
    expect((await close('2026-04-01', '2026-04-30')).status).toBe(201);
    expect(await close('2026-06-01', '2026-05-01')).toMatchObject({
      status: 422,
      body: { code: 'PERIOD_INVALID' },
    });
  });
});
