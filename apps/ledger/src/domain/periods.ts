import { randomUUID } from 'node:crypto';
import type { Session } from '../database.ts';
import { LedgerError } from '../errors.ts';

/** Both days belong to the period. */
export interface Period {
  readonly from: string;
  readonly to: string;
}

export interface ClosedPeriod extends Period {
  readonly id: string;
}

/** From now on nothing can be booked on a day of the period. Waits for bookings that are under way. */
export async function closePeriod(
  session: Session,
  tenant: string,
  { from, to }: Period,
): Promise<ClosedPeriod> {
  if (to < from) throw new LedgerError('PERIOD_INVALID'); // ISO days sort as text
  const id = randomUUID();
  await session.query(
    `INSERT INTO closed_periods (id, tenant_id, during) VALUES ($1, $2, daterange($3::date, $4::date, '[]'))`,
    [id, tenant, from, to],
  );
  return { id, from, to };
}
