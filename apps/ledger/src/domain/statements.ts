import type { Session } from '../database.ts';
import { type Account, getAccount } from './accounts.ts';
import type { Entry } from './transfers.ts';

interface StatementLine extends Omit<Entry, 'accountId'> {
  readonly bookedOn: string;
  readonly transferId: string;
  readonly description: string;
  /** Of the account, after this line. */
  readonly balance: string;
}

export interface Statement {
  readonly account: Account;
  readonly from: string;
  readonly to: string;
  readonly openingBalance: string;
  readonly closingBalance: string;
  readonly lines: readonly StatementLine[];
}

export interface Month {
  /** First day of the month. */
  readonly month: string;
  readonly debits: string;
  readonly credits: string;
  readonly closingBalance: string;
}

export interface TrialBalance {
  readonly currency: string;
  readonly debitBalance: string;
  readonly creditBalance: string;
}

const signed = `CASE WHEN e.side = normal_side(a.kind) THEN e.amount ELSE -e.amount END`;

/** Both days belong to the period. */
export async function accountStatement(
  session: Session,
  accountId: string,
  { from, to }: { from: string; to: string },
): Promise<Statement> {
  const account = await getAccount(session, accountId);
  const opening = await session.query<{ balance: string }>(
    `SELECT coalesce(sum(${signed}), 0)::text AS balance
       FROM entries e JOIN accounts a ON a.id = e.account_id
      WHERE e.account_id = $1 AND e.booked_on < $2`,
    [accountId, from],
  );
  const openingBalance = opening.rows[0]?.balance ?? '0';
  const { rows: lines } = await session.query<StatementLine>(
    `SELECT e.booked_on::text AS "bookedOn", e.transfer_id AS "transferId", t.description, e.side, e.amount::text,
            ($4::numeric + sum(${signed}) OVER (ORDER BY e.booked_on, e.id))::text AS balance
       FROM entries e JOIN accounts a ON a.id = e.account_id JOIN transfers t ON t.id = e.transfer_id
      WHERE e.account_id = $1 AND e.booked_on BETWEEN $2 AND $3
      ORDER BY e.booked_on, e.id`,
    [accountId, from, to, openingBalance],
  );
  const closingBalance = lines.at(-1)?.balance ?? openingBalance;
  return { account, from, to, openingBalance, closingBalance, lines };
}

/** The balance at the end of each month in which something was booked. */
export async function accountHistory(session: Session, accountId: string): Promise<Month[]> {
  await getAccount(session, accountId);
  const { rows } = await session.query<Month>(
    `SELECT month::text, debits::text, credits::text,
            (sum(change) OVER (ORDER BY month))::text AS "closingBalance"
       FROM account_months WHERE account_id = $1 ORDER BY month`,
    [accountId],
  );
  return rows;
}

/** Per currency; the two sides are equal, or the book is wrong. */
export async function trialBalance(session: Session): Promise<TrialBalance[]> {
  const { rows } = await session.query<TrialBalance>(
    `SELECT currency, debit_balance::text AS "debitBalance", credit_balance::text AS "creditBalance"
       FROM trial_balance ORDER BY currency`,
  );
  return rows;
}
