import { TestDatabaseError } from '../errors.ts';
import type { ConnectionBudget, ConnectionFacts, ConnectionWishes } from './types.ts';

/** What a run asks the ledger for: with less than `minimum` it does not start. */
export function connectionDemand(wishes: ConnectionWishes): {
  readonly wanted: number;
  readonly minimum: number;
} {
  const { workers, own, each, least } = checked(wishes);
  return { wanted: own + workers * each, minimum: own + workers * least };
}

/**
 * Shares the connections of a server: what others leave, by the number of machines, less the run's own sessions, by
 * the number of workers. Better refused before the first test than failing in the middle of one.
 *
 * @throws TestDatabaseError `TESTDB_CONNECTIONS`, whose message shows the sum
 */
export function connectionBudget(facts: ConnectionWishes & ConnectionFacts): ConnectionBudget {
  const { workers, own, each, least } = checked(facts);
  const { limit, reserved, others, claimed, shards = 1, granted } = facts;
  const usable = limit - others;
  const free = Math.max(0, usable - claimed);
  const share = granted ?? Math.min(free, Math.max(0, Math.floor(usable / shards)));
  const perWorker = Math.min(each, Math.floor((share - own) / workers));
  const left =
    `max_connections ${limit + reserved} - ${reserved} reserved - ${others} of others - ${claimed} claimed by other runs` +
    ` = ${usable - claimed} free` +
    (shards > 1 && share > 0 ? `, for one of ${shards} shards ${share}` : '');
  if (perWorker < least) {
    const needed = `${own} of its own + ${workers} workers x ${least} = ${own + workers * least}`;
    throw new TestDatabaseError(
      'TESTDB_CONNECTIONS',
      `the server has too few connections: ${left}; this run needs at least ${needed}`,
      {
        kind: 'unavailable',
        hint: 'Wait for other runs, use fewer workers or smaller pools, or raise max_connections. Who has them: SELECT usename, count(*) FROM pg_stat_activity GROUP BY 1.',
      },
    );
  }
  const total = own + workers * perWorker;
  return {
    perWorker,
    total,
    capped: perWorker < each,
    arithmetic: `${left}; this run: ${own} of its own + ${workers} workers x ${perWorker} = ${total}`,
  };
}

function checked(wishes: ConnectionWishes): { workers: number; own: number; each: number; least: number } {
  const { workers, own, sessionsPerWorker: each = 10, minimumPerWorker = 2 } = wishes;
  const least = Math.min(minimumPerWorker, each);
  for (const [name, value] of Object.entries({ workers, sessionsPerWorker: each, minimumPerWorker: least })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new TestDatabaseError('TESTDB_OPTION_INVALID', `${name} is ${value}`, {
      kind: 'invalid',
      hint: 'Expected an integer from 1 on.',
    });
  }
  return { workers, own, each, least };
}
