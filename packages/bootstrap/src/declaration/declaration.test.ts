import { describe, expect, test } from 'vitest';
import { isBootstrapError } from '../errors.ts';
import { defineDatabase } from './declaration.ts';
import { clashes, declarationProblems } from './problems.ts';

describe('defineDatabase', () => {
  test('gives a good declaration back', () => {
    const declaration = {
      name: 'ledger',
      roles: { ledger_app: 'readwrite' },
      extensions: ['uuid-ossp'],
    } as const;
    expect(defineDatabase(declaration)).toBe(declaration);
  });

  test('names every problem of a declaration at once', () => {
    let problems: unknown;
    try {
      defineDatabase({
        name: 'pg_Ledger',
        roles: {
          pt_app: 'readwrite',
          rds_x: 'readonly',
          ok: 'admin' as 'readonly',
          'drop table': 'readonly',
        },
        extensions: ['pgcrypto', 'pgcrypto', 'x; DROP'],
        schemas: ['postern', 'pg_x'],
        owner: 'me',
      } as never);
    } catch (error) {
      expect(isBootstrapError(error)).toBe(true);
      expect(error).toMatchObject({ code: 'BOOTSTRAP_DECLARATION_INVALID', kind: 'invalid' });
      problems = (error as { details: { problems: unknown } }).details.problems;
    }
    expect(problems).toEqual([
      'database "pg_Ledger": owner: unknown field; known are name, roles, extensions, schemas, migrations',
      'database "pg_Ledger": name: must start with a lower-case letter and consist of lower-case letters, digits and _',
      'database "pg_Ledger": name: names that start with "pg_" are reserved',
      'database "pg_Ledger": roles.pt_app: names that start with "pt_" are reserved',
      'database "pg_Ledger": roles.rds_x: names that start with "rds" are reserved',
      `database "pg_Ledger": roles.ok: the grant must be 'readwrite' or 'readonly'`,
      'database "pg_Ledger": roles.drop table: must start with a lower-case letter and consist of lower-case letters, digits and _',
      'database "pg_Ledger": extensions: "pgcrypto" is listed twice',
      'database "pg_Ledger": extensions: "x; DROP": not an extension name (lower-case letters, digits, _ and -)',
      'database "pg_Ledger": schemas: "postern": is a reserved name',
      'database "pg_Ledger": schemas: "pg_x": names that start with "pg_" are reserved',
    ]);
  });

  test('refuses names that PostgreSQL would cut, counting the names that follow from them', () => {
    expect(declarationProblems({ name: 'a'.repeat(51) })).toEqual([]);
    expect(declarationProblems({ name: 'a'.repeat(52) })).toEqual([
      expect.stringContaining(`"pt_${'a'.repeat(52)}_migrator", which follows from it, has 64 bytes`),
    ]);
    expect(declarationProblems({ name: 'x', roles: { ['r'.repeat(60)]: 'readonly' } })).toEqual([]);
    expect(declarationProblems({ name: 'x', roles: { ['r'.repeat(61)]: 'readonly' } })).toHaveLength(1);
  });

  test.each([undefined, null, 5, 'ledger', [], {}])('refuses %j, which is no declaration', (value) => {
    expect(declarationProblems(value).length).toBeGreaterThan(0);
  });

  test('refuses roles that are created by themselves, and databases that belong to the server', () => {
    expect(declarationProblems({ name: 'x', roles: { x_owner: 'readwrite' } })).toHaveLength(1);
    for (const name of ['postgres', 'template1', 'postern', 'rdsadmin', 'pt_x']) {
      expect(declarationProblems({ name })).not.toEqual([]);
    }
  });
});

describe('several declarations on one cluster', () => {
  test('share no database and no role', () => {
    expect(
      clashes([
        { name: 'a', roles: { app: 'x' } },
        { name: 'b', roles: { other: 'x' } },
      ]),
    ).toEqual([]);
    expect(
      clashes([
        { name: 'a', roles: { app: 'x', b_owner: 'x' } },
        { name: 'b', roles: { app: 'x' } },
        { name: 'a' },
      ]),
    ).toEqual([
      'role "b_owner" is declared by database "a" and by database "b"',
      'role "app" is declared by database "a" and by database "b"',
      'database "a" is declared twice',
    ]);
  });
});
