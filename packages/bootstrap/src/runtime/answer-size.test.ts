import { expect, test } from 'vitest';
import type { ApplyResult } from '../contract/response.ts';
import { shortened } from './answer-size.ts';

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
