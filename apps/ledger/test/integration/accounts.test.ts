import { randomUUID } from 'node:crypto';
import { describe } from '@postern/vitest';
import type { Page } from '../../src/cursor.ts';
import type { Account } from '../../src/domain/accounts.ts';
import { expect, test } from './fixtures.ts';
import { LedgerClient } from './ledger-client.ts';

describe('accounts', () => {
  test('an account is read back as it was opened, with nothing on it', async ({ ledger }) => {
    const opened = await ledger.account({ code: 'cash', name: 'Cash', kind: 'asset', overdraftLimit: '0' });

    expect(opened).toMatchObject({ code: 'cash', kind: 'asset', currency: 'EUR', balance: '0' });
    expect(await ledger.get(`/accounts/${opened.id}`)).toEqual(opened);
  });

  test('a code names one account per tenant, whatever its case', async ({ ledger, serve }) => {
    await ledger.account({ code: 'Cash' });

    const body = { code: 'CASH', name: 'again', kind: 'asset', currency: 'EUR' };
    const again = await ledger.request('POST', '/accounts', { body });
    expect(again).toMatchObject({ status: 409, body: { code: 'ACCOUNT_CODE_TAKEN', kind: 'conflict' } });

    const { id } = await serve()
      .inject({ method: 'POST', url: '/tenants', payload: { name: 'Another' } })
      .then((answer) => answer.json<{ id: string }>());
    const elsewhere = await new LedgerClient(serve(), id).request('POST', '/accounts', { body });
    expect(elsewhere.status).toBe(201);
  });

  test('an account of a tenant that does not exist is refused', async ({ serve }) => {
    const stranger = new LedgerClient(serve(), randomUUID());
    const body = { code: 'cash', name: 'Cash', kind: 'asset', currency: 'EUR' };

    const answer = await stranger.request('POST', '/accounts', { body });
    expect(answer).toMatchObject({ status: 404, body: { code: 'TENANT_NOT_FOUND' } });
  });

  test('rules of the schema come back as answers, not as failures', async ({ ledger }) => {
    const account = { code: 'x', name: 'X', kind: 'asset', currency: 'EUR' };
    const refusals = [
      [{ ...account, currency: 'eur' }, 'CURRENCY_INVALID'],
      [{ ...account, overdraftLimit: '-1' }, 'OVERDRAFT_LIMIT_INVALID'],
      [{ ...account, overdraftLimit: '9223372036854775808' }, 'AMOUNT_OUT_OF_RANGE'],
    ] as const;
    for (const [body, code] of refusals) {
      expect(await ledger.request('POST', '/accounts', { body })).toMatchObject({
        status: 422,
        body: { code },
      });
    }
  });

  test('malformed requests are named as such and reach no table', async ({ ledger }) => {
    const account = { code: 'x', name: 'X', kind: 'asset', currency: 'EUR' };
    for (const body of [
      { ...account, kind: 'wishful' },
      { ...account, overdraftLimit: 100 },
      { ...account, colour: 'blue' },
      { ...account, name: 'a NUL \0 that Postgres cannot store' },
    ]) {
      expect(await ledger.request('POST', '/accounts', { body })).toMatchObject({
        status: 400,
        body: { code: 'REQUEST_INVALID' },
      });
    }
    expect((await ledger.request('GET', '/accounts/not-a-uuid')).status).toBe(400);
    expect((await ledger.request('GET', '/accounts?cursor=nonsense')).body.code).toBe('CURSOR_INVALID');
    expect(await ledger.get<Page<Account>>('/accounts')).toEqual({ items: [], nextCursor: null });
  });

  test('a list is walked in the order of the codes, page by page', async ({ ledger }) => {
    for (const code of ['b', 'D', 'a', 'C', 'e']) await ledger.account({ code });

    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: Page<Account> = await ledger.get(`/accounts?limit=2${cursor && `&cursor=${cursor}`}`);
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map((account) => account.code));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(['a', 'b', 'C', 'D', 'e']);
  });
});
