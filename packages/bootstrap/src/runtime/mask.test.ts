import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ErrorResponse } from '../contract/response.ts';
import { maskError, maskSql } from './mask.ts';

describe('a statement in the log', () => {
  test.each([
    [
      `ALTER ROLE "o'brien" SET app.key = 'top secret', x = 5`,
      `ALTER ROLE "o'brien" SET app.key = '***', x = 0`,
    ],
    [
      `SELECT E'a\\'b', 'it''s', $$body 'x'$$, $f$a $$ b$f$, U&'d'`,
      `SELECT '***', '***', '***', '***', U&'***'`,
    ],
    [`INSERT INTO t1 VALUES ('\\', 'still a secret')`, `INSERT INTO t1 VALUES ('***', '***')`],
    [`SELECT 1 -- password is hunter2\n, 2 /* and 'hunter3' */`, 'SELECT 0 \n, 0 '],
    [`SELECT 'never closed; hunter2`, `SELECT '***'`],
    ['GRANT SELECT ON TABLE orders_2024 TO "shop_app"', 'GRANT SELECT ON TABLE orders_2024 TO "shop_app"'],
  ])('names what it is about and keeps its values: %s', (sql, masked) => {
    expect(maskSql(sql)).toBe(masked);
  });

  test('never shows a value, however it is quoted', () => {
    const secret = 'HUNTER_two';
    const quoted = fc.constantFrom(
      `'${secret}'`,
      `'a''${secret}'`,
      `E'\\'${secret}'`,
      `$$${secret}$$`,
      `$q$'${secret}$q$`,
      `-- ${secret}\n`,
      `/*${secret}*/`,
      "'\\'",
      '"it\'s"',
      ' SELECT ',
      ', ',
      ' 17 ',
    );
    fc.assert(
      fc.property(fc.array(quoted, { maxLength: 12 }), (parts) => {
        expect(maskSql(parts.join(' '))).not.toContain(secret);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a failure in the log', () => {
  const error = (message: string, details: Record<string, unknown>): ErrorResponse => ({
    code: 'BOOTSTRAP_MIGRATION_FAILED',
    kind: 'conflict',
    message,
    details,
  });

  test('has file, line and SQLSTATE, but no row that the server quotes', () => {
    const masked = maskError(
      error('migration 2_x.sql:3: duplicate key value violates unique constraint "users_email" (23505)', {
        file: '2_x.sql',
        line: 3,
        sqlState: '23505',
        detail: 'Key (email)=(ann@example.org) already exists.',
        message: 'duplicate key value violates unique constraint "users_email"',
      }),
    );
    expect(masked.message).toContain('users_email');
    expect(masked.details).toMatchObject({ file: '2_x.sql', line: 3, sqlState: '23505' });
    expect(JSON.stringify(masked)).not.toContain('ann@example.org');
  });

  test('has no message of a class that quotes values', () => {
    const said = 'invalid input syntax for type integer: "ann@example.org"';
    const masked = maskError(
      error(`migration 2_x.sql:3: ${said} (22P02)`, { sqlState: '22P02', message: said, file: '2_x.sql' }),
    );
    expect(masked.message).toBe('migration 2_x.sql:3: *** (22P02)');
    expect(JSON.stringify(masked)).not.toContain('ann@example.org');
  });

  test.each([
    `syntax error at or near "'hunter2'"`,
    `unterminated quoted string at or near "'hunter2');\nINSERT INTO more VALUES ('hunter2"`,
    'Syntaxfehler bei »hunter2«',
    'syntax error in tsquery: "hunter2 hunter2"',
  ])('does not show what the server does not understand, which may be a value: %s', (said) => {
    const masked = maskError(
      error(`migration 2_x.sql:3: ${said} (42601)`, { sqlState: '42601', message: said, line: 3 }),
    );
    expect(masked.message).toMatch(/^migration 2_x.sql:3: \w.* "\*\*\*" \(42601\)$/);
    expect(masked.details).toMatchObject({ line: 3, message: expect.stringContaining('"***"') });
    expect(JSON.stringify(masked)).not.toContain('hunter2');
  });

  test('has its statement without values', () => {
    const sql = `ALTER ROLE "a" SET x = 'hunter2'`;
    const masked = maskError(error(`roles of a: no (42704) in: ${sql}`, { sqlState: '42704', sql }));
    expect(masked.message).toBe(`roles of a: no (42704) in: ALTER ROLE "a" SET x = '***'`);
    expect(JSON.stringify(masked)).not.toContain('hunter2');
  });
});
