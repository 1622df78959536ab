import { expect, test } from 'vitest';
import { cleanUpStatement, leavesState, preparedBySql } from './session-state.ts';
import { rowsOf, shownText } from './wire-log.ts';

test.each<[text: string, tags: string[]]>([
  ["SET statement_timeout = '1s'", ['SET']],
  ['SET SESSION AUTHORIZATION shop', ['SET']],
  ['SET ROLE shop', ['SET']],
  ['BEGIN; SET LOCAL a.b = 1; SET search_path = x; COMMIT', ['BEGIN', 'SET', 'SET', 'COMMIT']],
  ["SELECT set_config('app.tenant', $1, false)", ['SELECT 1']],
  ["SELECT set_config('app.tenant', $1, $2)", ['SELECT 1']],
  ["SELECT set_config('a.b', '1', true), set_config('a.c', '1', false)", ['SELECT 1']],
  ['LISTEN bell', ['LISTEN']],
  ['SELECT pg_advisory_lock(1)', ['SELECT 1']],
  ['select pg_try_advisory_lock_shared(1)', ['SELECT 1']],
  ['CREATE TEMP TABLE x (id int)', ['CREATE TABLE']],
  ['create or replace temporary view v as select 1', ['CREATE VIEW']],
  ['SELECT 1 INTO TEMP x', ['SELECT 1']],
  ['CREATE TABLE pg_temp.x (id int)', ['CREATE TABLE']],
  ['DECLARE c CURSOR WITH HOLD FOR SELECT 1', ['DECLARE CURSOR']],
  ['PREPARE p AS SELECT 1', ['PREPARE']],
])('%s leaves something behind', (text, tags) => {
  expect(leavesState(text, tags)).toBe(true);
});

test.each<[text: string, tags: string[]]>([
  ['SELECT 1', ['SELECT 1']],
  ['UPDATE accounts SET balance = 1', ['UPDATE 1']],
  ["SET LOCAL app.tenant = '1'", ['SET']],
  ['SET TRANSACTION ISOLATION LEVEL SERIALIZABLE', ['SET']],
  ['SET CONSTRAINTS ALL DEFERRED', ['SET CONSTRAINTS']],
  ["SELECT set_config('app.tenant', $1, true)", ['SELECT 1']],
  ['SELECT pg_advisory_xact_lock(1)', ['SELECT 1']],
  ["NOTIFY bell, 'temperature'", ['NOTIFY']],
  ['INSERT INTO templates VALUES (1)', ['INSERT 0 1']],
])('%s leaves nothing behind, and costs no message', (text, tags) => {
  expect(leavesState(text, tags)).toBe(false);
});

test('statements prepared in SQL are deallocated by name; those of pg are not touched', () => {
  const text = 'PREPARE one AS SELECT 1; prepare "Two ""2""" (int) AS SELECT $1';
  const names = preparedBySql(text, ['PREPARE', 'PREPARE']);
  expect(names).toEqual(['one', '"Two ""2"""']);
  expect(cleanUpStatement(names)).toMatch(/; DEALLOCATE one; DEALLOCATE "Two ""2"""$/);
  expect(cleanUpStatement([])).not.toMatch(/DEALLOCATE|DISCARD ALL/);
  expect(preparedBySql("SELECT 'prepare x as'", ['SELECT 1'])).toEqual([]);
});

test('a text in the log has neither a password nor a megabyte', () => {
  expect(shownText(`ALTER ROLE a PASSWORD 'it''s' VALID UNTIL 'x'`)).toBe(
    `ALTER ROLE a PASSWORD '***' VALID UNTIL 'x'`,
  );
  expect(shownText('CREATE ROLE a PASSWORD $tag$secret$tag$ LOGIN')).toBe(
    `CREATE ROLE a PASSWORD '***' LOGIN`,
  );
  expect(shownText(`CREATE USER a PASSWORD E'se\\'cret'`)).toBe(`CREATE USER a PASSWORD '***'`);
  expect(shownText('x'.repeat(100_000))).toHaveLength(10_001);
});

test('rows are counted from what the server says', () => {
  expect(['SELECT 3', 'INSERT 0 2', 'UPDATE 4', 'COPY 5', 'BEGIN', 'CREATE TABLE'].map(rowsOf)).toEqual([
    3, 2, 4, 5, 0, 0,
  ]);
});
