import { describe } from '@postern/vitest';
import type { Client } from 'pg';
import { vi } from 'vitest';
import { expect, test } from './fixtures.ts';
import type { LedgerBook } from './ledger-book.ts';

const month = '2026-05';

/** A closed month with a booking between each two neighbours of `count` accounts. */
async function closedMonth(book: LedgerBook, count: number): Promise<string[]> {
  const accounts: string[] = [];
  for (let n = 0; n < count; n += 1) accounts.push(await book.account());
  for (const [n, account] of accounts.entries())
    await book.book(account, accounts[(n + 1) % count]!, String(n + 1), `${month}-0${1 + (n % 9)}`);
  await book.close('2026-05-01', '2026-05-31');
  return accounts.sort();
}

/** Resolves when so many other sessions wait for a lock that this one holds. */
async function untilOthersWaitFor(blocker: Client, others = 1): Promise<void> {
  await vi.waitFor(
    async () => {
      const { rows } = await blocker.query<{ waiting: number }>(
        `SELECT count(DISTINCT pid)::int AS waiting FROM pg_locks
          WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))`,
      );
      expect(rows[0]?.waiting).toBe(others);
    },
    { timeout: 10_000, interval: 5 },
  );
}

describe('an event that comes again', () => {
  test('finds what is written and changes nothing', async ({ book, worker, archive }) => {
    await closedMonth(book, 4);
    const event = { tenant: book.tenant, month };
    expect(await worker().handle(event)).toMatchObject({
      status: 'complete',
      written: 4,
      lines: 8,
      found: 0,
    });
    const first = await archive.statements(book.tenant);

    expect(await worker().handle(event)).toMatchObject({
      status: 'complete',
      written: 0,
      lines: 0,
      found: 4,
    });
    expect(await archive.statements(book.tenant)).toEqual(first);
  });

  test('goes on where the time was over', async ({ book, worker, archive }) => {
    const accounts = await closedMonth(book, 5);
    const event = { tenant: book.tenant, month };
    const clerk = worker({ batchSize: 2, reserveMs: 1_000 });
    const hasty = { getRemainingTimeInMillis: () => 999 };

    expect(await clerk.handle(event, hasty)).toMatchObject({ status: 'partial', written: 2, found: 0 });
    expect((await archive.statements(book.tenant)).map(({ accountId }) => accountId)).toEqual(
      accounts.slice(0, 2),
    );
    expect(await clerk.handle(event)).toMatchObject({ status: 'complete', written: 3, found: 2 });
    expect((await archive.statements(book.tenant)).map(({ accountId }) => accountId)).toEqual(accounts);
  });

  test('goes on where an invocation was killed', async ({ book, worker, archive }) => {
    const accounts = await closedMonth(book, 6);
    const event = { tenant: book.tenant, month };
    const clerk = worker({ batchSize: 2 });
    let batches = 0;
    const killed = clerk.handle(event, {
      getRemainingTimeInMillis: () => {
        batches += 1;
        if (batches === 2) throw new Error('killed');
        return 60_000;
      },
    });
    await expect(killed).rejects.toThrow('killed');

    expect(await archive.statements(book.tenant)).toHaveLength(4);
    expect(await clerk.handle(event)).toMatchObject({ status: 'complete', written: 2, found: 4 });
    expect((await archive.statements(book.tenant)).map(({ accountId }) => accountId)).toEqual(accounts);
  });

  test('leaves no half of a batch behind when its session ends', async ({
    book,
    worker,
    archive,
    session,
  }) => {
    const [first] = await closedMonth(book, 3);
    const rival = await session('statements_app', book.tenant);
    await rival.query('BEGIN');
    await rival.query(
      `INSERT INTO accounts (tenant_id, id, code, name, currency) VALUES ($1, $2, 'rival', 'rival', 'EUR')`,
      [book.tenant, first],
    );
    const losing = worker().handle({ tenant: book.tenant, month });
    const outcome = losing.catch((error: unknown) => error);
    await untilOthersWaitFor(rival);
    await rival.query('SET ROLE NONE'); // sessions of a login may be ended by that login
    await rival.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))`,
    );
    expect(await outcome).toMatchObject({ code: 'DATABASE_UNAVAILABLE', kind: 'unavailable' });
    await rival.query('ROLLBACK');

    expect(await archive.statements(book.tenant)).toEqual([]);
    expect(await worker().handle({ tenant: book.tenant, month })).toMatchObject({ written: 3 });
  });
});

describe('many invocations at once', () => {
  test('write each statement once, and each is whole', async ({ book, worker, archive }) => {
    const accounts = await closedMonth(book, 9);
    const event = { tenant: book.tenant, month };
    const retry = { maxAttempts: 50, baseDelayMs: 2, maxDelayMs: 20 };
    const reports = await Promise.all(
      Array.from({ length: 6 }, (_, n) => worker({ batchSize: 1 + (n % 4), retry }).handle(event)),
    );

    expect(reports.map(({ status }) => status)).toEqual(Array(6).fill('complete'));
    expect(reports.reduce((sum, { written }) => sum + written, 0)).toBe(9);
    expect(reports.reduce((sum, { lines }) => sum + lines, 0)).toBe(18);
    const statements = await archive.statements(book.tenant);
    expect(statements.map(({ accountId }) => accountId)).toEqual(accounts);
    for (const { lines } of statements) expect(lines).toHaveLength(2);
  });

  test('of neighbouring months write months that continue each other', async ({ book, worker, archive }) => {
    const [one, two] = [await book.account(), await book.account()];
    const months = ['2026-01', '2026-02', '2026-03', '2026-04'];
    for (const name of months) await book.book(one, two, '5', `${name}-15`);
    await book.close('2026-01-01', '2026-04-30');
    const retry = { maxAttempts: 50, baseDelayMs: 2, maxDelayMs: 20 };

    await Promise.all(months.map((name) => worker({ retry }).handle({ tenant: book.tenant, month: name })));
    const history = (await archive.statements(book.tenant)).filter(({ accountId }) => accountId === two);
    expect(history.map(({ opening, closing }) => [opening, closing])).toEqual([
      ['0', '5'],
      ['5', '10'],
      ['10', '15'],
      ['15', '20'],
    ]);
  });

  test('of which one loses try again, and say so', async ({ book, worker, session }) => {
    const [first] = await closedMonth(book, 2);
    const event = { tenant: book.tenant, month };
    const rival = await session('statements_app', book.tenant);
    const insert = `INSERT INTO accounts (tenant_id, id, code, name, currency) VALUES ($1, $2, 'rival', 'rival', 'EUR')`;

    await rival.query('BEGIN');
    await rival.query(insert, [book.tenant, first]);
    const impatient = worker({ retry: { maxAttempts: 1 } }).handle(event);
    const refused = expect(impatient).rejects.toMatchObject({ code: 'CONTENTION', cause: { code: '40001' } });
    const patient = worker().handle(event);
    await untilOthersWaitFor(rival, 2);
    await rival.query('COMMIT');

    await refused;
    expect(await patient).toMatchObject({ written: 2, retries: expect.toSatisfy((n) => Number(n) >= 1) });
  });
});
