import { type Account, buildStatement, type Entry, type Statement } from '../domain/statement.ts';
import { StatementsError } from '../errors.ts';
import type { Month } from '../month.ts';
import type { Session, TenantDatabase } from '../tenant-database.ts';

/** The ledger's database, read as `statements_reader`: the books of one tenant, of months that are closed. */
export class Books {
  readonly #database: TenantDatabase;

  constructor(database: TenantDatabase) {
    this.#database = database;
  }

  /**
   * Throws unless every day is closed from the first booking to the end of the month, so that neither the month nor what it
   * opens with can change: TENANT_NOT_FOUND, MONTH_OPEN. What is closed stays closed, so this holds from now on.
   */
  async requireClosed(tenant: string, month: Month): Promise<void> {
    const { known, closed } = await this.#database.read(tenant, async (session) => {
      const { rows } = await session.query<{ known: boolean; closed: boolean }>(
        `SELECT EXISTS (SELECT FROM tenants) AS known,
                (SELECT coalesce(range_agg(during), '{}') FROM closed_periods)
                  @> daterange(least((SELECT min(booked_on) FROM transfers), $1), $2) AS closed`,
        [month.firstDay, month.nextFirstDay],
      );
      return rows[0] as { known: boolean; closed: boolean };
    });
    if (!known) throw new StatementsError('TENANT_NOT_FOUND');
    if (closed) return;
    const message = `The ledger still takes bookings before the end of ${month.name}. Close it first.`;
    throw new StatementsError('MONTH_OPEN', { message });
  }

  /** The accounts that have a statement of the month: all on which something was booked until its end. By id. */
  async accounts(tenant: string, month: Month, after: string | undefined, limit: number): Promise<Account[]> {
    return await this.#database.read(tenant, async (session) => {
      const { rows } = await session.query<Account>(
        `SELECT a.id, a.code::text AS code, a.name, a.currency
           FROM accounts a
          WHERE ($1::uuid IS NULL OR a.id > $1)
            AND EXISTS (SELECT FROM entries e WHERE e.account_id = a.id AND e.booked_on < $2)
          ORDER BY a.id LIMIT $3`,
        [after ?? null, month.nextFirstDay, limit],
      );
      return rows;
    });
  }

  /** The month of these accounts, from one snapshot. */
  async statements(tenant: string, month: Month, accounts: readonly Account[]): Promise<Statement[]> {
    const ids = accounts.map(({ id }) => id);
    const { openings, entries } = await this.#database.read(tenant, async (session) => ({
      openings: await openingBalances(session, month, ids),
      entries: await bookedEntries(session, month, ids),
    }));
    return accounts.map((account) =>
      buildStatement(account, month, openings.get(account.id) ?? '0', entries.get(account.id) ?? []),
    );
  }
}

async function openingBalances(
  session: Session,
  month: Month,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const { rows } = await session.query<{ id: string; balance: string }>(
    `SELECT a.id, sum(CASE WHEN e.side = normal_side(a.kind) THEN e.amount ELSE -e.amount END)::text AS balance
       FROM accounts a JOIN entries e ON e.account_id = a.id
      WHERE a.id = ANY ($1) AND e.booked_on < $2
      GROUP BY a.id`,
    [ids, month.firstDay],
  );
  return new Map(rows.map(({ id, balance }) => [id, balance]));
}

async function bookedEntries(
  session: Session,
  month: Month,
  ids: readonly string[],
): Promise<Map<string, Entry[]>> {
  const { rows } = await session.query<Entry & { accountId: string }>(
    `SELECT e.account_id AS "accountId", e.booked_on::text AS "bookedOn", e.transfer_id AS "transferId", t.description,
            e.side::text AS side, e.amount::text, e.side = normal_side(a.kind) AS grows
       FROM entries e JOIN accounts a ON a.id = e.account_id JOIN transfers t ON t.id = e.transfer_id
      WHERE e.account_id = ANY ($1) AND e.booked_on >= $2 AND e.booked_on < $3
      ORDER BY e.account_id, e.booked_on, e.id`,
    [ids, month.firstDay, month.nextFirstDay],
  );
  const entries = new Map<string, Entry[]>();
  for (const { accountId, ...entry } of rows) {
    const known = entries.get(accountId);
    if (known === undefined) entries.set(accountId, [entry]);
    else known.push(entry);
  }
  return entries;
}
