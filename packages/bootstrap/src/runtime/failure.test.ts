import { expect, test } from 'vitest';
import { BootstrapError } from '../errors.ts';
import { toErrorResponse } from './failure.ts';
import { errorForLog } from './log.ts';

const pgError = (code: string, message: string): Error => Object.assign(new Error(message), { code });

test.each([
  ['57P01', 'terminating connection due to administrator command'],
  ['08006', 'connection failure'],
  ['53300', 'too many connections'],
  ['ECONNRESET', 'read ECONNRESET'],
])('a connection that is lost in the middle is told as such, and can be tried again: %s', (code, message) => {
  expect(toErrorResponse(pgError(code, message))).toMatchObject({
    code: 'BOOTSTRAP_DATABASE_UNREACHABLE',
    kind: 'unavailable',
    details: { code },
  });
});

test.each([
  'Connection terminated unexpectedly',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
])('a connection that pg lost is no bug of ours, though pg gives it no code: %s', (message) => {
  expect(toErrorResponse(new Error(message))).toMatchObject({
    code: 'BOOTSTRAP_DATABASE_UNREACHABLE',
    kind: 'unavailable',
  });
});

test('a right that the master lost is no bug of ours', () => {
  expect(toErrorResponse(pgError('42501', 'permission denied for database "va"'))).toMatchObject({
    code: 'BOOTSTRAP_OWNER_CONFLICT',
    kind: 'conflict',
    message: expect.stringContaining('"va"'),
  });
});

test('everything else that is unexpected is, and keeps its code; what is typed stays typed', () => {
  expect(toErrorResponse(new TypeError('x is undefined'), 'c-1')).toMatchObject({
    code: 'BOOTSTRAP_INTERNAL',
    kind: 'internal',
    details: { correlationId: 'c-1' },
  });
  expect(toErrorResponse(undefined)).toMatchObject({ code: 'BOOTSTRAP_INTERNAL' });
  expect(toErrorResponse(new BootstrapError('BOOTSTRAP_BUSY', 'm', { hint: 'h' }))).toEqual({
    code: 'BOOTSTRAP_BUSY',
    kind: 'unavailable',
    message: 'm',
    hint: 'h',
  });
});

test('also an unexpected error of the server shows no value in the log', () => {
  const error = toErrorResponse(pgError('22P02', 'invalid input syntax for type integer: "hunter2"'));
  expect(error).toMatchObject({
    code: 'BOOTSTRAP_INTERNAL',
    message: expect.stringContaining('hunter2'),
    details: { code: '22P02' },
  });
  expect(JSON.stringify(errorForLog(error, 'masked'))).not.toContain('hunter2');
});
