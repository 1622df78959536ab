import { describe } from '@postern/vitest';
import type { Client } from 'pg';
import { constraintCodes } from '../../src/postgres-errors.ts';
import { expect, refusalOf, test } from './fixtures.ts';
import type { LedgerClient } from './ledger-client.ts';

const checkViolation = '23514';

/** Books past the service, as a script or a future mistake would. */
async function insertTransfer(client: Client, ledger: LedgerClient, bookedOn: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `INSERT INTO transfers (id, tenant_id, currency, booked_on)
     VALUES (gen_random_uuid(), $1, 'EUR', $2) RETURNING id`,
    [ledger.tenant, bookedOn],
  );
  return rows[0]!.id;
}

const insertEntry = `INSERT INTO entries (tenant_id, transfer_id, account_id, side, amount, currency, booked_on)
                     VALUES ($1, $2, $3, $4, $5, 'EUR', $6)`;

describe('the schema, past the service', () => {
  test('lets a transfer be unbalanced while it is written and refuses it at the commit', async ({
    ledger,
    session,
  }) => {
    const [one, two] = [await ledger.account(), await ledger.account()];
    const own = await session('ledger_app', ledger.tenant);
    for (const bookedOn of ['2026-08-01', '2040-01-01']) {
      await own.query('BEGIN');
      const id = await insertTransfer(own, ledger, bookedOn);
      await own.query(insertEntry, [ledger.tenant, id, one.id, 'debit', '100', bookedOn]);
      await own.query(insertEntry, [ledger.tenant, id, two.id, 'credit', '60', bookedOn]);
      expect(await refusalOf(own.query('COMMIT'))).toEqual([checkViolation, 'transfers_balanced']);
    }
    expect([await ledger.balance(one), await ledger.balance(two)]).toEqual(['0', '0']);
  });

  test('refuses a transfer without entries', async ({ ledger, session }) => {
    const own = await session('ledger_app', ledger.tenant);
    const insert = insertTransfer(own, ledger, '2026-08-01');
    expect(await refusalOf(insert)).toEqual([checkViolation, 'transfers_balanced']);
  });

  test('refuses an entry that joins a booked transfer later', async ({ ledger, session }) => {
    const transfer = await ledger.transfer(await ledger.account(), await ledger.account(), '10');
    const third = await ledger.account();
    const own = await session('ledger_app', ledger.tenant);

    const values = [ledger.tenant, transfer.id, third.id, 'credit', '5', transfer.bookedOn];
    expect(await refusalOf(own.query(insertEntry, values))).toEqual([checkViolation, 'transfers_balanced']);
    expect(await ledger.balance(third)).toBe('0');
  });

  test('checks all entries of a transfer, not only those that the session may see at the commit', async ({
    ledger,
    session,
  }) => {
    const [one, two] = [await ledger.account(), await ledger.account()];
    const own = await session('ledger_app');
    const book = async (debit: string, credit: string) => {
      await own.query('BEGIN');
      await own.query(`SELECT set_config('ledger.tenant', $1, true)`, [ledger.tenant]);
      const id = await insertTransfer(own, ledger, '2026-08-01');
      await own.query(insertEntry, [ledger.tenant, id, one.id, 'debit', debit, '2026-08-01']);
      await own.query(insertEntry, [ledger.tenant, id, two.id, 'credit', credit, '2026-08-01']);
      await own.query(`SET LOCAL ledger.tenant = ''`);
      await own.query('COMMIT');
    };

    expect(await refusalOf(book('100', '60'))).toEqual([checkViolation, 'transfers_balanced']);
    await book('100', '100');
    expect(await ledger.balance(two)).toBe('100');
  });

  test('keeps an entry on the day of its transfer', async ({ ledger, session }) => {
    const account = await ledger.account();
    const own = await session('ledger_app', ledger.tenant);
    await own.query('BEGIN');
    const id = await insertTransfer(own, ledger, '2026-08-31');
    const values = [ledger.tenant, id, account.id, 'credit', '5', '2026-09-01'];
    expect(await refusalOf(own.query(insertEntry, values))).toEqual(['23503', 'entries_transfer_fkey']);
    await own.query('ROLLBACK');
  });

  test('notes when an account was last changed', async ({ ledger, session }) => {
    const account = await ledger.account();
    const own = await session('ledger_app', ledger.tenant);
    await own.query(`UPDATE accounts SET name = 'new' WHERE id = $1`, [account.id]);
    const { rows } = await own.query(
      'SELECT updated_at > created_at AS touched FROM accounts WHERE id = $1',
      [account.id],
    );
    expect(rows).toEqual([{ touched: true }]);
  });
});

describe('what the migrations left behind', () => {
  test('the kind of account that a later migration added grows by debits', async ({ ledger }) => {
    const [bank, rent] = [await ledger.account({ kind: 'asset' }), await ledger.account({ kind: 'expense' })];

    await ledger.transfer(rent, bank, '800'); // debits rent, credits bank
    expect([await ledger.balance(rent), await ledger.balance(bank)]).toEqual(['800', '-800']);
  });

  test('the index that was built concurrently is complete', async ({ session }) => {
    const catalog = await session('ledger_readonly');
    const { rows } = await catalog.query(
      `SELECT indisvalid, indisready FROM pg_index WHERE indexrelid = 'transfers_list'::regclass`,
    );
    expect(rows).toEqual([{ indisvalid: true, indisready: true }]);
  });

  test('every rule of the schema has a stable code for the caller', async ({ session }) => {
    const catalog = await session('ledger_readonly');
    const { rows } = await catalog.query<{ name: string }>(
      `SELECT DISTINCT conname AS name FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
        WHERE r.relnamespace = 'public'::regnamespace AND NOT r.relispartition AND r.relname <> 'pgmigrations'
          AND contype IN ('c', 'f', 'p', 'u', 'x', 't')`,
    );
    expect(rows.map((row) => row.name).filter((name) => !constraintCodes.has(name))).toEqual([]);
  });
});
