import { randomUUID } from 'node:crypto';
import { describe } from '@postern/vitest';
import { expect, test } from './fixtures.ts';

describe('the statements of a closed month', () => {
  test('lead from the balance before it through every booking to the balance after it', async ({
    book,
    worker,
    archive,
  }) => {
    const [bank, customer] = [await book.account('asset'), await book.account('liability')];
    await book.book(bank, customer, '1000', '2026-04-30', 'before');
    await book.book(customer, bank, '250', '2026-05-31', 'last day');
    await book.book(bank, customer, '30', '2026-05-01', 'first day');
    await book.book(bank, customer, '7', '2026-06-01', 'after');
    await book.close('2026-04-01', '2026-06-30');

    expect(await worker().handle({ tenant: book.tenant, month: '2026-05' })).toEqual({
      tenant: book.tenant,
      month: '2026-05',
      status: 'complete',
      written: 2,
      lines: 4,
      found: 0,
      retries: 0,
    });
    const statements = await archive.statements(book.tenant);
    expect(statements).toHaveLength(2);
    expect(statements.find(({ accountId }) => accountId === customer)).toEqual({
      accountId: customer,
      month: '2026-05',
      currency: 'EUR',
      opening: '1000',
      closing: '780',
      lines: [
        { day: '2026-05-01', side: 'credit', amount: '30', balance: '1030', text: 'first day' },
        { day: '2026-05-31', side: 'debit', amount: '250', balance: '780', text: 'last day' },
      ],
    });
    // The bank's account grows by the other side and ends at the same amount.
    expect(statements.find(({ accountId }) => accountId === bank)).toMatchObject({
      opening: '1000',
      closing: '780',
      lines: [
        { side: 'debit', balance: '1030' },
        { side: 'credit', balance: '780' },
      ],
    });
  });

  test('are there for accounts that rest, and not for those that nothing was booked on yet', async ({
    book,
    worker,
    archive,
  }) => {
    const [one, two, late] = [await book.account(), await book.account(), await book.account()];
    await book.account();
    await book.book(one, two, '5', '2026-01-15');
    await book.book(one, late, '5', '2026-03-01');
    await book.close('2026-01-01', '2026-03-31');

    expect(await worker().handle({ tenant: book.tenant, month: '2026-02' })).toMatchObject({
      written: 2,
      lines: 0,
    });
    const statements = await archive.statements(book.tenant);
    expect(new Set(statements.map(({ accountId }) => accountId))).toEqual(new Set([one, two]));
    for (const { opening, closing, lines } of statements) {
      expect(closing).toBe(opening);
      expect(lines).toEqual([]);
    }
  });

  test('continue each other, in whichever order the months are asked for', async ({
    book,
    worker,
    archive,
  }) => {
    const [one, two] = [await book.account(), await book.account()];
    for (const [day, amount] of [
      ['2026-01-10', '9007199254740993'],
      ['2026-02-10', '20'],
      ['2026-03-10', '300'],
    ] as const)
      await book.book(one, two, amount, day);
    await book.close('2026-01-01', '2026-03-31');
    const clerk = worker();
    for (const month of ['2026-03', '2026-01', '2026-02']) await clerk.handle({ tenant: book.tenant, month });

    const history = (await archive.statements(book.tenant)).filter(({ accountId }) => accountId === two);
    expect(history.map(({ month, opening, closing }) => [month, opening, closing])).toEqual([
      ['2026-01', '0', '9007199254740993'],
      ['2026-02', '9007199254740993', '9007199254741013'],
      ['2026-03', '9007199254741013', '9007199254741313'],
    ]);
  });

  test('of two tenants are kept apart, also when they are written at the same time', async ({
    book,
    anotherBook,
    worker,
    archive,
  }) => {
    for (const each of [book, anotherBook]) {
      await each.book(await each.account(), await each.account(), '10', '2026-05-05');
      await each.close('2026-05-01', '2026-05-31');
    }
    const clerk = worker();
    const reports = await Promise.all(
      [book, anotherBook].map(({ tenant }) => clerk.handle({ tenant, month: '2026-05' })),
    );
    expect(reports).toMatchObject([{ written: 2 }, { written: 2 }]);
    const [mine, theirs] = [
      await archive.statements(book.tenant),
      await archive.statements(anotherBook.tenant),
    ];
    expect([mine.length, theirs.length]).toEqual([2, 2]);
    const accounts = new Set([...mine, ...theirs].map(({ accountId }) => accountId));
    expect(accounts.size).toBe(4);
  });
});

describe('nothing is written', () => {
  test('of a month that takes bookings, wholly, on one day, or before it began', async ({
    book,
    worker,
    archive,
  }) => {
    const clerk = worker();
    const may = { tenant: book.tenant, month: '2026-05' };
    const open = { name: 'StatementsError', code: 'MONTH_OPEN', kind: 'conflict' };
    await book.book(await book.account(), await book.account(), '10', '2026-04-20');

    await expect(clerk.handle(may)).rejects.toMatchObject(open);
    await book.close('2026-05-01', '2026-05-30');
    await expect(clerk.handle(may)).rejects.toMatchObject(open);
    await book.close('2026-05-31', '2026-05-31');
    await expect(clerk.handle(may)).rejects.toMatchObject({
      ...open,
      message: 'The ledger still takes bookings before the end of 2026-05. Close it first.',
    });
    expect(await archive.statements(book.tenant)).toEqual([]);

    await book.close('2026-04-20', '2026-04-30');
    expect(await clerk.handle(may)).toMatchObject({ status: 'complete', written: 2 });
  });

  test('for a tenant that the ledger does not know', async ({ worker }) => {
    const event = { tenant: randomUUID(), month: '2026-05' };
    await expect(worker().handle(event)).rejects.toMatchObject({
      code: 'TENANT_NOT_FOUND',
      kind: 'not-found',
    });
  });

  test('when the ledger was changed behind a statement', async ({ book, worker, archive }) => {
    const [one, two] = [await book.account(), await book.account()];
    await book.book(one, two, '10', '2026-04-20');
    await book.close('2026-04-01', '2026-05-31');
    const clerk = worker();
    await clerk.handle({ tenant: book.tenant, month: '2026-04' });

    await book.reopen();
    await book.book(one, two, '1', '2026-04-21');
    await book.close('2026-04-01', '2026-05-31');
    const may = clerk.handle({ tenant: book.tenant, month: '2026-05' });
    await expect(may).rejects.toMatchObject({ code: 'LEDGER_CHANGED', kind: 'conflict' });
    expect((await archive.statements(book.tenant)).map(({ month }) => month)).toEqual(['2026-04', '2026-04']);
  });

  test('while a database is away, and it is told which', async ({ book, worker }) => {
    const nowhere = { host: '/nonexistent', database: 'x', user: 'x' };
    const event = { tenant: book.tenant, month: '2026-05' };
    for (const [over, code] of [
      [{ ledger: nowhere }, 'LEDGER_UNAVAILABLE'],
      [{ statements: nowhere }, 'DATABASE_UNAVAILABLE'],
    ] as const)
      await expect(worker(over).handle(event)).rejects.toMatchObject({ code, kind: 'unavailable' });
  });
});
