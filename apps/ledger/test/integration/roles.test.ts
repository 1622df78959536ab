import { describe } from '@postern/vitest';
import { expect, refusalOf, test } from './fixtures.ts';
import { move } from './ledger-client.ts';

const insufficientPrivilege = '42501';
const checkViolation = '23514';

describe('ledger_readonly', () => {
  test('serves what is there', async ({ ledger, serve }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    const transfer = await ledger.transfer(from, to, '10');
    const reader = ledger.through(serve('ledger_readonly'));

    expect(await reader.get(`/transfers/${transfer.id}`)).toEqual(transfer);
    expect(await reader.balance(to)).toBe('10');
    expect(await reader.get('/health')).toEqual({ status: 'ok' });
  });

  test('is refused every write of the service', async ({ ledger, serve }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    const transfer = await ledger.transfer(from, to, '10');
    const reader = ledger.through(serve('ledger_readonly'));

    for (const answer of [
      await reader.request('POST', '/tenants', { body: { name: 'x' } }),
      await reader.request('POST', '/accounts', {
        body: { code: 'x', name: 'x', kind: 'asset', currency: 'EUR' },
      }),
      await reader.post({ entries: move(from, to, '10') }),
      await reader.reverse(transfer.id),
      await reader.request('POST', '/closed-periods', { body: { from: '2026-01-01', to: '2026-01-31' } }),
    ]) {
      expect(answer).toMatchObject({ status: 403, body: { code: 'WRITE_REFUSED', kind: 'denied' } });
    }
    expect(await ledger.balance(to)).toBe('10');
  });

  test('is refused each kind of write to each table by the server itself', async ({ ledger, session }) => {
    const reader = await session('ledger_readonly', ledger.tenant);
    const { rows: tables } = await reader.query<{ table: string }>(
      `SELECT oid::regclass::text AS table FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`,
    );

    expect(tables.length).toBeGreaterThan(40);
    for (const { table } of tables) {
      for (const write of [
        `INSERT INTO ${table} DEFAULT VALUES`,
        `DELETE FROM ${table}`,
        `TRUNCATE ${table}`,
      ]) {
        expect((await refusalOf(reader.query(write)))[0], write).toBe(insufficientPrivilege);
      }
    }
  });
});

describe('ledger_app', () => {
  test('is who the session says it is, also after a reset', async ({ session }) => {
    const app = await session('ledger_app');
    await app.query('RESET ROLE');
    await app.query('DISCARD ALL');
    const { rows } = await app.query('SELECT current_user, pg_has_role(current_user, $1, $2) AS owner', [
      'ledger_owner',
      'MEMBER',
    ]);
    expect(rows).toEqual([{ current_user: 'ledger_app', owner: false }]);
  });

  test('cannot change the schema or switch the rules off', async ({ session }) => {
    const app = await session('ledger_app');
    for (const statement of [
      'CREATE TABLE mine (id int)',
      'TRUNCATE entries',
      'ALTER TABLE accounts DROP CONSTRAINT accounts_overdraft',
      'ALTER TABLE entries DISABLE ROW LEVEL SECURITY',
      'DROP TRIGGER entries_append_only ON entries',
      `SET session_replication_role = 'replica'`,
      `SELECT create_entry_partition('2030-01-01')`,
    ]) {
      expect((await refusalOf(app.query(statement)))[0], statement).toBe(insufficientPrivilege);
    }
  });

  test('cannot rewrite what is booked', async ({ ledger, session }) => {
    await ledger.transfer(await ledger.account(), await ledger.account(), '10');
    const app = await session('ledger_app', ledger.tenant);

    for (const [statement, constraint] of [
      ['UPDATE entries SET amount = 11', 'entries_append_only'],
      ['DELETE FROM entries', 'entries_append_only'],
      [`UPDATE transfers SET description = 'other'`, 'transfers_append_only'],
    ] as const) {
      expect(await refusalOf(app.query(statement)), statement).toEqual([checkViolation, constraint]);
    }
  });

  test('cannot make money by writing a balance', async ({ ledger, session }) => {
    const account = await ledger.account();
    const app = await session('ledger_app', ledger.tenant);

    const update = app.query('UPDATE accounts SET balance = 1000000 WHERE id = $1', [account.id]);
    expect(await refusalOf(update)).toEqual([checkViolation, 'accounts_balance_derived']);
    const { rows } = await app.query(
      `INSERT INTO accounts (id, tenant_id, code, name, kind, currency, balance)
       VALUES (gen_random_uuid(), $1, 'rich', 'rich', 'asset', 'EUR', 1000000) RETURNING balance`,
      [ledger.tenant],
    );
    expect(rows).toEqual([{ balance: '0' }]);
  });
});
