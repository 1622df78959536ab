import fc from 'fast-check';
import { getActions } from 'node-pg-migrate/sqlMigration';
import { expect, test } from 'vitest';
import { splitSql } from './loader.ts';

/** What node-pg-migrate itself makes of a file. */
function oracle(content: string): { up: string | undefined; down: string | undefined } {
  const actions = getActions(content);
  const sent = (action: typeof actions.up): string | undefined => {
    let text: string | undefined;
    const pgm = {
      sql: (sql: string) => {
        text = sql;
      },
    };
    if (action) void action(pgm as never);
    return text;
  };
  return { up: sent(actions.up), down: sent(actions.down) };
}

test('an SQL migration runs in the Lambda what it runs with node-pg-migrate on a laptop', () => {
  const line = fc.constantFrom(
    'SELECT 1;',
    '-- Up Migration',
    '-- Down Migration',
    '--- up  migration ---',
    '-- up',
    '',
    '  -- DOWN MIGRATION',
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
      const parts = splitSql(lines.join('\n'));
      expect({ up: parts.up.text, down: parts.down?.text }).toEqual(oracle(lines.join('\n')));
    }),
    { numRuns: 1000 },
  );
});
