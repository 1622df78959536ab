import { DatabaseError } from 'pg';
import { describe, expect, test } from 'vitest';
import { constraintCodes, fromPostgres } from './postgres-errors.ts';

function refusal(code: string, constraint?: string): DatabaseError {
  const error = new DatabaseError('refused', 7, 'error');
  return Object.assign(error, { code }, constraint === undefined ? {} : { constraint });
}

describe('errors of a database', () => {
  test('each constraint becomes the code it stands for, with the cause kept', () => {
    for (const [constraint, code] of constraintCodes) {
      const cause = refusal('23514', constraint);
      expect(fromPostgres(cause, 'statements'), constraint).toMatchObject({ code, cause });
    }
  });

  test.each([
    ['42501', 'ACCESS_REFUSED'],
    ['25006', 'ACCESS_REFUSED'],
    ['22003', 'AMOUNT_OUT_OF_RANGE'],
    ['53300', 'LEDGER_UNAVAILABLE'],
    ['57P01', 'LEDGER_UNAVAILABLE'],
    ['ECONNREFUSED', 'LEDGER_UNAVAILABLE'],
  ])('SQLSTATE %s of the ledger means %s', (state, code) => {
    expect(fromPostgres(refusal(state), 'ledger')).toMatchObject({ code });
  });

  test('it is told which of the two databases is away', () => {
    const lost = new Error('Connection terminated unexpectedly');
    expect(fromPostgres(lost, 'ledger')).toMatchObject({ code: 'LEDGER_UNAVAILABLE', kind: 'unavailable' });
    expect(fromPostgres(lost, 'statements')).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });

  test('what is not the database speaking stays what it is', () => {
    for (const error of [
      new TypeError('x'),
      refusal('42601'),
      refusal('23514', 'unheard_of'),
      'text',
      undefined,
    ])
      expect(fromPostgres(error, 'ledger')).toBe(error);
  });
});
