import type { QueryResult } from 'pg';
import { expect, test } from 'vitest';
import { sqlOn } from './sql.ts';

test('values are parameters and never text', async () => {
  const sent: unknown[][] = [];
  const sql = sqlOn({
    query: async (...parameters) => {
      sent.push(parameters);
      return { rows: [{ id: 1 }] } as unknown as QueryResult;
    },
  });
  const name = "'; DROP TABLE articles; --";
  expect(await sql`SELECT id FROM articles WHERE name = ${name} AND id > ${0}`).toEqual([{ id: 1 }]);
  await sql`SELECT 1`;
  expect(sent).toEqual([['SELECT id FROM articles WHERE name = $1 AND id > $2', [name, 0]], ['SELECT 1']]);
});

test('of several statements in one text the rows of the last one are given', async () => {
  const results = [{ rows: [] }, { rows: [{ two: 2 }] }];
  const sql = sqlOn({ query: async () => results as unknown as QueryResult });
  expect(await sql`SELECT; SELECT 2 AS two`).toEqual([{ two: 2 }]);
});
