import { setTimeout as wait } from 'node:timers/promises';
import { Pool, type PoolClient, type PoolConfig } from 'pg';
import { LedgerError } from './errors.ts';
import {
  defaultRetryPolicy,
  type RetryPolicy,
  type RetryReason,
  retryDelayMs,
  retryReason,
} from './retry.ts';

/** What domain functions may do with a connection: ask. Transactions are not theirs. */
export type Session = Pick<PoolClient, 'query'>;

export interface Retry {
  readonly attempt: number;
  readonly reason: RetryReason;
  readonly delayMs: number;
}

export interface DatabaseOptions {
  readonly retry?: Partial<RetryPolicy>;
  readonly onRetry?: (retry: Retry) => void;
  /** An idle connection broke. The pool has dropped it already; without a listener the process would end. */
  readonly onIdleError?: (error: Error) => void;
}

/**
 * Transactions of one tenant, each on one snapshot (REPEATABLE READ). That level is enough because every rule
 * sits in a constraint or in a row that its writers lock. Who loses against another writer is run again from
 * the start, so `work` must not do anything but use its session.
 */
export class LedgerDatabase {
  readonly #pool: Pool;
  readonly #policy: RetryPolicy;
  readonly #onRetry: (retry: Retry) => void;

  constructor(config: PoolConfig, options: DatabaseOptions = {}) {
    this.#pool = new Pool(config);
    this.#pool.on('error', options.onIdleError ?? (() => {}));
    this.#policy = { ...defaultRetryPolicy, ...options.retry };
    this.#onRetry = options.onRetry ?? (() => {});
  }

  /** Throws LedgerError CONTENTION when the last attempt lost too. */
  async write<Result>(tenant: string, work: (session: Session) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#once(tenant, 'READ WRITE', work);
      } catch (error) {
        const reason = retryReason(error);
        if (reason === undefined) throw error;
        if (attempt >= this.#policy.maxAttempts) throw new LedgerError('CONTENTION', { cause: error });
        const delayMs = retryDelayMs(this.#policy, attempt);
        this.#onRetry({ attempt, reason, delayMs });
        await wait(delayMs);
      }
    }
  }

  /** Several queries of `work` see one and the same moment. */
  read<Result>(tenant: string, work: (session: Session) => Promise<Result>): Promise<Result> {
    return this.#once(tenant, 'READ ONLY', work);
  }

  async ping(): Promise<void> {
    await this.#pool.query('SELECT 1');
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  async #once<Result>(
    tenant: string,
    access: 'READ WRITE' | 'READ ONLY',
    work: (session: Session) => Promise<Result>,
  ): Promise<Result> {
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    // The pool does not listen to a connection in use, and an error that nobody hears ends the process. The query that is under
    // way, or the next one, fails and tells.
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on('error', onError);
    try {
      // One round trip. LOCAL: the setting ends with the transaction and cannot leak to the next tenant.
      await client.query(
        `BEGIN ISOLATION LEVEL REPEATABLE READ ${access}; SET LOCAL ledger.tenant = ${client.escapeLiteral(tenant)}`,
      );
      const result = await work(client);
      // Deferred constraints speak here. A connection lost while committing leaves open what happened and is
      // therefore not retried: the caller repeats with the same idempotency key.
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((failure: Error) => {
        broken = failure;
      });
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }
}
