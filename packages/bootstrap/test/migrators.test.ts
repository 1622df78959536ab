import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packZip } from '../src/build/zip.ts';
import type { ManifestDatabase, ManifestMigration } from '../src/contract/manifest.ts';
import { completeDeclaration } from '../src/declaration/complete.ts';
import {
  fakeMigrations,
  type MigrationRun,
  readApplied,
  revertMigrations,
  runMigrations,
  seedDatabase,
} from '../src/migrate/migrate.ts';
import { migrateTestDatabase } from '../src/migrate.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { type Files, failureOf, openScratch, writeMigrations } from './fixtures/migrations.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** As drizzle-kit generates them: statements with breakpoints between, names that only begin with digits. */
const drizzle = {
  '0000_bitter_wolf.sql': `CREATE TABLE "users" (
	"id" serial PRIMARY KEY NOT NULL,
	"name" text
);
--> statement-breakpoint
CREATE TABLE "posts" (
	"id" serial PRIMARY KEY NOT NULL,
	"author" integer
);
--> statement-breakpoint
ALTER TABLE "posts" ADD CONSTRAINT "posts_author_users_id_fk" FOREIGN KEY ("author") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "posts_author" ON "posts" USING btree ("author");`,
  '0001_mean_hulk.sql': `ALTER TABLE "users" ADD COLUMN "age" integer;--> statement-breakpoint
INSERT INTO "users" ("name", "age") VALUES ('Zoë; -- not a comment', 1);`,
};

/** As Prisma writes them, under the names of their folders. */
const prisma = {
  '20240101120000_init.sql': `-- CreateEnum
CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN');

-- CreateTable
CREATE TABLE "User" (
    "id" SERIAL NOT NULL,
    "role" "Role" NOT NULL DEFAULT 'USER',

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);
`,
  '20240102120000_add_email.sql': `-- AlterTable
ALTER TABLE "User" ADD COLUMN     "email" TEXT;

-- CreateIndex
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
`,
};

/** Plain files: any name. */
const plain = {
  'accounts.sql': 'CREATE TABLE accounts (id int);',
  'b-entries.sql': 'CREATE TABLE entries ();',
};

describe('a folder of SQL files', () => {
  for (const [tool, files, tables] of [
    ['drizzle-kit', drizzle, ['posts', 'users']],
    ['Prisma', prisma, ['User']],
    ['nobody in particular', plain, ['accounts', 'entries']],
  ] as const) {
    test(`of ${tool} runs as it is, once, in the same books`, async () => {
      await using scratch = await openScratch(cluster);
      await using folder = await writeMigrations(files, 'sql');
      const names = folder.definition.migrations.map(({ name }) => name);
      expect(await scratch.with(folder, runMigrations)).toMatchObject({ applied: names, pending: [] });
      expect(await scratch.with(folder, runMigrations)).toMatchObject({ applied: [] });
      expect(await scratch.tables()).toEqual(tables);
      expect(await scratch.as(readApplied)).toEqual(
        folder.definition.migrations.map(({ name, sha256 }) => ({ name, sha256, at: expect.any(String) })),
      );
    });
  }

  test('is refused when it was changed, or has something new in between', async () => {
    await using scratch = await openScratch(cluster);
    await using folder = await writeMigrations(drizzle, 'sql');
    await scratch.with(folder, runMigrations);
    await using changed = await writeMigrations({ ...drizzle, '0000_bitter_wolf.sql': 'SELECT 1' }, 'sql');
    expect(await failureOf(scratch.with(changed, runMigrations))).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_CHANGED',
      details: { files: ['0000_bitter_wolf.sql'] },
    });
    const [first, second] = Object.entries(drizzle) as [[string, string], [string, string]];
    await using between = await writeMigrations(
      Object.fromEntries([first, ['0000_x.sql', 'CREATE TABLE x ()'], second]),
      'sql',
    );
    const error = await failureOf(scratch.with(between, runMigrations));
    expect(error).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_ORDER',
      hint: expect.stringContaining('later number'),
      details: { migration: '0000_x', before: '0001_mean_hulk' },
    });
    await using other = await writeMigrations(
      { 'elsewhere.sql': 'SELECT 1', '0000_bitter_wolf.sql': drizzle['0000_bitter_wolf.sql'] },
      'sql',
    );
    expect(await failureOf(scratch.with(other, runMigrations))).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_ORDER',
    });
    expect(await scratch.tables()).toEqual(['posts', 'users']);
  });

  test('that fails keeps nothing of the file, and names it with the line, whatever the error', async () => {
    const cases: [string, number, string][] = [
      ['CREATE TABLE x ();\n\nINSERT INTO nowhere VALUES (1);', 3, '42P01'],
      ['CREATE TABLE x (\n  id int,\n);', 3, '42601'],
      ['CREATE TABLE x (id int', 1, '42601'],
      // Of these the server says no position.
      [
        "-- a comment; with 'quotes\nCREATE TABLE x (n int UNIQUE);\nINSERT INTO x VALUES (1);\n\nINSERT INTO x\n  VALUES (1);",
        5,
        '23505',
      ],
      ["CREATE TABLE x ();\nDO $$ BEGIN\n  RAISE 'no; way';\nEND $$;", 2, 'P0001'],
      ['SELECT 1;\nSELECT 1;\nDROP TABLE nowhere', 3, '42P01'],
    ];
    for (const [text, line, sqlState] of cases) {
      await using scratch = await openScratch(cluster);
      await using folder = await writeMigrations({ 'a.sql': 'CREATE TABLE a ()', 'b.sql': text }, 'sql');
      expect(await failureOf(scratch.with(folder, runMigrations))).toMatchObject({
        code: 'BOOTSTRAP_MIGRATION_FAILED',
        message: expect.stringContaining(`migration b.sql:${line}: `),
        details: { file: 'b.sql', line, sqlState, transaction: true },
      });
      expect(await scratch.tables()).toEqual(['a']);
      expect(await scratch.books()).toEqual(['a']);
    }
  });

  test('may decline the transaction of one file, and no comment further down does', async () => {
    const files = {
      'a.sql': 'CREATE TABLE a (id int)',
      'b.sql':
        '-- builds without a lock\n-- postern: no-transaction\nCREATE INDEX CONCURRENTLY a_id ON a (id);\n',
      'c.sql': 'CREATE TABLE c ();\n-- postern: no-transaction\nSELECT 1 / 0',
    };
    await using scratch = await openScratch(cluster);
    await using folder = await writeMigrations(files, 'sql');
    expect(await scratch.with(folder, runMigrations, { dryRun: true })).toMatchObject({
      applied: ['a'],
      pending: ['b', 'c'],
    });
    expect(await failureOf(scratch.with(folder, runMigrations))).toMatchObject({
      details: { file: 'c.sql', transaction: true },
    });
    expect(await scratch.books()).toEqual(['a', 'b']);
    expect(await scratch.tables()).toEqual(['a']);
    expect(await scratch.rows(`SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass`)).toEqual(
      [{ indisvalid: true }],
    );
  });

  test('may begin with the mark that Windows editors put there', async () => {
    await using scratch = await openScratch(cluster);
    await using folder = await writeMigrations(
      { 'a.sql': '\uFEFFCREATE TABLE a ();\r\nSELECT 1;\r\n' },
      'sql',
    );
    expect(await scratch.with(folder, runMigrations)).toMatchObject({ applied: ['a'] });
  });
});

/** A migrator as somebody would write one: a list of steps and a table of its own. */
const migrator = (steps: readonly string[], rest = ''): string => `
const steps = ${JSON.stringify(steps)};
export default {
  hash: () => String(steps.length),
  async migrate(connection) {
    await connection.query('CREATE TABLE IF NOT EXISTS steps (n int PRIMARY KEY)');
    const { rows } = await connection.query('SELECT n FROM steps');
    const applied = [];
    for (const [n, step] of steps.entries()) {
      if (rows.some((row) => row.n === n)) continue;
      await connection.query('BEGIN');
      await connection.query(step);
      await connection.query('INSERT INTO steps VALUES ($1)', [n]);
      await connection.query('COMMIT');
      applied.push('step ' + n);
    }
    ${rest}
    return applied;
  },
};`;

describe('a migrator of its own', () => {
  const one = ['CREATE TABLE one ()'];
  const two = [...one, 'CREATE TABLE two ()'];
  const folderOf = (text: string): ReturnType<typeof writeMigrations> =>
    writeMigrations({ 'migrator.mjs': text }, 'module');

  test('runs when its hash is not that of the books, and names what it did', async () => {
    await using scratch = await openScratch(cluster);
    await using first = await folderOf(migrator(one));
    await using second = await folderOf(migrator(two));
    expect(await scratch.with(first, runMigrations)).toMatchObject({ applied: ['step 0'], pending: [] });
    expect(await scratch.with(first, runMigrations)).toEqual({ applied: [], notices: [], pending: [] });
    expect(await scratch.with(second, runMigrations)).toMatchObject({ applied: ['step 1'] });
    expect(await scratch.tables()).toEqual(['one', 'steps', 'two']);
    expect(await scratch.as(readApplied)).toEqual([
      { name: 'migrator', sha256: second.definition.migratorModule?.sha256, at: expect.any(String) },
    ]);
    expect(await scratch.rows('SELECT count(*)::int AS rows FROM postern.migration_checksums')).toEqual([
      { rows: 1 },
    ]);
  });

  test('may say nothing, end the session it was lent, and leave it in any state', async () => {
    await using scratch = await openScratch(cluster);
    await using folder = await folderOf(`export default { hash: () => 'x', async migrate(connection) {
  await connection.query("CREATE TABLE a (); SET search_path = ''; SET ROLE NONE; SET lock_timeout = 1");
  await connection.end();
} };`);
    expect(await scratch.with(folder, runMigrations)).toMatchObject({ applied: ['migrator'] });
    expect(await scratch.books()).toEqual(['migrator']);
  });

  test('tells NOTICEs and progress like the others, and has the time limits', async () => {
    await using scratch = await openScratch(cluster);
    await using folder = await folderOf(
      migrator(["DO $$ BEGIN RAISE NOTICE 'hello'; END $$", 'SELECT pg_sleep(60)']),
    );
    const events: unknown[] = [];
    const options: Partial<MigrationRun> = {
      timeouts: { statementMs: 100 },
      onProgress: (event) => events.push(event),
    };
    expect(await failureOf(scratch.with(folder, runMigrations, options))).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_FAILED',
      hint: expect.stringContaining('called again'),
      details: { file: 'migrator.mjs', sqlState: '57014', transaction: false },
    });
    expect(events).toEqual([
      { event: 'migration', name: 'migrator', state: 'started' },
      { event: 'notice', migration: 'migrator', severity: 'NOTICE', message: 'hello' },
    ]);
    expect(await scratch.books()).toEqual([]);
  });

  test('that leaves a transaction open has failed, since its work is lost', async () => {
    for (const rest of [
      `await connection.query('BEGIN'); await connection.query('CREATE TABLE lost ()');`,
      `await connection.query('BEGIN'); await connection.query('nonsense').catch(() => {});`,
    ]) {
      await using scratch = await openScratch(cluster);
      await using folder = await folderOf(migrator(one, rest));
      expect(await failureOf(scratch.with(folder, runMigrations))).toMatchObject({
        code: 'BOOTSTRAP_MIGRATION_FAILED',
      });
      expect(await scratch.tables()).toEqual(['one', 'steps']);
      expect(await scratch.books()).toEqual([]);
      await using mended = await folderOf(migrator(one));
      expect(await scratch.with(mended, runMigrations)).toMatchObject({ applied: [] });
      expect(await scratch.books()).toEqual(['migrator']);
    }
  });

  test('that answers with its failure, or with what is no list, has failed each time it is asked', async () => {
    for (const [answer, message] of [
      [`{ error: new Error('table exists'), results: [] }`, 'table exists'],
      [`{ results: [] }`, 'must give a list of names or nothing, and gave object'],
      [`[{ migrationName: 'a', status: 'Error' }]`, 'and gave a list of something else'],
      ['null', 'and gave null'],
      [`'0001_a'`, 'and gave string'],
      ['7', 'and gave number'],
    ] as const) {
      await using scratch = await openScratch(cluster);
      await using folder = await folderOf(
        `export default { hash: () => 'v1', migrate: async () => (${answer}) };`,
      );
      for (const time of ['the first time', 'the second time']) {
        expect(await failureOf(scratch.with(folder, runMigrations)), time).toMatchObject({
          code: 'BOOTSTRAP_MIGRATION_FAILED',
          message: expect.stringContaining(message),
        });
      }
      expect(await scratch.books()).toEqual([]);
    }
  });

  test('cannot be tried, taken back, or run in part; but it can be recorded', async () => {
    await using scratch = await openScratch(cluster);
    await using folder = await folderOf(migrator(one));
    expect(await scratch.with(folder, runMigrations, { dryRun: true })).toMatchObject({
      applied: [],
      pending: ['migrator'],
    });
    expect(
      await failureOf(
        scratch.with(folder, (session, run) => revertMigrations(session, { ...run, count: 1 })),
      ),
    ).toMatchObject({ code: 'BOOTSTRAP_MIGRATION_IRREVERSIBLE' });
    expect(await failureOf(scratch.with(folder, runMigrations, { to: 'step 0' }))).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_UNKNOWN',
    });
    expect(await scratch.tables()).toEqual([]);
    expect(await scratch.with(folder, fakeMigrations)).toEqual(['migrator']);
    expect(await scratch.with(folder, fakeMigrations)).toEqual([]);
    expect(await scratch.with(folder, runMigrations)).toMatchObject({ applied: [] });
    expect(await scratch.tables()).toEqual([]);
  });

  test('without the function is named', async () => {
    await using scratch = await openScratch(cluster);
    await using folder = await folderOf('export const migrate = () => {};');
    expect(await failureOf(scratch.with(folder, runMigrations))).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_FAILED',
      message: expect.stringContaining('migrator.mjs: its default export has no function "migrate"'),
    });
  });

  test('of two runs only one is called', async () => {
    await using scratch = await openScratch(cluster);
    await using folder = await folderOf(migrator(['SELECT pg_sleep(0.2)', ...one]));
    const outcomes = await Promise.all([1, 2, 3].map(() => scratch.with(folder, runMigrations)));
    expect(outcomes.flatMap(({ applied }) => applied)).toEqual(['step 0', 'step 1']);
  });
});

test('a database changes from one way to migrate to another without a word about the order', async () => {
  await using scratch = await openScratch(cluster);
  await using own = await writeMigrations({ 'migrator.mjs': migrator(['CREATE TABLE own ()']) }, 'module');
  await scratch.with(own, runMigrations);
  await using sql = await writeMigrations(plain, 'sql');
  expect(await scratch.with(sql, runMigrations)).toMatchObject({ applied: ['accounts', 'b-entries'] });
  expect(await scratch.tables()).toEqual(['accounts', 'entries', 'own', 'steps']);
});

describe('an artefact without the function', () => {
  const inRun = async (
    definition: Pick<ManifestDatabase, 'engine' | 'migrations' | 'migratorModule' | 'seed'>,
    files: Files,
  ): Promise<{ names?: string[]; rows: unknown[]; error?: unknown }> => {
    await using scratch = await openScratch(cluster);
    const zip = packZip(
      Object.fromEntries(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)])),
    );
    const database = { ...completeDeclaration({ name: 'ledger' }), ...definition } as ManifestDatabase;
    const folder = join(tmpdir(), `pbm-${process.pid}-${scratch.database}`);
    const outcome = await scratch.as(async (session) => {
      try {
        return { names: await migrateTestDatabase(session, { zip, database, folder }) };
      } catch (error) {
        return { error };
      }
    });
    expect(existsSync(folder)).toBe(false);
    const there = (await scratch.tables()).includes('a');
    return { ...outcome, rows: there ? await scratch.rows('SELECT * FROM a ORDER BY 1') : [] };
  };
  const sha256 = 'a'.repeat(64);
  const migration = (file: string): ManifestMigration => ({
    name: basename(file, '.sql'),
    file,
    source: file,
    sha256,
  });
  const seed = { path: 'seeds/ledger.sql', sha256 };

  test('migrates a test database and fills it, also after a migration that leaves the session elsewhere', async () => {
    const files = {
      'migrations/ledger/1_a.sql': 'CREATE TABLE a (n int)',
      'migrations/ledger/2_b.sql': `SET search_path = ''; SET ROLE NONE;`,
      'seeds/ledger.sql': 'INSERT INTO a VALUES (1)',
    };
    const definition = {
      engine: 'sql',
      migrations: [migration('1_a.sql'), migration('2_b.sql')],
      seed,
    } as const;
    expect(await inRun(definition, files)).toEqual({ names: ['1_a', '2_b'], rows: [{ n: 1 }] });
  });

  test('runs a migration that is called like the database, and the seed after it', async () => {
    const files = {
      'migrations/ledger/ledger.sql': 'CREATE TABLE a (n int)',
      'seeds/ledger.sql': 'INSERT INTO a VALUES (1)',
    };
    expect(await inRun({ engine: 'sql', migrations: [migration('ledger.sql')], seed }, files)).toEqual({
      names: ['ledger'],
      rows: [{ n: 1 }],
    });
  });

  test('calls a migrator, and its books say what publish asks for', async () => {
    const files = {
      'migrations/ledger/migrator.mjs': migrator(['CREATE TABLE a (n int)']),
      'seeds/ledger.sql': 'INSERT INTO a VALUES (2)',
    };
    const migratorModule = { path: 'migrations/ledger/migrator.mjs', sha256 };
    expect(await inRun({ engine: 'module', migrations: [], migratorModule, seed }, files)).toEqual({
      names: ['migrator'],
      rows: [{ n: 2 }],
    });
  });

  test('says that a failure has touched nothing but its own database, and what is not in the zip', async () => {
    const definition = { engine: 'sql', migrations: [migration('1_a.sql')], seed } as const;
    const files = { 'migrations/ledger/1_a.sql': 'CREATE TABLE a (n int)', 'seeds/ledger.sql': '\nnonsense' };
    expect(await inRun(definition, files)).toMatchObject({
      error: {
        code: 'BOOTSTRAP_SEED_FAILED',
        hint: expect.stringContaining('nothing else was touched'),
        details: { file: 'ledger.sql', line: 2 },
      },
    });
    expect(
      await inRun(definition, { 'migrations/ledger/1_a.sql': 'nonsense', 'seeds/ledger.sql': '' }),
    ).toMatchObject({
      error: {
        code: 'BOOTSTRAP_MIGRATION_FAILED',
        hint: expect.stringContaining('nothing else was touched'),
      },
    });
    expect(await inRun(definition, { 'migrations/ledger/1_a.sql': '' })).toMatchObject({
      error: { code: 'BOOTSTRAP_ARTEFACT_INVALID', message: expect.stringContaining('seeds/ledger.sql') },
    });
  });
});

describe('a seed', () => {
  const seed = async (text: string): Promise<{ rows: unknown[]; error?: unknown }> => {
    await using scratch = await openScratch(cluster);
    await using folder = await writeMigrations({ '1_a.sql': 'CREATE TABLE a (n int PRIMARY KEY)' });
    const file = join(folder.folder, 'seed.sql');
    await writeFile(file, text);
    const error = await scratch.with(folder, async (session, run) => {
      await runMigrations(session, run);
      return await seedDatabase(session, file).catch((reason: unknown) => reason);
    });
    return { rows: await scratch.rows('SELECT n, current_user FROM a ORDER BY 1'), error };
  };

  test('fills what the migrations have made', async () => {
    const { rows, error } = await seed('INSERT INTO a VALUES (1);\nINSERT INTO a SELECT 2; -- and no more');
    expect(error).toBeUndefined();
    expect(rows).toMatchObject([{ n: 1 }, { n: 2 }]);
  });

  test('that fails leaves nothing and is named with its line', async () => {
    for (const [text, line] of [
      ['INSERT INTO a VALUES (1);\n\nINSERT INTO a VALUES (1);', 3],
      ['INSERT INTO a VALUES (1);\nINSERT INTO b\nVALUES (1);', 2],
    ] as const) {
      const { rows, error } = await seed(text);
      expect(error).toMatchObject({
        code: 'BOOTSTRAP_SEED_FAILED',
        message: expect.stringContaining(`seed seed.sql:${line}: `),
        details: { file: 'seed.sql', line },
      });
      expect(rows).toEqual([]);
    }
  });
});
