import { describe, expect, test } from 'vitest';
import { isBootstrapError } from '../errors.ts';
import { clashes } from './clashes.ts';
import { defineDatabase } from './declaration.ts';
import { declarationProblems } from './problems.ts';

/** Problems of a declaration named x, without the label. */
function problemsOf(declaration: object): string[] {
  return declarationProblems({ name: 'x', ...declaration }).map((problem) =>
    problem.replace('database "x": ', ''),
  );
}

describe('defineDatabase', () => {
  test('gives a good declaration back', () => {
    const declaration = {
      name: 'ledger',
      owner: 'ledger_tables',
      roles: {
        ledger_app: 'readwrite',
        ledger_reports: {
          grant: { custom: { tables: ['SELECT', 'TRIGGER'], sequences: ['USAGE'], in: ['audit'] } },
          login: 'passwordless',
          connectionLimit: 0,
          settings: { statement_timeout: '30s', work_mem: 4096, jit: false, 'ledger.tenant': 'none' },
          memberOf: ['readers'],
          shared: true,
        },
        readers: { login: false, grant: 'readonly' },
        ledger_ops: { grant: 'migrator' },
      },
      schemas: ['public', 'audit'],
      extensions: ['uuid-ossp'],
      encoding: 'utf8',
      locale: { provider: 'icu', name: 'de-DE' },
      connectionLimit: 40,
      settings: { search_path: 'audit, public' },
      migrations: { drizzle: '../drizzle' },
      seed: 'seed.sql',
    } as const;
    expect(defineDatabase(declaration)).toBe(declaration);
    expect(clashes([declaration])).toEqual([]);
  });

  test('names every problem of a declaration at once', () => {
    let problems: unknown;
    try {
      defineDatabase({
        name: 'pg_Ledger',
        tables: [],
        roles: {
          pt_app: 'readwrite',
          rds_x: 'readonly',
          ok: 'admin' as 'readonly',
          'drop table': 'readonly',
        },
        extensions: ['pgcrypto', 'pgcrypto', 'x; DROP'],
        schemas: ['postern', 'pg_x'],
      } as never);
    } catch (error) {
      expect(isBootstrapError(error)).toBe(true);
      expect(error).toMatchObject({ code: 'BOOTSTRAP_DECLARATION_INVALID', kind: 'invalid' });
      problems = (error as { details: { problems: unknown } }).details.problems;
    }
    expect(problems).toEqual([
      'database "pg_Ledger": tables: unknown field; known are name, owner, roles, extensions, schemas, encoding, locale, connectionLimit, settings, migrations, seed',
      'database "pg_Ledger": name: must start with a lower-case letter and consist of lower-case letters, digits and _',
      'database "pg_Ledger": name: names that start with "pg_" are reserved',
      'database "pg_Ledger": roles.pt_app: names that start with "pt_" are reserved',
      'database "pg_Ledger": roles.rds_x: names that start with "rds" are reserved',
      `database "pg_Ledger": roles.ok: the grant must be 'readwrite', 'readonly', 'migrator' or { custom: { … } }, got "admin"`,
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
    expect(problemsOf({ roles: { ['r'.repeat(60)]: 'readonly' } })).toEqual([]);
    expect(problemsOf({ roles: { ['r'.repeat(61)]: 'readonly' } })).toHaveLength(1);
    expect(problemsOf({ owner: 'o'.repeat(60) })).toEqual([]);
    expect(problemsOf({ owner: 'o'.repeat(61) })).toHaveLength(1);
    expect(problemsOf({ schemas: ['s'.repeat(63)] })).toEqual([]);
    expect(problemsOf({ schemas: ['s'.repeat(64)] })).toHaveLength(1);
  });

  test.each([undefined, null, 5, 'ledger', [], {}])('refuses %j, which is no declaration', (value) => {
    expect(declarationProblems(value).length).toBeGreaterThan(0);
  });

  test('refuses roles that are created by themselves, and databases that belong to the server', () => {
    expect(problemsOf({ roles: { x_owner: 'readwrite' } })).toEqual([
      'roles.x_owner: is created by itself; choose another name',
    ]);
    expect(problemsOf({ roles: { lease: 'readwrite' } })).toEqual([
      'roles.lease: "pt_lease", which follows from it, is the login that holds the leases of test runs',
    ]);
    for (const name of ['postgres', 'template1', 'postern', 'rdsadmin', 'pt_x']) {
      expect(declarationProblems({ name })).not.toEqual([]);
    }
  });

  test.each([
    [
      'an owner that logs in',
      { owner: 'app', roles: { app: 'readwrite' } },
      'owner: "app" is declared in roles as a login: who logs in as the owner can drop everything, and an owner in rds_iam would take the master, a member of each owner, out of its own password login. Name a role that nobody logs in as',
    ],
    [
      'an owner among the groups',
      { owner: 'app', roles: { app: { login: false } } },
      'owner: "app" is declared in roles, too; the owner is made by itself, and nobody is a member of it but the migrators',
    ],
    [
      'an owner that is the migrator',
      { owner: 'x_migrator' },
      'owner: "x_migrator" is the login that runs migrations: it becomes the owner, it cannot be it',
    ],
    ['an owner of RDS', { owner: 'rds_superuser' }, 'owner: names that start with "rds" are reserved'],
    ['an owner that is no name', { owner: 5 }, 'owner: expected the name of a role, got 5'],
    [
      'roles that are a list',
      { roles: ['app'] },
      "roles: expected an object like { ledger_app: 'readwrite' }",
    ],
    [
      'a role that is a list',
      { roles: { app: [] } },
      "roles.app: expected a grant like 'readwrite' or an object like { grant: 'readwrite' }, got a list",
    ],
    [
      'an unknown field of a role',
      { roles: { app: { grants: 'readonly' } } },
      'roles.app.grants: unknown field; known are grant, login, connectionLimit, settings, memberOf, shared',
    ],
    [
      'an unknown login',
      { roles: { app: { login: true } } },
      "roles.app.login: must be 'iam', 'passwordless' or false, got true",
    ],
    [
      'a limit below none',
      { roles: { app: { connectionLimit: -2 } } },
      'roles.app.connectionLimit: expected an integer from -1 (no limit) to 2147483647, got -2',
    ],
    [
      'half a connection',
      { connectionLimit: 1.5 },
      'connectionLimit: expected an integer from -1 (no limit) to 2147483647, got 1.5',
    ],
    [
      'a database that nobody may enter',
      { connectionLimit: 0 },
      'connectionLimit: with 0 nobody could connect, neither the migrations nor the bootstrap',
    ],
    [
      'shared that is no truth value',
      { roles: { app: { shared: 'yes' } } },
      'roles.app.shared: must be true or false, got "yes"',
    ],
    [
      'a setting of a group',
      { roles: { app: { login: false, settings: { jit: true } } } },
      'roles.app.settings: has no effect on a role that does not log in, and members do not inherit it',
    ],
    [
      'a limit of a group',
      { roles: { app: { login: false, connectionLimit: 5 } } },
      'roles.app.connectionLimit: has no effect on a role that does not log in, and members do not inherit it',
    ],
    [
      'a group of migrators',
      { roles: { app: { login: false, grant: 'migrator' } } },
      "roles.app.grant: 'migrator' is for logins: who is a member of a group cannot become what the group may become",
    ],
    [
      'a setting with a wrong name',
      { settings: { 'a-b': 1 } },
      'settings.a-b: is no name of a setting (lower-case letters, digits and _, and one dot for those of extensions)',
    ],
    [
      'a setting that changes who one is',
      { roles: { app: { settings: { role: 'x_owner' } } } },
      'roles.app.settings.role: is refused: each session would begin as another role; use memberOf or a grant',
    ],
    [
      'another of these',
      { settings: { session_authorization: 'x' } },
      'settings.session_authorization: is refused: each session would begin as another role; use memberOf or a grant',
    ],
    [
      'a setting that lets texts be injected',
      { settings: { standard_conforming_strings: false } },
      'settings.standard_conforming_strings: is refused: texts with backslashes would mean something else, a way in for injected SQL',
    ],
    [
      'a database that migrations cannot write to',
      { settings: { default_transaction_read_only: true } },
      'settings.default_transaction_read_only: is refused: migrations could no longer write; set it on the roles that shall only read',
    ],
    [
      'a value of two lines',
      { settings: { jit: 'on\n' } },
      'settings.jit: must be one line without control characters',
    ],
    [
      'a value with NUL',
      { settings: { jit: 'on\0' } },
      'settings.jit: must be one line without control characters',
    ],
    [
      'a value that is an object',
      { settings: { jit: {} } },
      'settings.jit: expected a text, a number, true or false, got an object',
    ],
    [
      'a value without bounds',
      { settings: { jit: Infinity } },
      'settings.jit: expected a finite number, got Infinity',
    ],
    [
      'settings that are a list',
      { settings: [] },
      "settings: expected an object like { statement_timeout: '30s' }",
    ],
    [
      'a member of itself',
      { roles: { app: { memberOf: ['app'] } } },
      'roles.app.memberOf: "app": a role cannot be a member of itself',
    ],
    [
      'a member of rds_iam',
      { roles: { app: { memberOf: ['rds_iam'] } } },
      `roles.app.memberOf: "rds_iam": it would make a login by token of whoever reaches it, the master too; write login: 'iam'`,
    ],
    [
      'a member of rds_superuser',
      { roles: { app: { memberOf: ['rds_superuser'] } } },
      'roles.app.memberOf: "rds_superuser": roles of RDS reach beyond this database, and some of them lead to the master',
    ],
    [
      'a member of pg_read_all_data',
      { roles: { app: { memberOf: ['pg_read_all_data'] } } },
      'roles.app.memberOf: "pg_read_all_data": predefined roles of PostgreSQL reach into every database; use a grant',
    ],
    [
      'a member of the owner',
      { roles: { app: { memberOf: ['x_owner'] } } },
      `roles.app.memberOf: "x_owner": members of the owner could drop the database; write grant: 'migrator'`,
    ],
    [
      'a member of the migrator',
      { roles: { app: { memberOf: ['x_migrator'] } } },
      `roles.app.memberOf: "x_migrator": it is a login by token, so members could no longer log in otherwise; write grant: 'migrator'`,
    ],
    [
      'a member twice',
      { roles: { app: { memberOf: ['a', 'a'] } } },
      'roles.app.memberOf: "a" is listed twice',
    ],
    [
      'a grant that is a list',
      { roles: { app: { grant: ['SELECT'] } } },
      "roles.app.grant: expected 'readwrite', 'readonly', 'migrator' or { custom: { tables: ['SELECT'] } }, got a list",
    ],
    [
      'an empty custom grant',
      { roles: { app: { grant: { custom: {} } } } },
      'roles.app.grant.custom: names no privilege; leave the grant out for a role without any',
    ],
    [
      'an unknown privilege',
      { roles: { app: { grant: { custom: { tables: ['ALL'] } } } } },
      'roles.app.grant.custom.tables: "ALL": no privilege of that kind; known are SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER',
    ],
    [
      'a privilege twice',
      { roles: { app: { grant: { custom: { tables: ['SELECT', 'SELECT'] } } } } },
      'roles.app.grant.custom.tables: "SELECT" is listed twice',
    ],
    [
      'an empty list of privileges',
      { roles: { app: { grant: { custom: { tables: [] } } } } },
      'roles.app.grant.custom.tables: is empty; leave it out',
    ],
    [
      'a schema that is not declared',
      { roles: { app: { grant: { custom: { tables: ['SELECT'], in: ['audit'] } } } } },
      'roles.app.grant.custom.in: "audit": is none of the database\'s schemas ("public")',
    ],
    [
      'no schema at all',
      { roles: { app: { grant: { custom: { tables: ['SELECT'], in: [] } } } } },
      'roles.app.grant.custom.in: must name at least one schema',
    ],
    [
      'privileges of an unknown kind',
      { roles: { app: { grant: { custom: { types: ['USAGE'], tables: ['SELECT'] } } } } },
      'roles.app.grant.custom.types: unknown field; known are tables, sequences, functions, schemas, database, in',
    ],
    ['no schemas', { schemas: [] }, 'schemas: must name at least one schema'],
    ['extensions that are no list', { extensions: 'citext' }, 'extensions: expected a list of names'],
    ['an encoding by another name', { encoding: 'UTF-8' }, 'encoding: "UTF-8": PostgreSQL calls it "UTF8"'],
    [
      'an encoding of clients',
      { encoding: 'GBK' },
      'encoding: "GBK" is for clients only, no database can have it',
    ],
    [
      'an unknown encoding',
      { encoding: 'EBCDIC' },
      'encoding: "EBCDIC" is no encoding of PostgreSQL; RDS creates databases in UTF8',
    ],
    ['an encoding that is no text', { encoding: 8 }, "encoding: expected a text like 'UTF8', got 8"],
    [
      'a locale that is a text',
      { locale: 'C' },
      "locale: expected an object like { provider: 'icu', name: 'de-DE' }",
    ],
    [
      'an unknown provider',
      { locale: { provider: 'glibc', name: 'C' } },
      `locale.provider: must be 'libc', 'icu' or 'builtin', got "glibc"`,
    ],
    [
      'a locale without name',
      { locale: {} },
      "locale.name: expected the name of a locale such as 'en_US.UTF-8', got undefined",
    ],
    [
      'a locale with a quote',
      { locale: { name: "C'" } },
      `locale.name: expected the name of a locale such as 'en_US.UTF-8', got "C'"`,
    ],
    [
      'an unknown field of a locale',
      { locale: { name: 'C', rules: '' } },
      'locale.rules: unknown field; known are provider, name',
    ],
    [
      'a locale that is not built in',
      { locale: { provider: 'builtin', name: 'de_DE' } },
      'locale.name: "de_DE": the provider builtin has C, C.UTF-8, PG_UNICODE_FAST',
    ],
    [
      'a built-in locale in another encoding',
      { encoding: 'LATIN1', locale: { provider: 'builtin', name: 'C.UTF-8' } },
      'locale.name: "C.UTF-8" needs the encoding UTF8',
    ],
    [
      'a locale of libc for ICU',
      { locale: { provider: 'icu', name: 'de_DE.UTF-8' } },
      'locale.name: "de_DE.UTF-8": ICU has language tags such as "de-DE" or "und-u-ks-level2"',
    ],
    [
      'an encoding without ICU',
      { encoding: 'SQL_ASCII', locale: { provider: 'icu', name: 'de' } },
      'locale.provider: ICU does not know the encoding SQL_ASCII',
    ],
    [
      'a locale of another encoding',
      { encoding: 'LATIN1', locale: { name: 'en_US.UTF-8' } },
      'locale.name: "en_US.UTF-8" does not fit the encoding LATIN1',
    ],
    [
      'two sources of migrations',
      { migrations: { sql: 'a', prisma: 'b' } },
      'migrations: expected a path, or exactly one of { folder: path }, { sql: path }, { drizzle: path }, { prisma: path }, { migrator: path }; got "sql", "prisma"',
    ],
    [
      'no source of migrations',
      { migrations: {} },
      'migrations: expected a path, or exactly one of { folder: path }, { sql: path }, { drizzle: path }, { prisma: path }, { migrator: path }; got none',
    ],
    [
      'an unknown source',
      { migrations: { knex: 'a' } },
      'migrations: expected a path, or exactly one of { folder: path }, { sql: path }, { drizzle: path }, { prisma: path }, { migrator: path }; got "knex"',
    ],
    [
      'an empty path',
      { migrations: { migrator: '' } },
      'migrations.migrator: expected the path of a module, got ""',
    ],
    [
      'migrations that are a list',
      { migrations: [] },
      'migrations: expected the path of a folder, got a list',
    ],
    [
      'a seed that is no SQL',
      { seed: 'seed.ts' },
      'seed: must be an .sql file; what needs code belongs into a migration',
    ],
    ['a seed that is no path', { seed: true }, 'seed: expected the path of an .sql file, got true'],
  ])('refuses %s', (_what, declaration, problem) => {
    expect(problemsOf(declaration)).toEqual([problem]);
  });
});
