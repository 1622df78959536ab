import { expect, test } from 'vitest';
import { fileStatements, REAL, sampleSchema, TINY } from './sample-schema.ts';

test('a schema is the same each time, and as large as it says', () => {
  expect(sampleSchema(REAL)).toEqual(sampleSchema(REAL));
  const { statements, tableNames } = sampleSchema(REAL);
  const all = statements.join('\n');
  const count = (pattern: RegExp): number => all.match(pattern)?.length ?? 0;
  expect(statements).toHaveLength(40);
  expect(tableNames).toHaveLength(60);
  expect([count(/CREATE TABLE/g), count(/CREATE INDEX/g), count(/CREATE TRIGGER/g)]).toEqual([60, 150, 20]);
});

test('a file writes to tables that exist, in the smallest schema, too', () => {
  const schema = sampleSchema(TINY);
  for (let file = 0; file < 50; file++) {
    for (const statement of fileStatements(schema, file))
      expect(statement).toMatch(/(FROM|INTO|UPDATE) t00[1-5]/);
  }
});
