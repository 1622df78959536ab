import { describe } from '@postern/vitest';
import type { Page } from '../../src/cursor.ts';
import type { Transfer } from '../../src/domain/transfers.ts';
import { expect, test } from './fixtures.ts';

describe('the list of transfers', () => {
  test('shows each transfer once while others are booked between two pages', async ({ ledger }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    const book = (bookedOn: string) => ledger.transfer(from, to, '1', { bookedOn });
    const days = [
      '2026-03-03',
      '2026-03-03',
      '2026-03-02',
      '2026-03-02',
      '2026-03-02',
      '2026-03-01',
      '2025-12-31',
    ];
    const there: string[] = [];
    for (const day of days.toReversed()) there.unshift((await book(day)).id);

    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: Page<Transfer> = await ledger.get(`/transfers?limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.items.map((transfer) => transfer.id));
      cursor = page.nextCursor;
      // Before, among and after what is still to be shown.
      for (const day of ['2026-03-04', '2026-03-02', '2025-06-01']) if (seen.length < 4) await book(day);
    }

    expect(seen.filter((id) => there.includes(id))).toEqual(there);
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('ends exactly where the transfers end', async ({ ledger }) => {
    const [from, to] = [await ledger.account(), await ledger.account()];
    for (const amount of ['1', '2', '3', '4']) await ledger.transfer(from, to, amount);

    const first = await ledger.get<Page<Transfer>>('/transfers?limit=2');
    const second = await ledger.get<Page<Transfer>>(`/transfers?limit=2&cursor=${first.nextCursor}`);

    expect(second.nextCursor).toBeNull();
    const amounts = [...first.items, ...second.items].map((transfer) => transfer.entries[0]?.amount);
    expect(amounts).toEqual(['4', '3', '2', '1']);
  });

  test('refuses a cursor that it has not given out', async ({ ledger }) => {
    const forged = [['2026-01-01'], ['2026-01-01', '1; drop table'], ['today', '1'], { day: 1 }, 'x'];
    for (const key of forged) {
      const cursor = Buffer.from(JSON.stringify(key)).toString('base64url');
      const answer = await ledger.request('GET', `/transfers?cursor=${cursor}`);
      expect(answer, cursor).toMatchObject({ status: 400, body: { code: 'CURSOR_INVALID' } });
    }
    expect((await ledger.request('GET', '/transfers?limit=101')).status).toBe(400);
  });
});
