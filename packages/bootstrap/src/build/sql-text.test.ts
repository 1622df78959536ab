import { describe, expect, test } from 'vitest';
import { decodeSql, migrationProblems } from './sql-problems.ts';
import { sqlStatements } from './sql-text.ts';

const problems = (sql: string): string[] =>
  migrationProblems('a.sql', sql, { instead: 'ESCAPE', mark: true });

describe('an SQL file', () => {
  test.each([
    ['BEGIN;\nCREATE TABLE a ();\nCOMMIT;\nSELECT 1;', 'a.sql:3: "COMMIT" ends'],
    ['create table a (); -- done\n\n  rollback work', 'a.sql:3: "ROLLBACK" ends'],
    [`SELECT 'it''s'; ABORT`, 'a.sql:1: "ABORT" ends'],
    ["PREPARE  TRANSACTION 'x'", 'a.sql:1: "PREPARE TRANSACTION" ends'],
    ['SELECT 1;\nEND;', 'a.sql:2: "END" ends'],
    ['/* a /* b */ ; */ COMMIT', 'a.sql:1: "COMMIT" ends'],
    ["SELECT U&'\\'; COMMIT; --'", 'a.sql:1: "COMMIT" ends'],
    ['SELECT a$b$; COMMIT; SELECT a$b$', 'a.sql:1: "COMMIT" ends'],
    ['CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END; END;', '"END" ends'],
    ['-- a note\rCOMMIT;', 'a.sql:1: "COMMIT" ends'],
  ])('%j would keep its first half', (sql, problem) => {
    expect(problems(sql)).toEqual([expect.stringContaining(problem)]);
  });

  test.each([
    '',
    '-- COMMIT;\nCREATE TABLE a ();',
    '/* a; COMMIT; */ SELECT 1;',
    '/* /* */ ; COMMIT; */ SELECT 1;',
    `INSERT INTO a VALUES ('x; COMMIT;', E'\\'; COMMIT; ');`,
    'CREATE TABLE "; COMMIT" ();',
    'CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; COMMIT; END $$;',
    'DO $do$ BEGIN EXECUTE $$ SELECT 1; $$; COMMIT; END $do$;',
    'DO $größe$ BEGIN COMMIT; END $größe$;',
    'SAVEPOINT a; ROLLBACK TO SAVEPOINT a; ROLLBACK WORK TO a;',
    'ALTER TABLE commits ADD committed boolean;',
    'CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;',
    'CREATE TABLE a ();--> statement-breakpoint\nCREATE TABLE b ();',
    'CREATE INDEX vacuum ON a (b); REFRESH MATERIALIZED VIEW CONCURRENTLY v;',
    '-- postern: no-transaction\nCREATE INDEX CONCURRENTLY i ON a (b); -- done',
    '--postern:no-transaction\nVACUUM a',
    '-- what for\n-- postern: no-transaction\nVACUUM a',
    '-- Up Migration\nSELECT 1; SELECT 2;\n-- Down Migration\n-- postern: no-transaction\nDROP INDEX CONCURRENTLY i;',
  ])('%j is as it should be', (sql) => {
    expect(problems(sql)).toEqual([]);
  });

  test.each([
    [
      'CREATE INDEX CONCURRENTLY i ON a (b)',
      'refuses "CREATE INDEX CONCURRENTLY …" in a transaction: ESCAPE',
    ],
    ['create unique index concurrently i on a (b)', 'CREATE UNIQUE INDEX'],
    ['DROP INDEX CONCURRENTLY i', 'DROP INDEX'],
    ['REINDEX TABLE CONCURRENTLY a', 'REINDEX TABLE'],
    ['ALTER TABLE a DETACH PARTITION b CONCURRENTLY', 'ALTER TABLE'],
    ['SELECT 1;\nVACUUM a', 'a.sql:2: PostgreSQL refuses "VACUUM A …"'],
    ['CREATE DATABASE x', 'CREATE DATABASE'],
    [
      '-- postern: no-transaction\nSELECT 1; SELECT 2',
      'exactly one statement, so that an error leaves nothing half done; there are 2',
    ],
    ['-- postern: no-transaction\n-- nothing', 'there are 0'],
    ['SELECT 1;\n-- postern: no-transaction', 'a.sql:2: "-- postern: no-transaction" means nothing here'],
    ['-- postern: no transaction\nSELECT 1', 'a.sql:1: "-- postern: no transaction" means nothing here'],
    ['-- Up Migration\nSELECT 1;\n-- Down Migration\nROLLBACK;', 'a.sql:4: "ROLLBACK" ends'],
    ['-- Down Migration\nSELECT 1;', 'a.sql: has "-- Down Migration" but no'],
    ['SET x = 1;\n\\connect other\nSELECT 1', 'a.sql:2: "\\connect" is a command of psql'],
    ["SELECT 1;\nCOPY a (b) FROM stdin;\n1\tit's\n\\.\n", 'a.sql:2: COPY … FROM stdin needs psql'],
  ])('%j is refused when it is built', (sql, problem) => {
    expect(problems(sql)).toEqual([expect.stringContaining(problem)]);
  });

  test('is split into statements with their lines', () => {
    expect(
      sqlStatements(`CREATE RULE r AS ON INSERT TO a DO (SELECT 1; SELECT 2);\n\n-- x\nSELECT ';'`),
    ).toEqual([
      { text: expect.stringMatching(/^CREATE RULE/), line: 1 },
      { text: 'SELECT', line: 4 },
    ]);
  });

  test('is read in time, however large', () => {
    const text = `INSERT INTO a VALUES ('${'x'.repeat(500_000)}');\n`;
    expect(sqlStatements(text + 'INSERT INTO a VALUES (1);\n'.repeat(20_000))).toHaveLength(20_001);
  });

  test.each([
    ["'", "''"],
    ["E'", "\\'"],
    ["E'", "''"],
    ['"', '""'],
    ['$$', '$ '],
  ])('is read to its end, however many marks are in what begins with %s', (mark, inner) => {
    const close = mark.replace('E', '');
    const long = `SELECT ${mark}${inner.repeat(4_000_000)} ${close};\nCOMMIT`;
    expect(sqlStatements(long).map(({ text, line }) => [text.slice(0, 6), line])).toEqual([
      ['SELECT', 1],
      ['COMMIT', 2],
    ]);
  });

  test('is UTF-8, without byte order mark, with line ends as Git keeps them', () => {
    expect(decodeSql(Buffer.from('a\r\nb\n'))).toEqual({ text: 'a\nb\n' });
    expect(decodeSql(Buffer.from('\uFEFFSELECT 1')).problem).toContain('byte order mark');
    expect(decodeSql(Buffer.from('\uFEFFSELECT 1', 'utf16le')).problem).toContain('not UTF-8');
    expect(decodeSql(Buffer.from('SELECT 1', 'utf16le')).problem).toContain('NUL');
  });
});
