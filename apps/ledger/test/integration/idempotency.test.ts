import { describe } from '@postern/vitest';
import type { Page } from '../../src/cursor.ts';
import type { Transfer } from '../../src/domain/transfers.ts';
import { expect, test } from './fixtures.ts';
import { move, newTenant } from './ledger-client.ts';

describe('a repeated idempotency key', () => {
  test('gets the first answer and moves no money', async ({ ledger }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    const request = { entries: move(from, to, '10'), bookedOn: '2026-02-03' };

    const first = await ledger.post(request, 'key');
    const second = await ledger.post(request, 'key');

    expect(first).toMatchObject({ status: 201, headers: { 'idempotency-replayed': 'false' } });
    expect(second).toMatchObject({ status: 201, headers: { 'idempotency-replayed': 'true' } });
    expect(second.text).toBe(first.text);
    expect(await ledger.balance(to)).toBe('10');
  });

  test('in a race of ten makes one transfer and ten equal answers', async ({ ledger }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];

    const answers = await Promise.all(
      Array.from({ length: 10 }, () => ledger.post<Transfer>({ entries: move(from, to, '10') }, 'key')),
    );

    expect(answers.map((answer) => answer.status)).toEqual(Array(10).fill(201));
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect(answers.filter((answer) => answer.headers['idempotency-replayed'] === 'false')).toHaveLength(1);
    expect((await ledger.get<Page<Transfer>>('/transfers')).items).toHaveLength(1);
    expect(await ledger.balance(to)).toBe('10');
  });

  test('with another content is refused', async ({ ledger }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    const transfer = await ledger.post<Transfer>({ entries: move(from, to, '10') }, 'key');

    const others = [
      await ledger.post({ entries: move(from, to, '11') }, 'key'),
      await ledger.post({ entries: move(to, from, '10') }, 'key'),
      await ledger.post({ entries: move(from, to, '10'), description: 'other' }, 'key'),
      await ledger.reverse(transfer.body.id, 'key'),
    ];

    for (const other of others) {
      expect(other).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
    }
    expect(await ledger.balance(to)).toBe('10');
  });

  test('with two contents in a race books one of them and refuses the other', async ({ ledger }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];

    const answers = await Promise.all(
      ['10', '11'].map((amount) => ledger.post<Transfer>({ entries: move(from, to, amount) }, 'key')),
    );

    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 422]);
    const winner = answers.find((answer) => answer.status === 201);
    expect(await ledger.balance(to)).toBe(winner?.body.entries[0]?.amount);
  });

  test('is free again after a refusal', async ({ ledger }) => {
    const [from, to] = [await ledger.account({ overdraftLimit: '0' }), await ledger.account()];
    expect((await ledger.post({ entries: move(from, to, '10') }, 'key')).status).toBe(422);

    await ledger.transfer(to, from, '10');
    expect((await ledger.post({ entries: move(from, to, '10') }, 'key')).status).toBe(201);
  });

  test('belongs to its tenant', async ({ ledger, serve }) => {
    for (const tenant of [ledger, await newTenant(serve())]) {
      const [from, to] = [await tenant.account(), await tenant.account()];
      expect(await tenant.post({ entries: move(from, to, '10') }, 'key')).toMatchObject({
        status: 201,
        headers: { 'idempotency-replayed': 'false' },
      });
    }
  });

  test('is required, and its absence is named', async ({ ledger }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    const body = { currency: 'EUR', entries: move(from, to, '10') };

    const answer = await ledger.request('POST', '/transfers', { body });
    expect(answer).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } });
    expect(answer.body.message).toContain('idempotency-key');
  });
});
