import { LedgerError } from './errors.ts';

/** A page of a list and, when there is more, where the next one starts. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** A cursor is the sort key of the last row seen: later inserts neither repeat nor hide rows that were there. */
export function encodeCursor(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** Checks each part of the key with its pattern, so that nothing but a sort key reaches a query. */
export function decodeCursor(text: string, patterns: readonly RegExp[]): string[] {
  let key: unknown;
  try {
    key = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch (cause) {
    throw new LedgerError('CURSOR_INVALID', { cause });
  }
  const valid =
    Array.isArray(key) &&
    key.length === patterns.length &&
    patterns.every((pattern, index) => typeof key[index] === 'string' && pattern.test(key[index]));
  if (!valid) throw new LedgerError('CURSOR_INVALID');
  return key as string[];
}

/** Makes a page of `limit` rows from a query that asked for one more. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  toItem: (row: Row) => Item,
  sortKey: (row: Row) => readonly string[],
): Page<Item> {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items: page.map(toItem), nextCursor: more ? encodeCursor(sortKey(last)) : null };
}
