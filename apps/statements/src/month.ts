import { StatementsError } from './errors.ts';

/** A calendar month by its ISO days. */
export interface Month {
  /** `2026-05`. */
  readonly name: string;
  readonly firstDay: string;
  /** First day of the month after it. */
  readonly nextFirstDay: string;
}

/** Throws StatementsError EVENT_INVALID for anything but `YYYY-MM`. */
export function parseMonth(text: unknown): Month {
  const [, year, month] = typeof text === 'string' ? (/^(\d{4})-(0[1-9]|1[0-2])$/.exec(text) ?? []) : [];
  if (year === undefined || month === undefined || year < '1900') {
    throw new StatementsError('EVENT_INVALID', { message: 'The event has no month like "2026-05".' });
  }
  const next =
    month === '12' ? `${Number(year) + 1}-01` : `${year}-${String(Number(month) + 1).padStart(2, '0')}`;
  return { name: `${year}-${month}`, firstDay: `${year}-${month}-01`, nextFirstDay: `${next}-01` };
}
