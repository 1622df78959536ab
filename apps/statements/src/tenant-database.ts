import { setTimeout as wait } from 'node:timers/promises';
import { Pool, type PoolClient, type PoolConfig } from 'pg';
import { StatementsError } from './errors.ts';
import { type DatabaseName, fromPostgres } from './postgres-errors.ts';
import { defaultRetryPolicy, isLostRace, type RetryPolicy, retryDelayMs } from './retry.ts';

/** What functions of the domain may do with a connection: ask. Transactions are not theirs. */
export type Session = Pick<PoolClient, 'query'>;

export interface TenantDatabaseOptions {
  /** Names the setting that its policies look at: `<name>.tenant`. */
  readonly name: DatabaseName;
  readonly retry?: Partial<RetryPolicy>;
}

/**
 * Transactions of one tenant, each on one snapshot (REPEATABLE READ). Who loses against another writer is run again from
 * the start, so `work` must not do anything but use its session.
 */
export class TenantDatabase {
  readonly #pool: Pool;
  readonly #name: DatabaseName;
  readonly #policy: RetryPolicy;

  constructor(config: PoolConfig, options: TenantDatabaseOptions) {
    this.#pool = new Pool(config);
    // A frozen Lambda loses idle connections; the pool drops them, and without a listener the process would end.
    this.#pool.on('error', () => {});
    this.#name = options.name;
    this.#policy = { ...defaultRetryPolicy, ...options.retry };
  }

  /** Several queries of `work` see one and the same moment. */
  read<Result>(tenant: string, work: (session: Session) => Promise<Result>): Promise<Result> {
    return this.#once(tenant, 'READ ONLY', work).catch((error: unknown) => {
      throw fromPostgres(error, this.#name);
    });
  }

  /** `attempt` counts from 1. Throws StatementsError CONTENTION when the last one lost too. */
  async write<Result>(
    tenant: string,
    work: (session: Session, attempt: number) => Promise<Result>,
  ): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#once(tenant, 'READ WRITE', (session) => work(session, attempt));
      } catch (error) {
        if (!isLostRace(error)) throw fromPostgres(error, this.#name);
        if (attempt >= this.#policy.maxAttempts) throw new StatementsError('CONTENTION', { cause: error });
        await wait(retryDelayMs(this.#policy, attempt));
      }
    }
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
    // Of a connection in use the pool does not listen to errors. The query that is under way fails, too, and tells.
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on('error', onError);
    try {
      // One round trip. LOCAL: the setting ends with the transaction and cannot leak to the next tenant.
      await client.query(
        `BEGIN ISOLATION LEVEL REPEATABLE READ ${access}; SET LOCAL ${this.#name}.tenant = ${client.escapeLiteral(tenant)}`,
      );
      const result = await work(client);
      await client.query('COMMIT'); // deferred constraints speak here
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
