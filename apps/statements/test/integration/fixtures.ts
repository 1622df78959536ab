import { test as base, expect } from '@postern/vitest';
import pg from 'pg';
import ledgerDeclaration from '../../../ledger/database/database.ts';
import { createWorker, type Worker, type WorkerOptions } from '../../src/worker.ts';
import { ArchiveReader } from './archive-reader.ts';
import { LedgerBook } from './ledger-book.ts';

type OwnRole = 'statements_app' | 'statements_readonly';
type LedgerRole = 'ledger_app' | 'statements_reader';

/** What tests get, on top of the migrated `database` and the ledger's. Whatever a fixture opened it closes after the test. */
export const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixture's dependencies from this pattern
  .extend('sessions', ({}, { onCleanup }) => {
    const clients: pg.Client[] = [];
    onCleanup(async () => {
      await Promise.all(clients.map((client) => client.end()));
    });
    return async (config: pg.ClientConfig): Promise<pg.Client> => {
      const client = new pg.Client(config);
      clients.push(client);
      await client.connect();
      return client;
    };
  })
  /** The ledger's database, as its own service declares it. */
  .extend('ledger', { scope: 'file' }, ({ otherDatabase }) => otherDatabase(ledgerDeclaration))
  /** Starts an instance of the service; several side by side are several invocations. */
  .extend('worker', ({ database, ledger }, { onCleanup }) => {
    const workers: Worker[] = [];
    onCleanup(async () => {
      await Promise.all(workers.map((worker) => worker.close()));
    });
    return (over: Partial<WorkerOptions> = {}): Worker => {
      const worker = createWorker({
        ledger: ledger.as('statements_reader'),
        statements: database.as('statements_app'),
        ...over,
      });
      workers.push(worker);
      return worker;
    };
  })
  /** Connects to the statements past the worker: for what another program, or a mistake in this one, could do. */
  .extend(
    'session',
    ({ database, sessions }) =>
      async (role: OwnRole, tenant?: string): Promise<pg.Client> => {
        const client = await sessions(database.as(role));
        if (tenant !== undefined)
          await client.query(`SELECT set_config('statements.tenant', $1, false)`, [tenant]);
        return client;
      },
  )
  .extend(
    'inLedger',
    ({ ledger, sessions }) =>
      async (role: LedgerRole): Promise<pg.Client> =>
        sessions(ledger.as(role)),
  )
  /** A tenant of the ledger, with an empty book. */
  .extend('book', async ({ inLedger }) => LedgerBook.open(await inLedger('ledger_app')))
  .extend('anotherBook', async ({ inLedger }) => LedgerBook.open(await inLedger('ledger_app')))
  .extend('archive', async ({ session }) => new ArchiveReader(await session('statements_readonly')));

export { expect };

/** What the server said no with: [SQLSTATE, constraint]. Fails when it said yes. */
export async function refusalOf(query: Promise<unknown>): Promise<[string | undefined, string | undefined]> {
  try {
    await query;
  } catch (error) {
    if (error instanceof pg.DatabaseError) return [error.code, error.constraint];
    throw error;
  }
  throw new Error('the statement was accepted');
}
