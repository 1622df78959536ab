import { setTimeout as delay } from 'node:timers/promises';
import { isTestDatabaseError, TestDatabaseError } from '../errors.ts';
import { holdLease, type Lease, type LeaseOptions } from '../lease.ts';

/** From a lost session to a swept run pass at least the server's idle time-out and the grace. */
const patienceMs = 150_000;
const pauseMs = 500;

/** A lease that is taken again when its session is lost, as after a server restart. */
export interface KeptLease {
  /** Fulfils when the run is over: after `close()` without a reason, else with what ended it for good. */
  readonly closed: Promise<{ readonly reason: unknown }>;
  close(): Promise<void>;
}

export async function keepLease(options: LeaseOptions): Promise<KeptLease> {
  const ending = new AbortController();
  let lease: Lease = await holdLease(options);
  const again: LeaseOptions = { ...options, signal: ending.signal };

  const retake = async (lost: unknown): Promise<Lease> => {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      try {
        return await holdLease(again);
      } catch (error) {
        ending.signal.throwIfAborted();
        const over = isTestDatabaseError(error) && error.code === 'TESTDB_RUN_CLOSED';
        if (over) throw error;
        if (performance.now() > deadline) throw notAgain(options.run, lost, error);
      }
      await delay(pauseMs, undefined, { signal: ending.signal, ref: false });
    }
  };
  const keep = async (): Promise<{ reason: unknown }> => {
    for (;;) {
      const { reason } = await lease.closed;
      if (ending.signal.aborted || reason === undefined) return { reason: undefined };
      try {
        lease = await retake(reason);
        if (ending.signal.aborted) await lease.close();
      } catch (error) {
        return { reason: ending.signal.aborted ? undefined : error };
      }
    }
  };
  const closed = keep();
  let closing: Promise<void> | undefined;
  return {
    closed,
    close: () => {
      closing ??= (async () => {
        ending.abort();
        await lease.close();
        await closed;
      })();
      return closing;
    },
  };
}

function notAgain(run: string, lost: unknown, cause: unknown): TestDatabaseError {
  const why = lost instanceof Error ? `: ${lost.message}` : '';
  return new TestDatabaseError(
    'TESTDB_LEASE_LOST',
    `the lease of run ${run} could not be taken again${why}`,
    {
      kind: 'unavailable',
      hint: 'The server could not be reached for minutes. Start a new run.',
      cause,
    },
  );
}
