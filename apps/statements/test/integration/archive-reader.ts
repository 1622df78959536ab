import type { Client } from 'pg';

export interface StoredStatement {
  readonly accountId: string;
  readonly month: string;
  readonly currency: string;
  readonly opening: string;
  readonly closing: string;
  readonly lines: readonly { day: string; side: string; amount: string; balance: string; text: string }[];
}

/** What is written for one tenant, read as `statements_readonly`. */
export class ArchiveReader {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** By month and account. */
  async statements(tenant: string): Promise<StoredStatement[]> {
    await this.#client.query(`SELECT set_config('statements.tenant', $1, false)`, [tenant]);
    const { rows } = await this.#client.query<StoredStatement>(
      `SELECT account_id AS "accountId", to_char(month, 'YYYY-MM') AS month, currency,
              opening_balance::text AS opening, closing_balance::text AS closing,
              (SELECT coalesce(json_agg(json_build_object('day', booked_on, 'side', side, 'amount', amount::text,
                                                          'balance', balance::text, 'text', description)
                                        ORDER BY number), '[]')
                 FROM statement_lines l WHERE l.statement_id = s.id) AS lines
         FROM statements s ORDER BY s.month, s.account_id`,
    );
    return rows;
  }
}
