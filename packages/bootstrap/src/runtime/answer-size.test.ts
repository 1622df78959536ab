import { expect, test } from 'vitest';
import type { ApplyResult, ErrorResponse } from '../contract/response.ts';
import { shortened, shortenedError } from './answer-size.ts';

const result = (message: string): ApplyResult => ({
  statements: [{ group: 'g', database: 'd', sql: 's', why: 'w', durationMs: 1, notices: [message] }],
  migrations: [
    {
      database: 'd',
      applied: ['1'],
      notices: Array.from({ length: 200 }, () => ({ migration: '1', severity: 'NOTICE', message })),
    },
  ],
  done: true,
  manifest: 'm',
});

test('a migration that says more than Lambda can answer is still told as done', () => {
  const fitted = shortened(result('x'.repeat(100_000)));
  expect(Buffer.byteLength(JSON.stringify(fitted))).toBeLessThan(1_000_000);
  expect(fitted).toMatchObject({ done: true, migrations: [{ applied: ['1'], notices: { length: 200 } }] });
  expect(fitted.migrations[0]?.notices?.[0]?.message).toBe(`${'x'.repeat(500)}…`);
});

test('an answer that fits stays as it is', () => {
  const whole = result('x'.repeat(10_000));
  expect(shortened(whole)).toBe(whole);
});

const failure = (said: string, details: Record<string, unknown> = {}): ErrorResponse => ({
  code: 'BOOTSTRAP_MIGRATION_FAILED',
  kind: 'conflict',
  message: `migration 1_a.sql:2: ${said} (42601)`,
  details: { file: '1_a.sql', line: 2, message: said, ...details },
});

test('an error that quotes more than Lambda can answer is still told with file and line', () => {
  const fitted = shortenedError(failure(`syntax error at or near "${'x y '.repeat(1_000_000)}`));
  expect(Buffer.byteLength(JSON.stringify(fitted))).toBeLessThan(10_000);
  expect(fitted).toMatchObject({ code: 'BOOTSTRAP_MIGRATION_FAILED', details: { file: '1_a.sql', line: 2 } });
  // The log finds it in the message to mask it there.
  expect(fitted.message).toBe(`migration 1_a.sql:2: ${fitted.details?.['message']} (42601)`);
});

test('an error with lists without end is still told with its code', () => {
  const statements = Array.from({ length: 100_000 }, () => ({ sql: 'x'.repeat(60) }));
  expect(shortenedError(failure('no', { statements }))).toEqual(failure('no'));
});
