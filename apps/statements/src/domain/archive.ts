import { randomUUID } from 'node:crypto';
import type { Month } from '../month.ts';
import type { Session, TenantDatabase } from '../tenant-database.ts';
import type { Statement } from './statement.ts';

export interface Written {
  readonly statements: number;
  readonly lines: number;
  /** How often another invocation was faster. */
  readonly retries: number;
}

/** The worker's own database: statements that are written, once and for all. */
export class Archive {
  readonly #database: TenantDatabase;

  constructor(database: TenantDatabase) {
    this.#database = database;
  }

  /** How many statements the month has, if it is known that it has them all. */
  async completed(tenant: string, month: Month): Promise<number | undefined> {
    return await this.#database.read(tenant, async (session) => {
      const { rows } = await session.query<{ statements: number }>(
        'SELECT statements FROM months WHERE tenant_id = $1 AND month = $2',
        [tenant, month.firstDay],
      );
      return rows[0]?.statements;
    });
  }

  /** Notes that every account has its statement of the month. */
  async complete(tenant: string, month: Month): Promise<void> {
    await this.#database.write(tenant, async (session) => {
      await session.query(
        `INSERT INTO months (tenant_id, month, statements)
         SELECT $1::uuid, $2::date, count(*) FROM statements WHERE tenant_id = $1 AND month = $2
         ON CONFLICT DO NOTHING`,
        [tenant, month.firstDay],
      );
    });
  }

  /** Those of the accounts that have no statement of the month yet. */
  async missing(tenant: string, month: Month, accounts: readonly string[]): Promise<Set<string>> {
    return await this.#database.read(tenant, (session) => missingOf(session, tenant, month, accounts));
  }

  /**
   * Writes what is not there yet, all or nothing. Another invocation may write the same at the same time: of each statement
   * there is one, whoever was first, and it is whole.
   */
  async write(tenant: string, month: Month, statements: readonly Statement[]): Promise<Written> {
    return await this.#database.write(tenant, async (session, attempt) => {
      const retries = attempt - 1;
      const missing = await missingOf(
        session,
        tenant,
        month,
        statements.map(({ account }) => account.id),
      );
      const rows = statements
        .filter(({ account }) => missing.has(account.id))
        .map((statement) => ({ ...statement, id: randomUUID() }));
      if (rows.length === 0) return { statements: 0, lines: 0, retries };
      await describeAccounts(session, tenant, rows);
      await insertStatements(session, tenant, month, rows);
      return { statements: rows.length, lines: await insertLines(session, tenant, rows), retries };
    });
  }
}

type Row = Statement & { readonly id: string };

async function missingOf(
  session: Session,
  tenant: string,
  month: Month,
  accounts: readonly string[],
): Promise<Set<string>> {
  const { rows } = await session.query<{ id: string }>(
    `SELECT id FROM unnest($3::uuid[]) AS wanted(id)
      WHERE NOT EXISTS (SELECT FROM statements WHERE tenant_id = $1 AND month = $2 AND account_id = wanted.id)`,
    [tenant, month.firstDay, accounts],
  );
  return new Set(rows.map(({ id }) => id));
}

/** In the order of their ids: two who write the same accounts wait for each other and do not deadlock. */
async function describeAccounts(session: Session, tenant: string, rows: readonly Row[]): Promise<void> {
  await session.query(
    `INSERT INTO accounts (tenant_id, id, code, name, currency)
     SELECT $1, id, code, name, currency
       FROM jsonb_to_recordset($2) AS a(id uuid, code text, name text, currency text) ORDER BY id
     ON CONFLICT (tenant_id, id) DO UPDATE SET code = excluded.code, name = excluded.name`,
    [tenant, JSON.stringify(rows.map(({ account }) => account))],
  );
}

/**
 * Whoever comes second to an account fails above or here with 40001, because the row of the winner is newer than its
 * snapshot, and finds in its next attempt that nothing is missing.
 */
async function insertStatements(
  session: Session,
  tenant: string,
  month: Month,
  rows: readonly Row[],
): Promise<void> {
  const records = rows.map(({ id, account, openingBalance, closingBalance, lines }) => ({
    id,
    account_id: account.id,
    currency: account.currency,
    opening_balance: openingBalance,
    closing_balance: closingBalance,
    line_count: lines.length,
  }));
  await session.query(
    `INSERT INTO statements (id, tenant_id, account_id, month, currency, opening_balance, closing_balance, line_count)
     SELECT id, $1, account_id, $2, currency, opening_balance, closing_balance, line_count
       FROM jsonb_to_recordset($3) AS s(id uuid, account_id uuid, currency text, opening_balance bigint,
                                        closing_balance bigint, line_count int)
      ORDER BY account_id`,
    [tenant, month.firstDay, JSON.stringify(records)],
  );
}

async function insertLines(session: Session, tenant: string, rows: readonly Row[]): Promise<number> {
  const records = rows.flatMap(({ id, lines }) =>
    lines.map(({ bookedOn, transferId, ...line }) => ({
      ...line,
      statement_id: id,
      booked_on: bookedOn,
      transfer_id: transferId,
    })),
  );
  if (records.length === 0) return 0;
  await session.query(
    `INSERT INTO statement_lines (tenant_id, statement_id, number, booked_on, transfer_id, description, side, amount, balance)
     SELECT $1, statement_id, number, booked_on, transfer_id, description, side, amount, balance
       FROM jsonb_to_recordset($2) AS l(statement_id uuid, number int, booked_on date, transfer_id uuid, description text,
                                        side text, amount bigint, balance bigint)`,
    [tenant, JSON.stringify(records)],
  );
  return records.length;
}
