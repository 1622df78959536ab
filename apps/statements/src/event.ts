import { StatementsError } from './errors.ts';
import { type Month, parseMonth } from './month.ts';

/** What the worker is asked for: `{ "tenant": "<uuid>", "month": "2026-05" }`. */
export interface StatementsEvent {
  readonly tenant: string;
  readonly month: Month;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Reads an event. Unknown fields are refused: a misspelt one would otherwise be an order for something else. Throws
 * StatementsError EVENT_INVALID.
 */
export function readEvent(event: unknown): StatementsEvent {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw new StatementsError('EVENT_INVALID', { message: 'The event is no object.' });
  }
  const { tenant, month, ...unknown } = event as Record<string, unknown>;
  const [name] = Object.keys(unknown);
  if (name !== undefined) {
    throw new StatementsError('EVENT_INVALID', { message: `The event has an unknown field "${name}".` });
  }
  if (typeof tenant !== 'string' || !uuid.test(tenant)) {
    throw new StatementsError('EVENT_INVALID', { message: 'The event names no tenant by its id.' });
  }
  return { tenant: tenant.toLowerCase(), month: parseMonth(month) };
}
