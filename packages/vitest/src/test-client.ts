import type { Client, PoolClient } from 'pg';
import type { DatabaseLease, DatabaseView } from './database-lease.ts';
import { noteLeaks } from './end-report.ts';
import type { SessionLeak } from './observe/observed-session.ts';
import type { RunningTest } from './task-meta.ts';

interface OpenTestClient {
  readonly client: Client;
  close(): Promise<void>;
}

/** A session for one test: in a transaction, or out of the pool. */
export async function openTestClient(
  lease: DatabaseLease,
  view: DatabaseView,
  task: RunningTest,
): Promise<OpenTestClient> {
  if (view.settings.isolation === 'transaction') {
    const { client, rollBack } = await view.begin();
    return { client, close: rollBack };
  }
  const client = await view.pool().connect();
  const close = async (): Promise<void> =>
    noteLeaks(await giveBack(lease, client), view.settings.leaks, task);
  return { client: client as unknown as Client, close };
}

/** The next test may get this session: it must hold nothing of this one. Gives what the test left open. */
async function giveBack(lease: DatabaseLease, client: PoolClient): Promise<readonly SessionLeak[]> {
  const pid = (client as unknown as { processID: number | null }).processID;
  const open = lease.observer
    .leaks(lease.name)
    .filter((leak) => leak.pid === pid && leak.kind !== 'checked-out');
  client.release(open.length > 0);
  if (open.length === 0) await lease.observer.settle(lease.name);
  return lease.untold(open);
}
