import type { Client } from 'pg';
import { PosternVitestError } from './errors.ts';

/** A session that is in a transaction for one test. */
export interface TestTransaction {
  readonly client: Client;
  /**
   * Takes everything back.
   *
   * @throws PosternVitestError `VITEST_TRANSACTION_ENDED`
   */
  rollBack(): Promise<void>;
}

/** Sessions for isolation `transaction`: one for tests that run one after another, more for concurrent ones. */
export class TransactionSessions {
  readonly #connect: () => Promise<Client>;
  readonly #idle: Client[] = [];
  readonly #open = new Set<Client>();

  constructor(connect: () => Promise<Client>) {
    this.#connect = connect;
  }

  async begin(): Promise<TestTransaction> {
    const client = this.#idle.pop() ?? (await this.#connect());
    this.#open.add(client);
    client.once('end', () => this.#open.delete(client));
    try {
      await client.query('BEGIN');
    } catch (error) {
      await this.#discard(client);
      throw error;
    }
    return { client, rollBack: () => this.#rollBack(client) };
  }

  async #rollBack(client: Client): Promise<void> {
    if (!this.#open.has(client)) return; // the test ended the session, and with it the transaction
    let ended: boolean;
    try {
      await client.query(''); // behind statements that the test did not wait for
      ended = client.getTransactionStatus() === 'I';
      // A transaction gives back all but the locks that were taken for the session.
      await client.query('ROLLBACK; SELECT pg_catalog.pg_advisory_unlock_all()');
    } catch {
      return await this.#discard(client);
    }
    this.#idle.push(client);
    if (ended) throw transactionEnded();
  }

  async #discard(client: Client): Promise<void> {
    this.#open.delete(client);
    await client.end().catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#idle.length = 0;
    await Promise.all([...this.#open].map((client) => this.#discard(client)));
  }
}

function transactionEnded(): PosternVitestError {
  return new PosternVitestError('VITEST_TRANSACTION_ENDED', {
    kind: 'conflict',
    message: 'The test has ended the transaction that isolates it (COMMIT or ROLLBACK).',
    hint: "What it wrote may be there for the next test. Code that ends transactions needs testWith({ isolation: 'reset' }).",
  });
}
