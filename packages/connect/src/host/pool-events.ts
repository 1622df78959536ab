import type { PoolEvent, ReleaseOutcome } from '@postern/test-databases';
import type { HostEvent } from './protocol.ts';

/** What a pool tells, as an event of the host. */
export function hostEventOf(run: string, event: PoolEvent): HostEvent {
  switch (event.type) {
    case 'cloned':
      return {
        phase: 'pool',
        state: 'done',
        run,
        durationMs: rounded(event.ms),
        detail: event.branch === undefined ? 'cloned' : 'cloned from a branch',
        counts: { databases: event.databases.length, 'round trips': 1 },
      };
    case 'acquired':
      return {
        phase: 'acquire',
        state: 'done',
        run,
        database: event.name,
        durationMs: rounded(event.waitedMs),
        detail: event.origin,
      };
    case 'released':
      return { ...outcomeOf(event.outcome), run, database: event.name, durationMs: rounded(event.ms) };
    case 'strategy':
      return {
        phase: 'pool',
        state: 'done',
        run,
        reason: `strategy-${event.strategy}`,
        detail: `a clone takes ${rounded(event.cloneMs)} ms, a reset ${rounded(event.resetMs)} ms, ${Math.round(event.discardRate * 100)} % of resets end in a clone`,
      };
    case 'dropped':
      return {
        phase: 'pool',
        state: 'done',
        run,
        durationMs: rounded(event.ms),
        detail: 'dropped',
        counts: { databases: event.databases.length, 'round trips': 1 },
      };
    default:
      return {
        phase: 'pool',
        state: 'failed',
        run,
        reason: event.type,
        detail: textOf(event.error),
      };
  }
}

function outcomeOf(outcome: ReleaseOutcome): HostEvent {
  if (outcome.status === 'kept') return { phase: 'reset', state: 'done', reason: 'kept', detail: 'kept' };
  const ended = outcome.ended.length === 0 ? {} : { 'sessions ended': outcome.ended.length };
  if (outcome.status === 'reset') {
    const { tables, sequences } = outcome;
    return { phase: 'reset', state: 'done', counts: { tables, sequences, 'round trips': 1, ...ended } };
  }
  const { reason, detail } = outcome;
  return { phase: 'reset', state: 'done', reason, detail, counts: ended };
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}

/** Tenths of a millisecond: a pool is fast enough for them to count. */
function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
