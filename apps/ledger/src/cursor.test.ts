import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCursor, encodeCursor, toPage } from './cursor.ts';

test('a cursor leads back to its sort key', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (key) => {
      const patterns = key.map(() => /^/);
      expect(decodeCursor(encodeCursor(key), patterns)).toEqual(key);
    }),
  );
});

test('no text makes it fail otherwise than by its code', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(() => decodeCursor(text, [/^never\b/, /^ever$/])).toThrow(
        expect.objectContaining({ code: 'CURSOR_INVALID' }),
      );
    }),
  );
});

describe('a page', () => {
  const page = (rows: number[], limit: number) =>
    toPage(
      rows,
      limit,
      (row) => row * 10,
      (row) => [String(row)],
    );

  test('leads on from its last row when the query found one more', () => {
    expect(page([1, 2, 3], 2)).toEqual({ items: [10, 20], nextCursor: encodeCursor(['2']) });
  });

  test('ends the list when it did not', () => {
    expect(page([1, 2], 2)).toEqual({ items: [10, 20], nextCursor: null });
    expect(page([], 2)).toEqual({ items: [], nextCursor: null });
  });
});
