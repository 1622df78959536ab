import type { Isolation } from './types.ts';

/** A database that the pool can still hand out, or has. */
export interface Database {
  readonly name: string;
  /** As the backend counts; undefined for what came from elsewhere. */
  readonly n: number | undefined;
  readonly branch: string | undefined;
  state: 'ready' | 'taken' | 'resetting';
  resets: number;
  /** Who had it last, or has it. Undefined: nobody yet, it is as cloned. */
  key: string | undefined;
  isolation: Isolation;
}

/** What a clone is at first. */
export const fresh: Pick<Database, 'state' | 'resets' | 'key' | 'isolation'> = {
  state: 'ready',
  resets: 0,
  key: undefined,
  isolation: 'reset',
};

/** Somebody who wants a database. */
export interface Waiter {
  readonly key: string;
  readonly isolation: Isolation;
  readonly branch: string | undefined;
  readonly since: number;
  /** The key's own database, which is being reset: worth waiting for, for a while. */
  own: Database | undefined;
  resolve(database: Database): void;
  reject(error: unknown): void;
}

/**
 * The best of the ready databases for a waiter: its own, then one that nobody has used, then the least recently
 * used.
 */
export function pick(waiter: Waiter, ready: readonly Database[]): Database | undefined {
  if (waiter.own) return undefined;
  const fitting = ready.filter(
    (one) => one.branch === waiter.branch && (waiter.isolation === 'reset' || one.key === undefined),
  );
  return (
    fitting.find((one) => one.key === waiter.key) ??
    fitting.find((one) => one.key === undefined) ??
    fitting[0]
  );
}
