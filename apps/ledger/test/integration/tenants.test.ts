import { describe } from '@postern/vitest';
import type { ClientBase } from 'pg';
import { expect, refusalOf, test } from './fixtures.ts';
import { move, newTenant } from './ledger-client.ts';

describe('another tenant', () => {
  test('sees neither accounts nor transfers nor statements', async ({ ledger, serve }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    const transfer = await ledger.transfer(from, to, '10');
    const other = await newTenant(serve());

    for (const path of [
      `/accounts/${from.id}`,
      `/accounts/${from.id}/history`,
      `/accounts/${from.id}/statement?from=2026-01-01&to=2026-12-31`,
      `/transfers/${transfer.id}`,
    ]) {
      expect((await other.request('GET', path)).status, path).toBe(404);
    }
    for (const list of ['/accounts', '/transfers']) {
      expect(await other.get(list)).toEqual({ items: [], nextCursor: null });
    }
    expect(await other.get('/trial-balance')).toEqual({ currencies: [] });
  });

  test('moves no money from or to a foreign account, and reverses no foreign transfer', async ({
    ledger,
    serve,
  }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    const transfer = await ledger.transfer(from, to, '10');
    const other = await newTenant(serve());
    const own = await other.account();

    for (const entries of [move(to, own, '10'), move(own, to, '10')]) {
      expect(await other.post({ entries })).toMatchObject({ status: 422, body: { code: 'ACCOUNT_UNKNOWN' } });
    }
    expect(await other.reverse(transfer.id)).toMatchObject({ status: 404 });
    expect(await ledger.balance(to)).toBe('10');
  });
});

describe('row-level security, where a query forgets its tenant', () => {
  test('a session that has named no tenant sees nothing', async ({ ledger, session }) => {
    await ledger.transfer(await ledger.account(), await ledger.account(), '10');
    const anonymous = await session('ledger_app');

    for (const table of [
      'tenants',
      'accounts',
      'transfers',
      'entries',
      'idempotency_keys',
      'closed_periods',
    ]) {
      const { rows } = await anonymous.query(`SELECT count(*)::int AS count FROM ${table}`);
      expect(rows, table).toEqual([{ count: 0 }]);
    }
  });

  test('a row cannot be written into another tenant, nor moved there', async ({ ledger, serve, session }) => {
    const victim = await newTenant(serve());
    const account = await ledger.account();
    const attacker = await session('ledger_app', ledger.tenant);

    const insert = attacker.query(
      `INSERT INTO accounts (id, tenant_id, code, name, kind, currency)
       VALUES (gen_random_uuid(), $1, 'planted', 'planted', 'asset', 'EUR')`,
      [victim.tenant],
    );
    expect((await refusalOf(insert))[0]).toBe('42501');
    const update = attacker.query('UPDATE accounts SET tenant_id = $1 WHERE id = $2', [
      victim.tenant,
      account.id,
    ]);
    expect((await refusalOf(update))[0]).toBe('42501');
    const foreign = await attacker.query(`UPDATE accounts SET name = 'x' WHERE tenant_id = $1`, [
      victim.tenant,
    ]);
    expect(foreign.rowCount).toBe(0);
  });

  test('an entry cannot name the account of another tenant, whoever inserts it', async ({
    ledger,
    serve,
    session,
  }) => {
    const victim = await newTenant(serve());
    const account = await victim.account();
    const transfer = await ledger.transfer(await ledger.account(), await ledger.account(), '10');
    const attacker = await session('ledger_app', ledger.tenant);

    const insert = attacker.query(
      `INSERT INTO entries (tenant_id, transfer_id, account_id, side, amount, currency, booked_on)
       VALUES ($1, $2, $3, 'credit', 1, 'EUR', $4)`,
      [ledger.tenant, transfer.id, account.id, transfer.bookedOn],
    );
    expect(await refusalOf(insert)).toEqual(['23503', 'entries_account_currency_fkey']);
  });

  test('a partition is no way round the policies of its parent', async ({ ledger, session }) => {
    await ledger.transfer(await ledger.account(), await ledger.account(), '10', { bookedOn: '2026-07-07' });
    const own = await session('ledger_app', ledger.tenant);

    const parent = await own.query('SELECT DISTINCT tableoid::regclass::text AS partition FROM entries');
    expect(parent.rows).toEqual([{ partition: 'entries_2026_07' }]);
    expect((await own.query('SELECT * FROM entries_2026_07')).rows).toEqual([]);
  });

  test('views show the rows of the one who asks', async ({ ledger, session }) => {
    await ledger.transfer(await ledger.account(), await ledger.account(), '10');
    const own = await session('ledger_readonly', ledger.tenant);
    const anonymous = await session('ledger_readonly');

    for (const view of ['account_months', 'trial_balance']) {
      const { rows } = await own.query(`SELECT DISTINCT tenant_id FROM ${view}`);
      expect(rows, view).toEqual([{ tenant_id: ledger.tenant }]);
      expect((await anonymous.query(`SELECT * FROM ${view}`)).rows, view).toEqual([]);
    }
  });

  test('the tenant of one request is not left on the connection for the next', async ({
    ledger,
    transactions,
  }) => {
    const connections: ClientBase[] = [];
    const { transactions: book } = transactions({}, { onConnect: (client) => void connections.push(client) });
    const visible = await book.read(ledger.tenant, async (session) => {
      const { rows } = await session.query('SELECT id FROM tenants');
      return rows;
    });

    expect(visible).toEqual([{ id: ledger.tenant }]);
    expect(connections).toHaveLength(1);
    expect((await connections[0]!.query('SELECT id FROM tenants')).rows).toEqual([]);
  });

  test('no table and no view is left out', async ({ session }) => {
    const catalog = await session('ledger_app');
    const { rows } = await catalog.query(
      `SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
          AND (relkind IN ('r', 'p') AND NOT relrowsecurity
               OR relkind = 'v' AND NOT coalesce(reloptions @> '{security_invoker=true}', false))`,
    );
    expect(rows).toEqual([]);
  });
});
