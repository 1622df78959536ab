import { DatabaseError } from 'pg';
import { describe, expect, test } from 'vitest';
import { LedgerError } from './errors.ts';
import { constraintCodes, fromPostgres } from './postgres-errors.ts';

function refusal(code: string, constraint?: string): DatabaseError {
  const error = new DatabaseError('refused', 7, 'error');
  return Object.assign(error, { code }, constraint === undefined ? {} : { constraint });
}

describe('errors of the database', () => {
  test('each constraint becomes the code it stands for, with the cause kept', () => {
    for (const [constraint, code] of constraintCodes) {
      const cause = refusal('23514', constraint);
      expect(fromPostgres(cause), constraint).toMatchObject({ name: 'LedgerError', code, cause });
    }
  });

  test('a rule that is checked by the index of a partition is known by its generated name', () => {
    for (const partition of ['entries_2026_01', 'entries_elsewhen']) {
      const cause = refusal('23505', `${partition}_transfer_id_account_id_booked_on_key`);
      expect(fromPostgres(cause)).toMatchObject({ code: 'ACCOUNT_REPEATED', status: 422 });
    }
  });

  test.each([
    ['42501', 'WRITE_REFUSED'],
    ['22003', 'AMOUNT_OUT_OF_RANGE'],
    ['22021', 'REQUEST_INVALID'],
    ['53300', 'DATABASE_UNAVAILABLE'],
    ['57P01', 'DATABASE_UNAVAILABLE'],
    ['08006', 'DATABASE_UNAVAILABLE'],
  ])('SQLSTATE %s means %s', (state, code) => {
    expect(fromPostgres(refusal(state))).toMatchObject({ code });
  });

  test('a lost connection is told by the texts of the driver, which gives it no code', () => {
    for (const message of [
      'Connection terminated unexpectedly',
      'timeout expired',
      'timeout exceeded when trying to connect',
    ]) {
      expect(fromPostgres(new Error(message)), message).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    }
  });

  test('what the caller could not have caused is not made to look like it', () => {
    for (const error of [
      refusal('42P01'),
      refusal('23502'),
      refusal('23514', 'a_rule_nobody_knows'),
      refusal('23514', 'toString'),
      new TypeError('x is not a function'),
      'a string',
    ]) {
      expect(fromPostgres(error)).toBe(error);
    }
  });

  test('an answer that is known already stays as it is', () => {
    const known = new LedgerError('CONTENTION', { cause: refusal('40001') });
    expect(fromPostgres(known)).toBe(known);
  });
});
