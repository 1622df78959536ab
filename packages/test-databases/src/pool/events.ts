import { channel } from 'node:diagnostics_channel';
import type { PoolStatistics, ReleaseOutcome } from './types.ts';

const poolEvents = channel('postern:test-databases:pool');

/**
 * What a pool tells, to `onEvent` and to the diagnostics channel `postern:test-databases:pool`. A `released` event
 * whose outcome is a discard is the visible reason why a database was replaced instead of reset.
 */
export type PoolEvent =
  | {
      readonly type: 'cloned';
      readonly databases: readonly string[];
      readonly branch: string | undefined;
      readonly ms: number;
    }
  | { readonly type: 'clone-failed'; readonly branch: string | undefined; readonly error: unknown }
  | {
      readonly type: 'acquired';
      readonly name: string;
      readonly key: string;
      readonly origin: 'clone' | 'reset';
      readonly waitedMs: number;
    }
  | {
      readonly type: 'released';
      readonly name: string;
      readonly outcome: ReleaseOutcome;
      /** From release to outcome. */
      readonly ms: number;
    }
  /** The pool changed its mind about what is cheaper. */
  | {
      readonly type: 'strategy';
      readonly strategy: PoolStatistics['strategy'];
      readonly cloneMs: number;
      readonly resetMs: number;
      readonly discardRate: number;
    }
  | { readonly type: 'dropped'; readonly databases: readonly string[]; readonly ms: number }
  | { readonly type: 'drop-failed'; readonly databases: readonly string[]; readonly error: unknown };

/** Later, so that a listener that calls the pool does not meet it in the middle of something. */
export function tell(event: PoolEvent, onEvent: ((event: PoolEvent) => void) | undefined): void {
  if (!onEvent && !poolEvents.hasSubscribers) return;
  queueMicrotask(() => {
    poolEvents.publish(event);
    onEvent?.(event);
  });
}
