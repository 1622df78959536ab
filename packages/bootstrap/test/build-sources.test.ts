import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { unzipSync } from 'fflate';
import { getMigrationFilePaths } from 'node-pg-migrate/migration';
import { afterEach, describe, expect, test } from 'vitest';
import { buildArtifact, type Collected, collectDatabases } from '../src/build/index.ts';
import { nameProblem } from '../src/build/migrations.ts';
import { parseManifest } from '../src/contract/manifest.ts';
import { parseRequest } from '../src/contract/request.ts';
import type { DatabaseDeclaration } from '../src/declaration/declaration.ts';
import { type ServiceFiles, writeWorkspace } from './fixtures/service.ts';

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const done of cleanUp.splice(0)) await done();
});

async function workspace(...services: ServiceFiles[]): Promise<string> {
  const made = await writeWorkspace(services);
  cleanUp.push(() => made[Symbol.asyncDispose]());
  return made.root;
}

/** A service named x with these files beside its declaration. */
async function collected(
  migrations: DatabaseDeclaration['migrations'],
  files: Record<string, string>,
  more: Partial<DatabaseDeclaration> = {},
): Promise<Collected & { inputs: string[] }> {
  const declaration = { name: 'x', ...(migrations === undefined ? {} : { migrations }), ...more };
  const root = await workspace({ declaration, files });
  const folder = join(root, 'apps/x/database/');
  const inputs: string[] = [];
  const onInput = (path: string): void => {
    if (path.startsWith(folder)) inputs.push(path.slice(folder.length));
  };
  return { ...(await collectDatabases({ root, onInput })), inputs };
}

async function problemsOf(
  migrations: DatabaseDeclaration['migrations'],
  files: Record<string, string>,
  more: Partial<DatabaseDeclaration> = {},
): Promise<unknown> {
  const error: unknown = await collected(migrations, files, more).catch((thrown: unknown) => thrown);
  const { code, details } = error as { code?: string; details?: { problems?: string[] } };
  if (code !== 'BOOTSTRAP_DECLARATION_INVALID') throw error;
  return details?.problems?.map((problem) => problem.replaceAll('apps/x/database/', ''));
}

const textOf = ({ files }: Collected, path: string): string =>
  Buffer.from(files[path] ?? []).toString('utf8');

const journal = (...tags: string[]): string =>
  JSON.stringify({
    version: '7',
    dialect: 'postgresql',
    entries: tags.map((tag, idx) => ({
      idx,
      version: '7',
      when: 1_700_000_000_000 + idx,
      tag,
      breakpoints: true,
    })),
  });

describe('a folder of node-pg-migrate', () => {
  const names = ({ databases }: Collected): string[] =>
    (databases[0]?.migrations ?? []).map(({ source }) => source);

  test('runs in the order that its command line runs it in, also where numbers repeat themselves', async () => {
    const files = [
      '0001_Zeta.sql',
      '0001_alpha.sql',
      '0002_add-b.sql',
      '0002_add_a.sql',
      '0003_x10.sql',
      '0003_x9.ts',
      '0004_same-name.sql',
      '0004_same_name.sql',
      '0005_b.ts',
      '0005_a.sql',
      '20240101000000000_a.sql',
      '1704067200000_b.sql',
      '7.2_a.sql',
      '7.10_a.sql',
      '0010.sql',
    ];
    const root = await workspace({
      declaration: { name: 'x' },
      migrations: Object.fromEntries(
        files.map((file) => [file, file.endsWith('.ts') ? 'export const up = () => {};' : 'SELECT 1']),
      ),
    });
    const theirs = await getMigrationFilePaths(join(root, 'apps/x/database/migrations'), { logger: console });
    expect(names(await collectDatabases({ root }))).toEqual(theirs.map((path) => basename(path)));
  });

  test('says which file would fail only in the function: one that looks beside itself, one without up', async () => {
    const reads = `const fs = require('node:fs'); exports.up = (pgm) => pgm.sql(fs.readFileSync(__dirname + '/../a.sql', 'utf8'));`;
    const files = {
      'migrations/1_a.js': reads,
      'migrations/2_b.ts': `import { place } from '../place.ts';\nexport const up = (): string => place;`,
      'place.ts': `export const place: string = new URL('.', import.meta.url).href;`,
      'migrations/3_c.ts': 'export const upp = (): void => {};\nexport const down = false;',
      'migrations/4_d.mjs': '',
      'migrations/5_e.ts': `import { fileURLToPath } from 'node:url';\nexport const up = () => fileURLToPath(import.meta.filename);`,
    };
    expect(await problemsOf(undefined, files)).toEqual([
      expect.stringMatching(/^migrations\/1_a\.js: uses __dirname, but in the function/),
      expect.stringMatching(/^place\.ts: uses import\.meta\.url/),
      'migrations/3_c.ts: exports no function "up", only "down", "upp"',
      'migrations/4_d.mjs: exports no function "up"',
      expect.stringMatching(/^migrations\/5_e\.ts: uses import\.meta\.filename/),
    ]);
  });

  test('may import a text, and write or call something as those names', async () => {
    const built = await collected(undefined, {
      'migrations/1_a.ts': `// not with __dirname\nimport sql from '../a.sql' with { type: 'text' };
const __filename = 'x';\nexport const up = (pgm: { sql(text: string): void }) => pgm.sql(sql + '-- import.meta.url' + __filename);`,
      'migrations/2_b.ts': 'export default { up: () => {} };',
      'migrations/3_c.cjs': 'exports.up = () => {};',
      'a.sql': 'SELECT 42',
    });
    expect(textOf(built, 'migrations/x/1_a.mjs')).toContain('SELECT 42');
    expect(built.inputs).toContain('a.sql');
  });

  test('has what it links to, and says when a link leads nowhere', async () => {
    const root = await workspace({
      declaration: { name: 'x' },
      migrations: { '1_a.sql': 'SELECT 1' },
      files: { 'other/2_b.sql': 'SELECT 2' },
    });
    const folder = join(root, 'apps/x/database');
    await symlink('../other/2_b.sql', join(folder, 'migrations/2_b.sql'));
    const inputs: string[] = [];
    const built = await collectDatabases({ root, onInput: (path) => inputs.push(path) });
    expect(names(built)).toEqual(['1_a.sql', '2_b.sql']);
    expect(textOf(built, 'migrations/x/2_b.sql')).toBe('SELECT 2');
    expect(inputs.some((path) => path.endsWith('other/2_b.sql'))).toBe(true);
    await symlink('../other/3_c.sql', join(folder, 'migrations/3_c.sql'));
    await expect(collectDatabases({ root })).rejects.toMatchObject({
      code: 'BOOTSTRAP_BUILD_FAILED',
      message: expect.stringContaining('3_c.sql is a link to something that is not there'),
    });
  });

  test.each(['migration/1_a.sql', 'sql/0001_a.ts', '../migrations/a.sql'])(
    'that lies in %s, where nobody looks, is not taken for none at all',
    async (file) => {
      const [problem] = (await problemsOf(undefined, { [file]: 'SELECT 1' })) as string[];
      expect(problem).toContain('there is no folder migrations, but');
      expect(problem).toContain('looks like it');
      const made = await collected(undefined, { [file]: 'SELECT 1', 'migrations/.gitkeep': '' });
      expect(names(made)).toEqual([]);
    },
  );

  test('may be missing beside folders that hold other things', async () => {
    const files = { 'seeds/people.sql': '', 'src/index.ts': '', '../migrator/readme.md': '' };
    expect(names(await collected(undefined, files))).toEqual([]);
  });
});

describe('a name of a migration', () => {
  test.each(
    [1, 199, 200, 201, 250, 251]
      .map((length) => 'x'.repeat(length))
      .concat('-a', '.a', '_a', '1.a-b', 'ö', '', '..'),
  )('is let through only if the function can be asked for it: %s', (to) => {
    const { request } = parseRequest({ action: 'fake', database: 'x', to });
    expect(nameProblem(to) === undefined).toBe(request !== undefined);
  });
});

describe('a folder of SQL files', () => {
  test('is packed in the order of its names, whatever line ends the checkout has', async () => {
    const files = { 'sql/001_b.sql': 'SELECT 1;\n', 'sql/002_a.sql': 'SELECT 2;\n', 'sql/.keep': '' };
    const unix = await collected({ sql: 'sql' }, files);
    expect(unix.databases[0]).toMatchObject({
      engine: 'sql',
      migrations: [
        { name: '001_b', file: '001_b.sql', source: '001_b.sql' },
        { name: '002_a', file: '002_a.sql', source: '002_a.sql' },
      ],
    });
    expect(unix.inputs).toEqual(expect.arrayContaining(['sql', 'sql/001_b.sql', 'sql/002_a.sql']));
    const windows = await collected({ sql: 'sql' }, { ...files, 'sql/001_b.sql': 'SELECT 1;\r\n' });
    expect(windows.databases).toEqual(unix.databases);
    expect(textOf(windows, 'migrations/x/001_b.sql')).toBe('SELECT 1;\n');
  });

  test('says what would go wrong later', async () => {
    expect(
      await problemsOf(
        { sql: 'sql' },
        {
          'sql/1_a.sql': 'SELECT 1;',
          'sql/10_c.sql': '-- postern: no-transaction\nVACUUM; ANALYZE;',
          'sql/2_b.sql': '\uFEFFSELECT 1;',
          'sql/3_ö.sql': 'SELECT 1;',
          'sql/4_d.SQL': '',
          'sql/5_E.sql': 'SELECT 1;',
          'sql/5_e.sql': 'SELECT 1;',
          [`sql/6_${'x'.repeat(249)}.sql`]: 'SELECT 1;',
          'sql/migrator.sql': 'SELECT 1;',
          'sql/README.md': '',
        },
      ),
    ).toEqual([
      'sql/4_d.SQL: is not an .sql file; keep it outside of the folder',
      'sql/README.md: is not an .sql file; keep it outside of the folder',
      'sql/1_a.sql: comes after 10_c.sql in the order of names, which counts; give all numbers the same length',
      'sql/10_c.sql: without a transaction there must be exactly one statement, so that an error leaves nothing half done; there are 2',
      'sql/2_b.sql: begins with a byte order mark, a syntax error for PostgreSQL; save it without',
      'sql/3_ö.sql: must consist of letters, digits, "_", "-" and "."',
      'sql/5_e.sql: has the same name as 5_E.sql',
      `sql/6_${'x'.repeat(249)}.sql: is too long: names of migrations have at most 200 characters`,
      'sql/migrator.sql: has a name that is reserved',
    ]);
    expect(await problemsOf({ sql: 'none' }, {})).toEqual([
      'database.ts: database "x": migrations: there is no folder none',
    ]);
  });
});

describe('a folder of drizzle-kit', () => {
  test('is packed in the order of its journal', async () => {
    const sql = 'CREATE TABLE a ();--> statement-breakpoint\nCREATE TABLE b ();\n';
    const built = await collected(
      { drizzle: 'drizzle' },
      {
        'drizzle/meta/_journal.json': journal('0000_wild_cat', '0001_a'),
        'drizzle/meta/0000_snapshot.json': '{}',
        'drizzle/0000_wild_cat.sql': sql,
        'drizzle/0001_a.sql': 'SELECT 1;',
      },
    );
    expect(built.databases[0]?.migrations.map(({ name }) => name)).toEqual(['0000_wild_cat', '0001_a']);
    expect(textOf(built, 'migrations/x/0000_wild_cat.sql')).toBe(sql);
    expect(built.inputs).toEqual(
      expect.arrayContaining(['drizzle', 'drizzle/meta/_journal.json', 'drizzle/0001_a.sql']),
    );
  });

  test('has a folder for each migration since drizzle-kit 1.0', async () => {
    const built = await collected(
      { drizzle: 'drizzle' },
      {
        'drizzle/20250101000000_wild_cat/migration.sql': 'SELECT 1;',
        'drizzle/20250101000000_wild_cat/snapshot.json': '{}',
        'drizzle/20250202000000_old_dog/migration.sql': 'SELECT 2;',
      },
    );
    expect(built.databases[0]?.migrations).toMatchObject([
      { name: '20250101000000_wild_cat', source: '20250101000000_wild_cat/migration.sql' },
      { name: '20250202000000_old_dog', file: '20250202000000_old_dog.sql' },
    ]);
  });

  test.each([
    [
      'files that the journal and the folder do not have in common',
      { 'meta/_journal.json': journal('0000_a', '0001_gone'), '0000_a.sql': '', '0002_new.sql': '' },
      [
        'drizzle/meta/_journal.json: names 0001_gone.sql, which is not there',
        'drizzle/0002_new.sql: is not in the journal, so that it would never run',
      ],
    ],
    [
      'no journal',
      { '0000_a.sql': '' },
      ['drizzle/meta/_journal.json: is missing, so that the order of 0000_a.sql and others is not known'],
    ],
    [
      'a journal with a conflict',
      { 'meta/_journal.json': '<<<<<<< HEAD', '0000_a.sql': '' },
      [expect.stringContaining('drizzle/meta/_journal.json: is not JSON: ')],
    ],
    [
      'another journal',
      { 'meta/_journal.json': '{"entries":{}}' },
      ['drizzle/meta/_journal.json: has no list of "entries"'],
    ],
    [
      'a journal of MySQL, out of order, with a path',
      {
        'meta/_journal.json': JSON.stringify({
          dialect: 'mysql',
          entries: [{ idx: 1, tag: '0000_a' }, { idx: 1, tag: '0001_b' }, { idx: 2, tag: '../c' }, null],
        }),
        '0000_a.sql': '',
        '0001_b.sql': '',
      },
      [
        'drizzle/meta/_journal.json: the dialect is "mysql", not "postgresql"',
        'drizzle/meta/_journal.json: entry "0001_b" is out of order (idx 1 after 1), perhaps after a merge',
        'drizzle/meta/_journal.json: entry 2 has no usable "tag" and "idx"',
        'drizzle/meta/_journal.json: entry 3 has no usable "tag" and "idx"',
      ],
    ],
  ])('is refused with %s', async (_what, files, problems) => {
    const within = Object.fromEntries(Object.entries(files).map(([name, text]) => [`drizzle/${name}`, text]));
    expect(await problemsOf({ drizzle: 'drizzle' }, within as Record<string, string>)).toEqual(problems);
  });
});

describe('the migrations of Prisma', () => {
  test('are packed in the order of their folders', async () => {
    const built = await collected(
      { prisma: 'prisma' },
      {
        'prisma/20240101_init/migration.sql': '-- CreateTable\nCREATE TABLE "A" ();',
        'prisma/20240202_more/migration.sql': 'SELECT 1;',
        'prisma/migration_lock.toml': '# do not edit\nprovider = "postgresql"\n',
      },
    );
    expect(built.databases[0]).toMatchObject({
      engine: 'sql',
      migrations: [
        { name: '20240101_init', file: '20240101_init.sql', source: '20240101_init/migration.sql' },
        { name: '20240202_more' },
      ],
    });
    expect(built.inputs).toEqual(
      expect.arrayContaining([
        'prisma',
        'prisma/20240101_init',
        'prisma/20240101_init/migration.sql',
        'prisma/migration_lock.toml',
      ]),
    );
  });

  test('are refused without their SQL, and for another database', async () => {
    expect(
      await problemsOf(
        { prisma: 'prisma' },
        {
          'prisma/20240101_init/README.md': '',
          'prisma/20240202_more/migration.sql': 'BEGIN; SELECT 1; COMMIT;',
          'prisma/init.sql': '',
          'prisma/migration_lock.toml': 'provider = "sqlite"',
        },
      ),
    ).toEqual([
      'prisma/init.sql: is no migration of Prisma: those are folders with a migration.sql',
      'prisma/migration_lock.toml: the provider is "sqlite", not "postgresql"',
      'prisma/20240101_init: has no migration.sql; remove the folder or restore the file',
      expect.stringContaining('prisma/20240202_more/migration.sql:1: "COMMIT" ends the transaction'),
    ]);
  });
});

describe('a migrator', () => {
  const migrator = `import { readdirSync } from 'node:fs';
import { tables } from './tables.ts';
import helper from './helper.cjs';
export default {
  hash: () => { console.log('noise'); return tables.join() + readdirSync('steps').join(); },
  migrate: async (connection: { query(sql: string): Promise<unknown> }) => { await connection.query(helper(tables)); },
};`;
  const files = {
    'migrator.ts': migrator,
    'tables.ts': `export const tables: string[] = ['a'];`,
    'helper.cjs': `const { inspect } = require('node:util'); module.exports = (x) => inspect(x);`,
    'steps/1.sql': '',
  };

  test('is packed with all it imports, and is asked for its hash beside the declaration', async () => {
    const built = await collected({ migrator: './migrator.ts' }, files);
    const [database] = built.databases;
    expect(database).toMatchObject({
      engine: 'module',
      migrations: [],
      migratorModule: { path: 'migrations/x/migrator.mjs', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(built.inputs).toEqual(
      expect.arrayContaining(['migrator.ts', 'tables.ts', 'helper.cjs', 'steps/1.sql']),
    );
    const more = await collected({ migrator: 'migrator.ts' }, { ...files, 'steps/2.sql': '' });
    expect(more.databases[0]?.migratorModule?.sha256).not.toBe(database?.migratorModule?.sha256);
    expect(more.databases[0]?.templateHash).not.toBe(database?.templateHash);
  });

  test('leaves out drivers that are not installed', async () => {
    const built = await collected(
      { migrator: 'migrator.ts' },
      {
        'migrator.ts': `import builder from 'builder'; export default { hash: () => builder(), migrate() {} };`,
        'node_modules/builder/package.json': '{"name":"builder","version":"1.0.0","license":"MIT"}',
        'node_modules/builder/index.js': `module.exports = (driver) => (driver === 'mysql' ? require('mysql') : require('./dialect.js'));`,
        'node_modules/builder/dialect.js': `module.exports = 'dialect';`,
      },
    );
    expect(built.databases[0]?.engine).toBe('module');
  });

  test.each([
    [
      'no migrator',
      'export default {};',
      'the default export has no hash() and no migrate(): it must be a Migrator of @postern/bootstrap',
    ],
    [
      'half of one',
      'export default { hash: () => "a" };',
      'the default export has no migrate(): it must be a Migrator of @postern/bootstrap',
    ],
    [
      'no hash',
      'export default { hash: () => 5, migrate() {} };',
      'hash() must give a text, and gave number',
    ],
    [
      'an empty hash',
      'export default { hash: () => "", migrate() {} };',
      'hash() must give a text, and gave an empty one',
    ],
    [
      'an error',
      'export default { hash() { throw new TypeError("no steps"); }, migrate() {} };',
      'it throws when its hash is asked for: TypeError: no steps',
    ],
    ['an end of the process', 'process.exit(3);', expect.any(String)],
  ])('is refused with %s', async (_what, text, problem) => {
    const problems = await problemsOf({ migrator: 'm.mjs' }, { 'm.mjs': text });
    expect(problems).toEqual([typeof problem === 'string' ? `m.mjs: ${problem}` : problem]);
  });

  test('must be there', async () => {
    expect(await problemsOf({ migrator: 'gone.ts' }, {})).toEqual([
      'database.ts: database "x": migrations: there is no file gone.ts',
    ]);
  });
});

describe('a seed', () => {
  test('is packed, and a part of the template', async () => {
    const seeded = await collected(
      undefined,
      { 'seed.sql': "INSERT INTO a VALUES ('1');\r\n" },
      { seed: 'seed.sql' },
    );
    expect(seeded.databases[0]?.seed).toEqual({
      path: 'seeds/x.sql',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(textOf(seeded, 'seeds/x.sql')).toBe("INSERT INTO a VALUES ('1');\n");
    expect(seeded.inputs).toContain('seed.sql');
    const other = await collected(undefined, { 'seed.sql': 'SELECT 1;' }, { seed: 'seed.sql' });
    const none = await collected(undefined, {});
    expect(new Set([seeded, other, none].map(({ databases }) => databases[0]?.templateHash)).size).toBe(3);
    expect(new Set([seeded, other, none].map(({ databases }) => databases[0]?.migrationsHash)).size).toBe(1);
  });

  test('is refused when it is not there or is no SQL', async () => {
    expect(await problemsOf(undefined, {}, { seed: '../seed.sql' })).toEqual([
      'database.ts: database "x": seed: there is no file apps/x/seed.sql',
    ]);
    expect(
      await problemsOf(
        undefined,
        { 'seed.sql': '\\restrict x\nCOPY a FROM stdin;\n1\n\\.\n' },
        { seed: 'seed.sql' },
      ),
    ).toEqual(['seed.sql:1: "\\restrict" is a command of psql; only SQL runs here']);
  });
});

describe('several databases', () => {
  async function inOneFile(text: string): Promise<Collected> {
    const root = await workspace();
    const folder = join(root, 'apps/x/database');
    await mkdir(join(folder, 'a'), { recursive: true });
    await writeFile(join(folder, 'database.ts'), text);
    await writeFile(join(folder, 'a', '1_a.sql'), 'SELECT 1;');
    await mkdir(join(folder, 'b'));
    return await collectDatabases({ root });
  }

  test('of one file have migrations of their own', async () => {
    const { databases, files } = await inOneFile(
      `export default [{ name: 'a', migrations: 'a' }, { name: 'b', migrations: { folder: './b' } }];`,
    );
    expect(databases.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(Object.keys(files)).toEqual(['migrations/a/1_a.sql']);
  });

  test.each([
    ['export default [];', ['apps/x/database/database.ts: the default export is a list without a database']],
    [
      `export default [{ name: 'a' }, { name: 'b', migrations: 'b' }, 5];`,
      [
        'apps/x/database/database.ts: database "a": migrations: is required, because the file declares several databases and each has its own',
        'apps/x/database/database.ts: the default export is not a database declaration: use defineDatabase({ name, … })',
      ],
    ],
    [
      `export default [{ name: 'a', migrations: 'a' }, { name: 'b', migrations: { sql: './a/' } }];`,
      ['databases "a" and "b" have the same migrations, apps/x/database/a: give each its own'],
    ],
    [
      `export default [{ name: 'a', migrations: 'a', roles: { app: { memberOf: ['group'] } } }, { name: 'b', migrations: 'b', roles: { group: { login: false } } }];`,
      [
        'database "a": roles.app.memberOf: "group": belongs to database "b" alone; there it must say shared: true',
      ],
    ],
  ])('are refused: %s', async (text, problems) => {
    await expect(inOneFile(text)).rejects.toMatchObject({ details: { problems } });
  });
});

test('every kind of source at once gives the same bytes in two places, and a manifest that is read', async () => {
  const services: ServiceFiles[] = [
    {
      declaration: {
        name: 'ts',
        seed: 'seed.sql',
        roles: { ts_app: { grant: 'readwrite', settings: { jit: false } } },
      },
      migrations: {
        '1_a.sql': 'SELECT 1;',
        '2_b.ts': 'export const up = (pgm: { sql(text: string): void }) => pgm.sql(`SELECT 2`);',
      },
      files: { 'seed.sql': 'SELECT 3;' },
    },
    { declaration: { name: 'plain', migrations: { sql: 'sql' } }, files: { 'sql/1.sql': 'SELECT 1;' } },
    {
      declaration: { name: 'drizzle', migrations: { drizzle: 'd' } },
      files: { 'd/meta/_journal.json': journal('0000_a'), 'd/0000_a.sql': 'SELECT 1;' },
    },
    {
      declaration: { name: 'prisma', migrations: { prisma: 'p' } },
      files: { 'p/1_a/migration.sql': 'SELECT 1;' },
    },
    {
      declaration: { name: 'own', migrations: { migrator: 'm.ts' } },
      files: { 'm.ts': `export default { hash: () => 'a', migrate: async () => {} };` },
    },
  ];
  const crlf = services.map((service): ServiceFiles => {
    const files = (all: Readonly<Record<string, string>> = {}): Record<string, string> =>
      Object.fromEntries(Object.entries(all).map(([name, text]) => [name, `${text}\n`]));
    return { ...service, migrations: files(service.migrations), files: files(service.files) };
  });
  const here = await buildArtifact({ root: await workspace(...crlf) });
  const windows = crlf.map((service): ServiceFiles => {
    const files = (all: Readonly<Record<string, string>> = {}): Record<string, string> =>
      Object.fromEntries(Object.entries(all).map(([name, text]) => [name, text.replaceAll('\n', '\r\n')]));
    return { ...service, migrations: files(service.migrations), files: files(service.files) };
  });
  const there = await workspace(...windows);
  const built = await buildArtifact({ root: there });
  expect(built.sha256).toBe(here.sha256);
  expect(parseManifest(JSON.stringify(built.manifest))).toEqual(built.manifest);
  const packed = Object.keys(unzipSync(built.zip)).filter((name) => /^(?:migrations|seeds)\//.test(name));
  expect(packed).toEqual([
    'migrations/drizzle/0000_a.sql',
    'migrations/own/migrator.mjs',
    'migrations/plain/1.sql',
    'migrations/prisma/1_a.sql',
    'migrations/ts/1_a.sql',
    'migrations/ts/2_b.mjs',
    'seeds/ts.sql',
  ]);
  await rm(there, { recursive: true });
});
