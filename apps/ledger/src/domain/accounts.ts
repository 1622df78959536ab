import { randomUUID } from 'node:crypto';
import { decodeCursor, type Page, toPage } from '../cursor.ts';
import type { Session } from '../database.ts';
import { LedgerError } from '../errors.ts';
import { parseMinorUnits } from '../money.ts';

export const accountKinds = ['asset', 'liability', 'equity', 'income', 'expense'] as const;

export interface NewAccount {
  readonly code: string;
  readonly name: string;
  readonly kind: (typeof accountKinds)[number];
  readonly currency: string;
  /** Minor units below zero that the account may reach; null: no limit. Default "0". */
  readonly overdraftLimit?: string | null;
}

export interface Account extends Required<NewAccount> {
  readonly id: string;
  readonly balance: string;
}

const columns = `id, code, name, kind, currency, balance::text, overdraft_limit::text AS "overdraftLimit"`;

export async function createAccount(session: Session, tenant: string, account: NewAccount): Promise<Account> {
  const { overdraftLimit = '0' } = account;
  const { rows } = await session.query<Account>(
    `INSERT INTO accounts (id, tenant_id, code, name, kind, currency, overdraft_limit)
     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ${columns}`,
    [
      randomUUID(),
      tenant,
      account.code,
      account.name,
      account.kind,
      account.currency,
      overdraftLimit === null ? null : parseMinorUnits(overdraftLimit),
    ],
  );
  return rows[0] as Account;
}

export async function getAccount(session: Session, id: string): Promise<Account> {
  const { rows } = await session.query<Account>(`SELECT ${columns} FROM accounts WHERE id = $1`, [id]);
  const account = rows[0];
  if (account === undefined) throw new LedgerError('ACCOUNT_NOT_FOUND');
  return account;
}

/** By code, the order of a chart of accounts. */
export async function listAccounts(
  session: Session,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<Page<Account>> {
  const [after] = cursor === undefined ? [null] : decodeCursor(cursor, [/^[\w.:-]{1,64}$/]);
  const { rows } = await session.query<Account>(
    `SELECT ${columns} FROM accounts WHERE $1::citext IS NULL OR code > $1::citext ORDER BY code LIMIT $2`,
    [after, limit + 1],
  );
  return toPage(
    rows,
    limit,
    (row) => row,
    (row) => [row.code],
  );
}
