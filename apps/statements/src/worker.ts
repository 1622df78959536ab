import type { PoolConfig } from 'pg';
import { Archive } from './domain/archive.ts';
import { readEvent } from './event.ts';
import { Books } from './ledger/books.ts';
import type { RetryPolicy } from './retry.ts';
import { TenantDatabase } from './tenant-database.ts';

export interface WorkerOptions {
  /** The ledger's database, as a role that reads it. How either connection leads there is the business of who made it. */
  readonly ledger: PoolConfig;
  /** The worker's own database. */
  readonly statements: PoolConfig;
  /** Accounts of one transaction. Default 50: well below a second, so little is lost when the time is over. */
  readonly batchSize?: number;
  /** Time that a batch may need: with less left no further one is begun. Default 5 s. */
  readonly reserveMs?: number;
  readonly retry?: Partial<RetryPolicy>;
}

/** The part of a Lambda's context that matters here. */
export interface InvocationContext {
  getRemainingTimeInMillis(): number;
}

/** What an invocation did, and what there is now. */
export interface Report {
  readonly tenant: string;
  readonly month: string;
  /** `partial`: the time was over; invoke again with the same event. */
  readonly status: 'complete' | 'partial';
  /** Statements and lines that this invocation wrote. */
  readonly written: number;
  readonly lines: number;
  /** Statements that were there already, of those that it looked at. */
  readonly found: number;
  /** Transactions that lost against another invocation and were tried again. */
  readonly retries: number;
}

export interface Worker {
  /**
   * Writes the statements of a tenant's month. Any number of times and side by side with the same event: what is written
   * is found. Throws StatementsError; those of kind `unavailable` are worth another invocation, which goes on where this
   * one stopped.
   */
  handle(event: unknown, context?: InvocationContext): Promise<Report>;
  close(): Promise<void>;
}

const unlimited: InvocationContext = { getRemainingTimeInMillis: () => Number.POSITIVE_INFINITY };

/** Two pools that outlive an invocation, as a Lambda's do. Nothing is connected before the first event. */
export function createWorker(options: WorkerOptions): Worker {
  const { batchSize = 50, reserveMs = 5_000, retry = {} } = options;
  const small = { max: 2 }; // one invocation needs one session of each
  const ledger = new TenantDatabase({ ...small, ...options.ledger }, { name: 'ledger' });
  const own = new TenantDatabase({ ...small, ...options.statements }, { name: 'statements', retry });
  const books = new Books(ledger);
  const archive = new Archive(own);

  return {
    handle: async (event, context = unlimited) => {
      const { tenant, month } = readEvent(event);
      let [written, lines, found, retries] = [0, 0, 0, 0];
      const report = (status: Report['status']): Report => {
        return { tenant, month: month.name, status, written, lines, found, retries };
      };
      const completed = await archive.completed(tenant, month);
      if (completed !== undefined) {
        found = completed;
        return report('complete');
      }
      await books.requireClosed(tenant, month);
      for (let after: string | undefined; ; ) {
        const page = await books.accounts(tenant, month, after, batchSize);
        const missing = await archive.missing(
          tenant,
          month,
          page.map(({ id }) => id),
        );
        const statements = await books.statements(
          tenant,
          month,
          page.filter(({ id }) => missing.has(id)),
        );
        const batch = await archive.write(tenant, month, statements);
        written += batch.statements;
        lines += batch.lines;
        retries += batch.retries;
        found += page.length - batch.statements;
        after = page.at(-1)?.id;
        if (page.length < batchSize) break;
        if (context.getRemainingTimeInMillis() < reserveMs) return report('partial');
      }
      await archive.complete(tenant, month);
      return report('complete');
    },
    close: async () => {
      await Promise.all([ledger.close(), own.close()]);
    },
  };
}
