import type { Database, Waiter } from './database.ts';
import type { PoolSettings } from './settings.ts';
import type { Shelf } from './shelf.ts';

/** How many clones a source lacks so that everybody who waits for it is served and `stock` are left. */
export function missingClones(
  shelf: Shelf,
  waiters: readonly Waiter[],
  databases: Iterable<Database>,
  stock: number,
): number {
  if (shelf.failure) return 0;
  const here = waiters.filter(({ branch }) => branch === shelf.branch);
  const strict = here.filter(({ isolation }) => isolation === 'clone').length;
  const used = countOf(databases, shelf, 'ready', 'resetting');
  // What was reset is nothing for those who want a fresh one.
  const forWaiters = strict + Math.max(0, here.length - strict - used);
  return Math.max(forWaiters, here.length + stock - used) - shelf.cloning;
}

/** How many shall be ready beyond those who wait. What is in use and will be reset comes back. */
export function wantedStock(
  strategy: 'reset' | 'clone',
  { depth, spare }: PoolSettings,
  databases: Iterable<Database>,
): number {
  if (strategy === 'clone') return depth;
  let coming = 0;
  for (const { state, isolation, branch } of databases) {
    if (state === 'taken' && isolation === 'reset' && branch === undefined) coming++;
  }
  return Math.max(depth - coming, spare);
}

export function countOf(
  databases: Iterable<Database>,
  shelf: Shelf,
  ...states: readonly Database['state'][]
): number {
  let count = 0;
  for (const { state, branch } of databases) {
    if (branch === shelf.branch && states.includes(state)) count++;
  }
  return count;
}

/** The database that a key had last, if it is being reset at the moment. */
export function ownInReset(
  databases: Iterable<Database>,
  { key, branch }: { readonly key: string; readonly branch: string | undefined },
): Database | undefined {
  for (const one of databases) {
    if (one.state === 'resetting' && one.key === key && one.branch === branch) return one;
  }
  return undefined;
}
