import { randomUUID } from 'node:crypto';
import { decodeCursor, type Page, toPage } from '../cursor.ts';
import type { Session } from '../database.ts';
import { LedgerError } from '../errors.ts';
import { parseMinorUnits } from '../money.ts';
import { claimKey, fingerprintOf } from './idempotency.ts';

export interface Entry {
  readonly accountId: string;
  readonly side: 'debit' | 'credit';
  readonly amount: string;
}

export interface NewTransfer {
  readonly currency: string;
  /** ISO day; default: today in UTC, by the database's clock. */
  readonly bookedOn?: string;
  readonly description?: string;
  readonly entries: readonly Entry[];
}

export interface Transfer extends Required<NewTransfer> {
  readonly id: string;
  readonly reverses: string | null;
  readonly createdAt: string;
}

export interface Posted {
  readonly transfer: Transfer;
  /** The key was known: this is the answer of the first request. */
  readonly replayed: boolean;
}

interface TransferRow extends Omit<Transfer, 'createdAt'> {
  readonly createdAt: Date;
  readonly number: string;
}

const columns = `t.id, t.number, t.currency, t.booked_on::text AS "bookedOn", t.description, t.reverses,
  t.created_at AS "createdAt",
  (SELECT json_agg(json_build_object('accountId', e.account_id, 'side', e.side, 'amount', e.amount::text) ORDER BY e.id)
     FROM entries e WHERE e.transfer_id = t.id AND e.booked_on = t.booked_on) AS entries`;

const toTransfer = ({ number: _, ...row }: TransferRow): Transfer => ({
  ...row,
  createdAt: row.createdAt.toISOString(),
});

export async function postTransfer(
  session: Session,
  tenant: string,
  key: string,
  request: NewTransfer,
): Promise<Posted> {
  const entries = request.entries.map((entry) => ({
    ...entry,
    amount: String(parseMinorUnits(entry.amount)),
  }));
  const { currency, bookedOn = null, description = '' } = request;
  const id = randomUUID();
  const fingerprint = fingerprintOf([
    'transfer',
    currency,
    bookedOn,
    description,
    entries.map((entry) => [entry.accountId.toLowerCase(), entry.side, entry.amount]),
  ]);
  const known = await claimKey(session, { tenant, key, fingerprint, transferId: id });
  if (known === undefined) {
    await book(session, tenant, { id, currency, bookedOn, description, reverses: null, entries });
  }
  return { transfer: await getTransfer(session, known ?? id), replayed: known !== undefined };
}

/** Books the mirror image of a transfer, today. */
export async function reverseTransfer(
  session: Session,
  tenant: string,
  key: string,
  reverses: string,
): Promise<Posted> {
  const id = randomUUID();
  const fingerprint = fingerprintOf(['reversal', reverses.toLowerCase()]);
  const known = await claimKey(session, { tenant, key, fingerprint, transferId: id });
  if (known === undefined) {
    const { currency, entries } = await getTransfer(session, reverses);
    const mirrored = entries.map(
      (entry): Entry => ({ ...entry, side: entry.side === 'debit' ? 'credit' : 'debit' }),
    );
    await book(session, tenant, {
      id,
      currency,
      bookedOn: null,
      description: `Reversal of ${reverses}`,
      reverses,
      entries: mirrored,
    });
  }
  return { transfer: await getTransfer(session, known ?? id), replayed: known !== undefined };
}

export async function getTransfer(session: Session, id: string): Promise<Transfer> {
  const { rows } = await session.query<TransferRow>(`SELECT ${columns} FROM transfers t WHERE t.id = $1`, [
    id,
  ]);
  const row = rows[0];
  if (row === undefined) throw new LedgerError('TRANSFER_NOT_FOUND');
  return toTransfer(row);
}

/** The latest day first. */
export async function listTransfers(
  session: Session,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<Page<Transfer>> {
  const [day, number] =
    cursor === undefined ? [null, null] : decodeCursor(cursor, [/^\d{4}-\d\d-\d\d$/, /^\d{1,18}$/]);
  const { rows } = await session.query<TransferRow>(
    `SELECT ${columns} FROM transfers t
      WHERE $1::date IS NULL OR (t.booked_on, t.number) < ($1::date, $2::bigint)
      ORDER BY t.booked_on DESC, t.number DESC LIMIT $3`,
    [day, number, limit + 1],
  );
  return toPage(rows, limit, toTransfer, (row) => [row.bookedOn, row.number]);
}

interface Booking {
  readonly id: string;
  readonly currency: string;
  readonly bookedOn: string | null;
  readonly description: string;
  readonly reverses: string | null;
  readonly entries: readonly Entry[];
}

async function book(session: Session, tenant: string, booking: Booking): Promise<void> {
  const accountIds = booking.entries.map((entry) => entry.accountId);
  // In one order for everybody: transfers between the same accounts wait for each other, but never in a circle.
  const locked = await session.query(
    'SELECT FROM accounts WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE',
    [accountIds],
  );
  if (locked.rowCount !== new Set(accountIds.map((id) => id.toLowerCase())).size) {
    throw new LedgerError('ACCOUNT_UNKNOWN');
  }
  await session.query(
    `WITH transfer AS (
       INSERT INTO transfers (id, tenant_id, currency, booked_on, description, reverses)
       VALUES ($1, $2, $3, coalesce($4::date, (now() AT TIME ZONE 'UTC')::date), $5, $6)
       RETURNING tenant_id, id, currency, booked_on
     )
     INSERT INTO entries (tenant_id, transfer_id, account_id, side, amount, currency, booked_on)
     SELECT t.tenant_id, t.id, e.account_id, e.side, e.amount, t.currency, t.booked_on
       FROM transfer t,
            unnest($7::uuid[], $8::entry_side[], $9::bigint[]) WITH ORDINALITY
              AS e (account_id, side, amount, position)
      ORDER BY e.position`,
    [
      booking.id,
      tenant,
      booking.currency,
      booking.bookedOn,
      booking.description,
      booking.reverses,
      accountIds,
      booking.entries.map((entry) => entry.side),
      booking.entries.map((entry) => entry.amount),
    ],
  );
}
