import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newRunId } from '../run-id.ts';
import {
  buildingName,
  cloneName,
  isRunId,
  parseCloneName,
  quoteIdentifier,
  templateName,
  testLogin,
} from './names.ts';

const hash = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 });
const run = fc.string({
  unit: fc.constantFrom(...'0123456789abcdefghijklmnopqrstuvwxyz'),
  minLength: 8,
  maxLength: 20,
});

describe('names of test databases', () => {
  test('can be taken apart again, fit into 63 bytes and need no quoting', () => {
    fc.assert(
      fc.property(hash, run, fc.integer({ min: 0, max: 9999 }), (of, id, n) => {
        const name = cloneName(of, id, n);
        expect(parseCloneName(name)).toEqual({ hash8: of.slice(0, 8), run: id, n });
        for (const each of [name, templateName(of), buildingName(of)])
          expect(each).toMatch(/^[a-z][a-z0-9_]{0,62}$/);
      }),
    );
  });

  test('are made of nothing that could be SQL', () => {
    const good = 'a'.repeat(64);
    for (const bad of ['', 'short', 'UPPER-CASE', `x'; DROP`, 'with space', 'a'.repeat(21), 'ümläut12']) {
      expect(isRunId(bad)).toBe(false);
      expect(() => cloneName(good, bad, 1)).toThrow(
        expect.objectContaining({ code: 'TESTDB_NAME_INVALID', kind: 'invalid' }),
      );
    }
    for (const bad of ['', 'a'.repeat(63), 'G'.repeat(64), `${'a'.repeat(60)}";--`])
      expect(() => templateName(bad)).toThrow();
    for (const bad of [-1, 1.5, 10_000, Number.NaN]) expect(() => cloneName(good, 'abcdefgh', bad)).toThrow();
  });

  test('of other shapes are not taken for ours', () => {
    for (const other of ['ledger', 'pt_ledger_app', 'pt_0123456_rabcdefgh_1', 'ptt_0123456789abcdef']) {
      expect(parseCloneName(other)).toBeUndefined();
    }
  });

  test('run ids are new each time, and valid', () => {
    const ids = Array.from({ length: 1000 }, newRunId);
    expect(new Set(ids).size).toBe(1000);
    expect(ids.every(isRunId)).toBe(true);
  });

  test('logins and identifiers', () => {
    expect(testLogin('ledger_app')).toBe('pt_ledger_app');
    expect(quoteIdentifier('a"b')).toBe('"a""b"');
  });
});
