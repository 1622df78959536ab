import type { Client, PoolClient } from 'pg';
import type { DatabaseLease } from './database-lease.ts';
import { noteLeaks } from './end-report.ts';
import type { RunningTest } from './task-meta.ts';

interface OpenTestClient {
  readonly client: Client;
  close(): Promise<void>;
}

/** A session for one test: in a transaction, or out of the pool. */
export async function openTestClient(lease: DatabaseLease, task: RunningTest): Promise<OpenTestClient> {
  if (lease.settings.isolation === 'transaction') {
    const { client, rollBack } = await lease.transactions.begin();
    return { client, close: rollBack };
  }
  const client = await lease.pool().connect();
  return { client: client as unknown as Client, close: async () => await giveBack(lease, client, task) };
}

/** The next test may get this session: it must hold nothing of this one. */
async function giveBack(lease: DatabaseLease, client: PoolClient, task: RunningTest): Promise<void> {
  const pid = (client as unknown as { processID: number | null }).processID;
  const open = lease.observer
    .leaks(lease.name)
    .filter((leak) => leak.pid === pid && leak.kind !== 'checked-out');
  client.release(open.length > 0);
  if (open.length === 0) await lease.observer.settle(lease.name);
  noteLeaks(open, lease.settings.leaks, task);
}
