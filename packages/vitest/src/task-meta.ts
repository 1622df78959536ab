import type { SessionCounters } from './observe/observed-session.ts';
import type { OpenedConnection } from './observe/observer.ts';
import type { PosternMeta } from './reporter/meta.ts';

/** The parts of vitest's task that are read and written. */
export interface RunningTest {
  readonly meta: { postern?: PosternMeta };
  readonly file: RunningFile;
  readonly fails?: boolean | undefined;
  readonly retry?: number | { readonly count?: number } | undefined;
  readonly result?: { readonly state: string; readonly retryCount?: number } | undefined;
}

export interface RunningFile {
  readonly meta: { postern?: PosternMeta };
}

/** True when the test has failed for good: without an attempt to come. */
export function hasFailed({ result, fails, retry }: RunningTest): boolean {
  if (result === undefined) return false;
  const attempts = typeof retry === 'object' ? (retry.count ?? 0) : (retry ?? 0);
  const failed = result.state === 'fail';
  return (fails === true ? !failed : failed) && (result.retryCount ?? 0) >= attempts;
}

export function countersMeta(
  counters: SessionCounters,
  connects: readonly OpenedConnection[] = [],
): PosternMeta {
  const { queries, roundTrips, connections, connectMs, errors, failedConnections } = counters;
  return {
    ...(queries <= 0 ? {} : { queries }),
    ...(roundTrips <= 0 ? {} : { roundTrips }),
    ...(connections <= 0 ? {} : { connections, connectMs }),
    ...(errors <= 0 ? {} : { errors }),
    ...(failedConnections <= 0 ? {} : { retries: failedConnections }),
    ...(connects.length === 0
      ? {}
      : { spans: connects.map((connect) => ({ phase: 'connect', ...connect }) as const) }),
  };
}

const SUMMED = [
  'acquireMs',
  'connectMs',
  'queries',
  'roundTrips',
  'connections',
  'errors',
  'retries',
] as const;

/** Adds to what is known of a test or file: numbers are summed, lists joined. */
export function addMeta(to: RunningFile, more: PosternMeta): void {
  const known = to.meta.postern ?? {};
  const sums: Partial<Record<(typeof SUMMED)[number], number>> = {};
  for (const name of SUMMED) {
    const sum = (known[name] ?? 0) + (more[name] ?? 0);
    if (sum !== 0 || more[name] !== undefined) sums[name] = sum;
  }
  to.meta.postern = {
    ...known,
    ...more,
    ...sums,
    ...joined('spans', known, more),
    ...joined('leaks', known, more),
  };
}

function joined(name: 'spans' | 'leaks', known: PosternMeta, more: PosternMeta): PosternMeta {
  const all = [...(known[name] ?? []), ...(more[name] ?? [])];
  return all.length === 0 ? {} : { [name]: all };
}
