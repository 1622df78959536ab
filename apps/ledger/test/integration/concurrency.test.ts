import { describe } from '@postern/vitest';
import type { Retry } from '../../src/database.ts';
import { expect, test, untilSomebodyWaitsFor } from './fixtures.ts';
import { move } from './ledger-client.ts';

function latch(): { open: () => void; opened: Promise<void> } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

const patient = { maxAttempts: 100, baseDelayMs: 2, maxDelayMs: 50 };

describe('many writers at once', () => {
  test('sixty parallel transfers between four accounts lose no money', async ({ ledger, serve }) => {
    const accounts = await Promise.all([0, 1, 2, 3].map(() => ledger.account()));
    const expected = [0n, 0n, 0n, 0n];
    const retries: Retry[] = [];
    const busy = ledger.through(
      serve('ledger_app', { retry: patient, onRetry: (each) => retries.push(each) }),
    );

    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) => {
        const [from, to] = [index % 4, (index + 1 + (index % 3)) % 4];
        const amount = 1 + index;
        expected[from]! -= BigInt(amount);
        expected[to]! += BigInt(amount);
        return busy.post({ entries: move(accounts[from]!, accounts[to]!, String(amount)) });
      }),
    );

    expect(answers.map((answer) => answer.status)).toEqual(Array(60).fill(201));
    const balances = await Promise.all(accounts.map((account) => ledger.balance(account)));
    expect(balances).toEqual(expected.map(String));
    expect(balances.reduce((sum, balance) => sum + BigInt(balance), 0n)).toBe(0n);
    expect(retries.filter((each) => each.reason === 'deadlock')).toEqual([]);
  });

  test('the last money of an account is spent once', async ({ ledger, serve }) => {
    const [from, to] = [await ledger.account({ overdraftLimit: '0' }), await ledger.account()];
    await ledger.transfer(to, from, '300');
    const busy = ledger.through(serve('ledger_app', { retry: patient }));

    const answers = await Promise.all(
      Array.from({ length: 10 }, () => busy.post({ entries: move(from, to, '100') })),
    );

    expect(answers.map((answer) => answer.status).sort()).toEqual([
      ...Array(3).fill(201),
      ...Array(7).fill(422),
    ]);
    expect(await ledger.balance(from)).toBe('0');
  });

  test('transfers that cross each other do not deadlock', async ({ ledger, serve }) => {
    const [one, two] = [await ledger.account(), await ledger.account()];
    const retries: Retry[] = [];
    const busy = ledger.through(
      serve('ledger_app', { retry: patient, onRetry: (each) => retries.push(each) }),
    );

    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        index % 2 === 0 ? busy.transfer(one, two, '10') : busy.transfer(two, one, '10'),
      ),
    );

    expect(await ledger.balance(one)).toBe('0');
    expect(retries.filter((each) => each.reason === 'deadlock')).toEqual([]);
  });

  test('of two reversals at once one is booked', async ({ ledger }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    const transfer = await ledger.transfer(from, to, '70');

    const answers = await Promise.all([ledger.reverse(transfer.id), ledger.reverse(transfer.id)]);

    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409]);
    expect(await ledger.balance(to)).toBe('0');
  });
});

describe('a transfer that loses against another writer', () => {
  test('is booked in a second attempt', async ({ ledger, serve, session }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    const retries: Retry[] = [];
    const service = ledger.through(serve('ledger_app', { onRetry: (each) => retries.push(each) }));
    const rival = await session('ledger_app', ledger.tenant);
    await rival.query('BEGIN');
    await rival.query('UPDATE accounts SET name = $2 WHERE id = $1', [from.id, 'renamed meanwhile']);

    const transfer = service.transfer(from, to, '10');
    await untilSomebodyWaitsFor(rival);
    await rival.query('COMMIT');

    await transfer;
    expect(retries).toMatchObject([{ attempt: 1, reason: 'serialization-failure' }]);
    expect(await ledger.balance(to)).toBe('10');
  });

  test('is reported after the last attempt, and works later with the same key', async ({
    ledger,
    serve,
    session,
  }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    const impatient = ledger.through(serve('ledger_app', { retry: { maxAttempts: 1 } }));
    const rival = await session('ledger_app', ledger.tenant);
    await rival.query('BEGIN');
    await rival.query('UPDATE accounts SET name = $2 WHERE id = $1', [from.id, 'renamed meanwhile']);

    const losing = impatient.post({ entries: move(from, to, '10') }, 'once');
    await untilSomebodyWaitsFor(rival);
    await rival.query('COMMIT');

    expect(await losing).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      body: { code: 'CONTENTION', kind: 'unavailable' },
    });
    expect(await ledger.balance(to)).toBe('0');
    const later = await impatient.post({ entries: move(from, to, '10') }, 'once');
    expect(later).toMatchObject({ status: 201, headers: { 'idempotency-replayed': 'false' } });
  });

  test('is tried as often as the policy says, and not once more', async ({
    ledger,
    session,
    transactions,
  }) => {
    const account = await ledger.account();
    const rival = await session('ledger_app', ledger.tenant);
    const { transactions: book, retries } = transactions({ maxAttempts: 4, baseDelayMs: 1 });

    const losing = book.write(ledger.tenant, async (own) => {
      await own.query('SELECT name FROM accounts WHERE id = $1', [account.id]); // takes the snapshot
      await rival.query(`UPDATE accounts SET name = name || '!' WHERE id = $1`, [account.id]);
      await own.query('UPDATE accounts SET name = $2 WHERE id = $1', [account.id, 'mine']);
    });

    await expect(losing).rejects.toMatchObject({ code: 'CONTENTION', cause: { code: '40001' } });
    expect(retries.map((each) => each.attempt)).toEqual([1, 2, 3]);
  });
});

test('two transactions that deadlock are both finished', async ({ ledger, transactions }) => {
  const [one, two] = [await ledger.account(), await ledger.account()];
  const { transactions: book, retries } = transactions();
  const firstLocks = [latch(), latch()] as const;
  const rename = 'UPDATE accounts SET name = name || $2 WHERE id = $1';

  /** Goes on to the second account only when the other transaction has its first one. */
  const inOrder = (self: 0 | 1, first: string, second: string) =>
    book.write(ledger.tenant, async (own) => {
      await own.query(rename, [first, `+${self}`]);
      firstLocks[self].open();
      await firstLocks[self === 0 ? 1 : 0].opened;
      await own.query(rename, [second, `+${self}`]);
    });
  await Promise.all([inOrder(0, one.id, two.id), inOrder(1, two.id, one.id)]);

  // Once, or again: who lost may take its first account back before the other one wakes up.
  expect(retries.map((each) => each.reason)).toContain('deadlock');
  const names = await Promise.all(
    [one, two].map(async ({ id }) => (await ledger.get<{ name: string }>(`/accounts/${id}`)).name),
  );
  for (const name of names) expect(name).toMatch(/(\+0\+1|\+1\+0)$/);
});

test('a period that closes while a transfer is under way never contains it unseen', async ({
  ledger,
  serve,
  session,
}) => {
  const [from, to] = [await ledger.account(), await ledger.account()];
  const retries: Retry[] = [];
  const service = ledger.through(serve('ledger_app', { onRetry: (each) => retries.push(each) }));
  const closing = await session('ledger_app', ledger.tenant);
  await closing.query('BEGIN');
  await closing.query(
    `INSERT INTO closed_periods (id, tenant_id, during)
     VALUES (gen_random_uuid(), $1, '[2026-05-01,2026-06-01)')`,
    [ledger.tenant],
  );

  // Its snapshot is older than the closing, so it cannot see the row that forbids it.
  const transfer = service.post({ bookedOn: '2026-05-15', entries: move(from, to, '10') });
  await untilSomebodyWaitsFor(closing);
  await closing.query('COMMIT');

  expect(await transfer).toMatchObject({ status: 422, body: { code: 'PERIOD_CLOSED' } });
  expect(retries).toMatchObject([{ reason: 'serialization-failure' }]);
});

test('a transfer whose session the server ends is told to come again, and no other request is lost with it', async ({
  ledger,
  serve,
  session,
}) => {
  const [from, to] = [await ledger.account(), await ledger.account()];
  const service = ledger.through(serve());
  const rival = await session('ledger_app', ledger.tenant);
  await rival.query('BEGIN');
  await rival.query('UPDATE accounts SET name = $2 WHERE id = $1', [from.id, 'renamed meanwhile']);

  const losing = service.post({ entries: move(from, to, '10') }, 'once');
  await untilSomebodyWaitsFor(rival);
  await rival.query('SET ROLE NONE'); // sessions of a login may be ended by that login
  await rival.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))`,
  );
  expect(await losing).toMatchObject({ status: 503, body: { kind: 'unavailable' } });
  await rival.query('ROLLBACK');

  // Without a listener the error of the connection would have ended the process.
  expect(await ledger.balance(to)).toBe('0');
  const again = await service.post({ entries: move(from, to, '10') }, 'once');
  expect(again).toMatchObject({ status: 201, headers: { 'idempotency-replayed': 'false' } });
});
