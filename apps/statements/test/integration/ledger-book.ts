import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';

type Kind = 'asset' | 'liability' | 'equity' | 'income' | 'expense';

/**
 * Books in the ledger's database as the ledger does, for one tenant. In SQL: the two services share a schema contract, not
 * code.
 */
export class LedgerBook {
  readonly #client: Client;
  readonly tenant: string;

  constructor(client: Client, tenant: string) {
    this.#client = client;
    this.tenant = tenant;
  }

  /** A tenant of its own, on a session of `ledger_app`. */
  static async open(client: Client): Promise<LedgerBook> {
    const tenant = randomUUID();
    const book = new LedgerBook(client, tenant);
    await book.#write(`INSERT INTO tenants (id, name) VALUES ($1, 'A tenant')`, [tenant]);
    return book;
  }

  async account(kind: Kind = 'liability', currency = 'EUR'): Promise<string> {
    const id = randomUUID();
    await this.#write(
      `INSERT INTO accounts (id, tenant_id, code, name, kind, currency, overdraft_limit)
       VALUES ($1, $2, $3, 'An account', $4, $5, NULL)`,
      [id, this.tenant, `account-${id}`, kind, currency],
    );
    return id;
  }

  /** Debits `from` and credits `to`. */
  async book(from: string, to: string, amount: string, bookedOn: string, description = ''): Promise<string> {
    const id = randomUUID();
    await this.#write(
      `WITH transfer AS (
         INSERT INTO transfers (id, tenant_id, currency, booked_on, description)
         SELECT $1, $2, currency, $6, $7 FROM accounts WHERE id = $3
         RETURNING id, tenant_id, currency, booked_on)
       INSERT INTO entries (tenant_id, transfer_id, account_id, side, amount, currency, booked_on)
       SELECT tenant_id, id, account, side::entry_side, $5::bigint, currency, booked_on
         FROM transfer, (VALUES ($3::uuid, 'debit'), ($4::uuid, 'credit')) AS entry(account, side)`,
      [id, this.tenant, from, to, amount, bookedOn, description],
    );
    return id;
  }

  /** Both days belong to the period. */
  async close(from: string, to: string): Promise<void> {
    await this.#write(
      `INSERT INTO closed_periods (id, tenant_id, during) VALUES ($1, $2, daterange($3::date, $4::date, '[]'))`,
      [randomUUID(), this.tenant, from, to],
    );
  }

  /** What nobody should do: takes a closing back. */
  async reopen(): Promise<void> {
    await this.#write('DELETE FROM closed_periods WHERE tenant_id = $1', [this.tenant]);
  }

  async #write(sql: string, values: readonly unknown[]): Promise<void> {
    await this.#client.query(`SELECT set_config('ledger.tenant', $1, false)`, [this.tenant]);
    await this.#client.query(sql, [...values]);
  }
}
