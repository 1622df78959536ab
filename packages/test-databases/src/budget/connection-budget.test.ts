import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { connectionBudget, connectionDemand } from '../index.ts';

const server = { limit: 97, reserved: 3, others: 12, claimed: 0 };

describe('a run', () => {
  test('gets what it wants where there is enough', () => {
    expect(connectionBudget({ ...server, workers: 4, own: 5 })).toEqual({
      perWorker: 10,
      total: 45,
      capped: false,
      arithmetic:
        'max_connections 100 - 3 reserved - 12 of others - 0 claimed by other runs = 85 free; this run: 5 of its own + 4 workers x 10 = 45',
    });
    expect(connectionDemand({ workers: 4, own: 5 })).toEqual({ wanted: 45, minimum: 13 });
  });

  test('gets smaller pools where there is less', () => {
    expect(connectionBudget({ ...server, claimed: 60, workers: 4, own: 5 })).toMatchObject({
      perWorker: 5,
      total: 25,
      capped: true,
    });
  });

  test('leaves their part to the other shards, even before they have come', () => {
    expect(connectionBudget({ ...server, shards: 4, workers: 4, own: 5 })).toMatchObject({
      perWorker: 4,
      total: 21,
      arithmetic: expect.stringContaining('for one of 4 shards 21'),
    });
  });

  test('is refused with the sum before the first test fails', () => {
    expect(() => connectionBudget({ ...server, claimed: 75, workers: 4, own: 5 })).toThrow(
      expect.objectContaining({
        code: 'TESTDB_CONNECTIONS',
        kind: 'unavailable',
        message:
          'the server has too few connections: max_connections 100 - 3 reserved - 12 of others - 75 claimed by other runs = 10 free; this run needs at least 5 of its own + 4 workers x 2 = 13',
      }),
    );
  });

  test('goes by what the ledger granted', () => {
    expect(connectionBudget({ ...server, granted: 17, workers: 4, own: 5 })).toMatchObject({ perWorker: 3 });
    expect(() => connectionBudget({ ...server, granted: 0, workers: 4, own: 5 })).toThrow(
      'too few connections',
    );
  });

  test('that wants one session for each worker is not refused for want of two', () => {
    expect(
      connectionBudget({ ...server, others: 90, workers: 4, own: 1, sessionsPerWorker: 1 }),
    ).toMatchObject({ perWorker: 1 });
  });

  test.each([{ workers: 0 }, { sessionsPerWorker: 1.5 }])('with %o is refused', (wrong) => {
    expect(() => connectionBudget({ ...server, workers: 1, own: 1, ...wrong })).toThrow(
      expect.objectContaining({ code: 'TESTDB_OPTION_INVALID' }),
    );
  });
});

test('all shards together never have more than the server', () => {
  const count = (max: number, min = 0): fc.Arbitrary<number> => fc.integer({ min, max });
  fc.assert(
    fc.property(
      fc.record({ limit: count(500, 10), reserved: count(5), others: count(50) }),
      fc.record({
        shards: count(8, 1),
        workers: count(8, 1),
        own: count(8),
        sessionsPerWorker: count(20, 1),
      }),
      (facts, wishes) => {
        let claimed = 0;
        for (let shard = 0; shard < wishes.shards; shard++) {
          try {
            const budget = connectionBudget({ ...facts, ...wishes, claimed });
            expect(budget.total).toBe(wishes.own + wishes.workers * budget.perWorker);
            claimed += budget.total;
          } catch (error) {
            expect(error).toMatchObject({ code: 'TESTDB_CONNECTIONS' });
          }
        }
        expect(claimed).toBeLessThanOrEqual(Math.max(0, facts.limit - facts.others));
      },
    ),
  );
});
