import { expect, test } from 'vitest';
import { transactionEnd } from './transaction-control.ts';

test.each([
  ['BEGIN;\nCREATE TABLE a ();\nCOMMIT;\nSELECT 1;', { word: 'COMMIT', line: 3 }],
  ['create table a (); -- done\n\n  rollback work', { word: 'ROLLBACK', line: 3 }],
  [`SELECT 'it''s'; ABORT`, { word: 'ABORT', line: 1 }],
  ["PREPARE  TRANSACTION 'x'", { word: 'PREPARE  TRANSACTION', line: 1 }],
])('%j would keep its first half', (sql, expected) => {
  expect(transactionEnd(sql)).toEqual(expected);
});

test.each([
  '',
  '-- COMMIT;\nCREATE TABLE a ();',
  '/* a; COMMIT; */ SELECT 1;',
  `INSERT INTO a VALUES ('x; COMMIT;', E'\\'; COMMIT; ');`,
  'CREATE TABLE "; COMMIT" ();',
  'CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; COMMIT; END $$;',
  'DO $do$ BEGIN EXECUTE $$ SELECT 1; $$; COMMIT; END $do$;',
  'SAVEPOINT a; ROLLBACK TO SAVEPOINT a; ROLLBACK WORK TO a;',
  'ALTER TABLE commits ADD committed boolean;',
  'CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;',
])('%j stays whole', (sql) => {
  expect(transactionEnd(sql)).toBeUndefined();
});
