import fc from 'fast-check';
import { type RunnerOption, runner } from 'node-pg-migrate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isBootstrapError } from '../src/errors.ts';
import { fakeMigrations, revertMigrations, runMigrations } from '../src/migrate/migrate.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import {
  failureOf,
  type MigrationFolder,
  openScratch,
  type Scratch,
  writeMigrations,
} from './fixtures/migrations.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** Every shape that a migration may have, by the number that its objects are named with. */
const shapes: Readonly<Record<string, (n: number) => string>> = {
  'both.sql': (n) => `-- Up Migration
CREATE TABLE t${n} (id int); -- a comment; with a semicolon
INSERT INTO t${n} VALUES (1);
-- Down Migration
DROP TABLE t${n};`,
  'up-only.sql': (n) => `CREATE TABLE t${n} ();`,
  'down-first.sql': (n) => `-- Down Migration\nDROP TABLE t${n};\n-- Up Migration\nCREATE TABLE t${n} ()`,
  'quoting.sql': (n) => `-- up migration
/* it's; one */ CREATE TABLE t${n} (a text DEFAULT 'x;''y', "b;c" int);
CREATE FUNCTION f${n}() RETURNS text LANGUAGE plpgsql AS $body$ BEGIN RETURN 'a;$$b'; END; $body$;
SELECT f${n}() -- no semicolon, and a comment at the end
-- down migration
DROP FUNCTION f${n}; DROP TABLE t${n} /* the end */`,
  'inferred.mjs': (n) => `export const up = (pgm) => {
  pgm.createTable('t${n}', { id: 'id', 'CamelCase': { type: 'text', notNull: true } });
  pgm.createIndex('t${n}', 'id', { name: 'i${n}' });
};`,
  'sql-steps.mjs': (
    n,
  ) => `export async function up(pgm) { pgm.sql('CREATE TABLE t${n} (n int)'); pgm.sql('COMMENT ON TABLE t${n} IS {v}', { v: "it's" }); }
export async function down(pgm) { pgm.sql('DROP TABLE t${n}'); }`,
  'direct.mjs': (n) => `export const up = async (pgm) => {
  await pgm.db.query('CREATE TABLE t${n} (n int)');
  const [{ one }] = await pgm.db.select({ text: 'SELECT $1::int AS one', values: [1] });
  await pgm.db.query('INSERT INTO t${n} VALUES ($1)', [one]);
  pgm.addColumn('t${n}', { added: { type: 'int', default: one } });
};
export const down = async (pgm) => { await pgm.db.query('DROP TABLE t${n}'); };`,
  'callback.mjs': (
    n,
  ) => `export const up = (pgm, done) => { pgm.createTable('t${n}', {}); setImmediate(done); };
export const down = (pgm, done) => { pgm.dropTable('t${n}'); done(); };`,
  'promise.mjs': (
    n,
  ) => `export const up = (pgm) => new Promise((resolve) => setImmediate(() => { pgm.createTable('t${n}', {}); resolve(); }));
export const down = (pgm) => Promise.resolve().then(() => pgm.dropTable('t${n}'));`,
  'outside.mjs': (
    n,
  ) => `export const up = (pgm) => { pgm.noTransaction(); pgm.createTable('t${n}', { id: 'int' });
  pgm.createIndex('t${n}', 'id', { name: 'i${n}', concurrently: true }); };
export const down = (pgm) => { pgm.noTransaction(); pgm.dropIndex('t${n}', 'id', { name: 'i${n}', concurrently: true }); pgm.dropTable('t${n}'); };`,
  'schema.mjs': (n) => `export default { up: (pgm) => {
  pgm.createSchema('s${n}'); pgm.createTable({ schema: 's${n}', name: 't' }, { id: 'id' });
  pgm.createType({ schema: 's${n}', name: 'kind' }, ['a', 'b']);
} };`,
  'shorthand.mjs': (n) => `export const shorthands = { s${n}: { type: 'numeric(${n + 1})', notNull: true } };
export const up = (pgm) => pgm.createTable('t${n}', { c: 's${n}' });`,
  'disabled.mjs': (n) =>
    `export const up = (pgm) => pgm.createTable('t${n}', {}); export const down = false;`,
  'fails.sql': (n) => `CREATE TABLE t${n} (); SELECT 1 / 0;`,
  'fails.mjs': (n) => `export const up = (pgm) => { pgm.createTable('t${n}', {}); throw new Error('no'); };`,
  'fails-outside.mjs': (n) =>
    `export const up = (pgm) => { pgm.noTransaction(); pgm.createTable('t${n}', {}); pgm.sql('SELECT 1 / 0'); };`,
  'fails-down.mjs': (n) => `export const up = (pgm) => pgm.createTable('t${n}', {});
export const down = (pgm) => { pgm.dropTable('t${n}'); pgm.sql('SELECT 1 / 0'); };`,
};

type Step =
  | { readonly do: 'up' }
  | { readonly do: 'to' | 'fake'; readonly index: number }
  | { readonly do: 'down'; readonly count: number }
  /** A run of an artefact that lacks one of them. */
  | { readonly do: 'without'; readonly index: number };

const shape = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(...Object.keys(shapes).filter((name) => !name.startsWith('fails'))),
  },
  { weight: 1, arbitrary: fc.constantFrom(...Object.keys(shapes)) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ do: 'up' } as const) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('to' as const, 'fake' as const), index: fc.nat(5) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('down' as const), count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('without' as const), index: fc.nat(5) }) },
);

/** What is in a database, but for the books. */
const schemaQuery = `SELECT n.nspname || '.' || c.relname || ' ' || c.relkind::text AS object, pg_get_userbyid(c.relowner) = current_database() || '_owner' AS owned,
    (SELECT array_agg(attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull ORDER BY attnum)
       FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
    obj_description(c.oid, 'pg_class') AS comment
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'public' OR n.nspname LIKE 's%' UNION ALL
SELECT 'function ' || proname, true, NULL, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace UNION ALL
SELECT 'schema ' || nspname, true, NULL, NULL FROM pg_namespace WHERE nspname ~ '^s[0-9]' ORDER BY 1`;

/** The same with the library's own runner. */
async function withLibrary(
  scratch: Scratch,
  folder: string,
  options: Partial<RunnerOption>,
): Promise<string[]> {
  return await scratch.as(async (session) => {
    const done = await runner({
      dbClient: session,
      dir: folder,
      direction: 'up',
      migrationsSchema: 'postern',
      createMigrationsSchema: true,
      migrationsTable: 'migrations',
      logger: { info: quiet, warn: quiet, error: quiet },
      ...options,
    });
    return done.map(({ name }) => name);
  });
}

function quiet(): void {}

/** What was done, or that it failed. */
async function outcomeOf(work: Promise<readonly string[]>): Promise<readonly string[] | 'failed' | 'order'> {
  return await work.catch((error: Error) =>
    /^Not run migration|: Not run migration/.test(error.message) ? 'order' : 'failed',
  );
}

test('any sequence of up, to, down and fake ends as with node-pg-migrate itself', async () => {
  await using ours = await openScratch(cluster);
  await using theirs = await openScratch(cluster);
  await fc.assert(
    fc.asyncProperty(
      fc.array(shape, { minLength: 2, maxLength: 6 }),
      fc.array(step, { minLength: 2, maxLength: 7 }),
      async (names, steps) => {
        for (const scratch of [ours, theirs]) await scratch.clear();
        const files = names.map((name, n): [string, string] => [
          `${n + 1}_${name}`,
          (shapes[name] as (n: number) => string)(n),
        ]);
        await using all = await writeMigrations(Object.fromEntries(files));
        for (const each of steps) {
          if (each.do === 'without') {
            const index = each.index % files.length;
            await using fewer = await writeMigrations(Object.fromEntries(files.toSpliced(index, 1)));
            await compare(ours, theirs, fewer, { do: 'up' });
          } else await compare(ours, theirs, all, each);
        }
      },
    ),
    { numRuns: Number(process.env['POSTERN_PROPERTY_RUNS'] ?? 30) },
  );
}, 120_000);

const irreversible = /_(up-only|disabled|fails|fails-outside)$/;

/** Whether the books are a beginning of the files, or the files of the books. */
async function orderOf(scratch: Scratch, files: MigrationFolder): Promise<'kept' | 'broken'> {
  const names = files.definition.migrations.map(({ name }) => name);
  const books = await scratch.books();
  return books.every((name, index) => name === names[index]) ? 'kept' : 'broken';
}

async function compare(ours: Scratch, theirs: Scratch, files: MigrationFolder, each: Step): Promise<void> {
  const names = files.definition.migrations.map(({ name }) => name);
  const last = 'index' in each ? each.index % names.length : names.length - 1;
  const to = names[last];
  const before = await theirs.books();
  // The library counts those that are still to run.
  const count = names.slice(0, last + 1).filter((name) => !before.includes(name)).length;
  const run = (
    work: Parameters<Scratch['with']>[1],
    options: Parameters<Scratch['with']>[2] = {},
  ): Promise<readonly string[]> => ours.with(files, work, options) as Promise<readonly string[]>;
  let expected: () => Promise<string[]>;
  let got: Promise<readonly string[]>;
  if (each.do === 'down') {
    got = run(
      async (session, rest) => (await revertMigrations(session, { ...rest, count: each.count })).reverted,
    );
    const refused = await got.then(
      () => false,
      (error: unknown) => isBootstrapError(error) && error.code === 'BOOTSTRAP_MIGRATION_IRREVERSIBLE',
    );
    const reversible = before.slice(-each.count).every((name) => !irreversible.test(name));
    expect(refused).toBe(!reversible && (await orderOf(theirs, files)) === 'kept');
    // Where the library takes back some before it finds out, ours takes back none.
    if (refused) return expect(await ours.books()).toEqual(before);
    expected = () => withLibrary(theirs, files.folder, { direction: 'down', count: each.count });
  } else if (each.do === 'fake') {
    got = run((session, rest) => fakeMigrations(session, { ...rest, ...(to && { to }) }));
    expected = () => withLibrary(theirs, files.folder, { fake: true, count });
  } else {
    got = run(
      async (session, rest) => (await runMigrations(session, { ...rest, ...(to && { to }) })).applied,
    );
    expected = () => withLibrary(theirs, files.folder, { count });
  }
  const outcome = await outcomeOf(got);
  // The library looks at the order even when there is nothing left to run.
  const idle = (each.do === 'up' || each.do === 'to') && count === 0;
  expect(outcome).toEqual(idle ? [] : await outcomeOf(expected()));
  expect(await ours.books()).toEqual(await theirs.books());
  expect(await ours.rows(schemaQuery)).toEqual(await theirs.rows(schemaQuery));
  const sums = await ours.rows('SELECT name FROM postern.migration_checksums ORDER BY name');
  expect(sums.map(({ name }) => name)).toEqual((await ours.books()).sort());
}

describe('in company', () => {
  const files = Object.fromEntries(
    Array.from({ length: 8 }, (_, n) => [`${n + 1}_t.sql`, `CREATE TABLE t${n} (); SELECT pg_sleep(0.01);`]),
  );

  test('each migration runs once, whoever runs it, and nobody fails for the others', async () => {
    await using scratch = await openScratch(cluster);
    await using folder = await writeMigrations(files);
    const runs = Array.from({ length: 10 }, (_, n) =>
      scratch.with(folder, runMigrations, n % 2 ? { stop: () => true } : {}),
    );
    const applied = (await Promise.all(runs)).flatMap((outcome) => outcome.applied);
    expect(applied.toSorted()).toEqual(folder.definition.migrations.map(({ name }) => name));
    expect(await scratch.books()).toHaveLength(8);
  });

  test('a run waits for the library’s own command line, and says so when that takes too long', async () => {
    await using scratch = await openScratch(cluster);
    await using folder = await writeMigrations({ '1_a.sql': 'CREATE TABLE a (); SELECT pg_sleep(0.3)' });
    await scratch.as(async (other) => {
      const { PG_MIGRATE_LOCK_ID } = await import('node-pg-migrate');
      await other.query('SELECT pg_advisory_lock($1)', [PG_MIGRATE_LOCK_ID]);
      expect(await failureOf(scratch.with(folder, runMigrations, { lockTimeoutMs: 50 }))).toMatchObject({
        code: 'BOOTSTRAP_BUSY',
        kind: 'unavailable',
      });
    });
    await Promise.all([
      withLibrary(scratch, folder.folder, { advisoryLockMode: 'wait' }),
      scratch.with(folder, runMigrations),
    ]);
    expect(await scratch.books()).toEqual(['1_a']);
  });

  test('what another run has applied of another branch is seen after the wait', async () => {
    await using scratch = await openScratch(cluster);
    await using mine = await writeMigrations({
      '1_a.sql': 'CREATE TABLE a (); SELECT pg_sleep(0.2)',
      '2_mine.sql': 'SELECT 1',
    });
    await using other = await writeMigrations({ '1_a.sql': 'CREATE TABLE a ();', '3_other.sql': 'SELECT 1' });
    const outcomes = await Promise.allSettled([
      scratch.with(mine, runMigrations),
      scratch.with(other, runMigrations),
    ]);
    const [failed] = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(failed?.reason).toMatchObject({ code: 'BOOTSTRAP_MIGRATION_CHANGED' });
  });
});

describe('a connection that is lost', () => {
  const files = {
    '1_a.sql': 'CREATE TABLE a ();',
    '2_b.mjs': `export const up = async (pgm) => { await pgm.db.query('CREATE TABLE b ()'); pgm.createTable('c', {}); };`,
    '3_d.mjs': `export const up = (pgm) => { pgm.noTransaction(); pgm.sql('CREATE TABLE IF NOT EXISTS d ()'); pgm.sql('CREATE TABLE IF NOT EXISTS e ()'); };`,
    '4_f.sql': 'CREATE TABLE f ();',
  };

  for (const moment of ['before the server gets the query', 'after the server has done it'] as const) {
    test(`at any query, ${moment}: the next run completes, and nothing was done twice`, async () => {
      await using folder = await writeMigrations(files);
      let cuts = 0;
      await using scratch = await openScratch(cluster);
      for (let complete = false; !complete; cuts++) {
        await scratch.clear();
        const cut = async (): Promise<void> => {
          const session = await scratch.connect();
          let queries = 0;
          const query = async (text: string, values?: unknown[]): Promise<{ rows: unknown[] }> => {
            if (queries++ !== cuts) return await session.query(text, values);
            if (moment === 'after the server has done it') await session.query(text, values);
            const gone = new Promise((resolve) => session.once('end', resolve));
            await scratch.rows(
              `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '${cluster.server.master}' AND datname = current_database()`,
            );
            await gone;
            return await session.query(text, values);
          };
          try {
            await runMigrations(
              { query, end: () => session.end() },
              { database: 'x', lockTimeoutMs: 1000, ...folder },
            );
            complete = true;
          } finally {
            await session.end().catch(() => undefined);
          }
        };
        await cut().catch((error: unknown) => {
          if (isBootstrapError(error)) expect(error).toMatchObject({ kind: 'unavailable' });
        });
        await scratch.with(folder, runMigrations);
        expect(await scratch.books()).toEqual(['1_a', '2_b', '3_d', '4_f']);
        expect(await scratch.tables()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
        expect(await scratch.with(folder, runMigrations)).toMatchObject({ applied: [] });
      }
      // Books, lock, three messages of four migrations, and the unlocking: each was cut once.
      expect(cuts).toBeGreaterThan(10);
    });
  }

  test('while the server is at work is told as that, and the migration is not half done', async () => {
    await using scratch = await openScratch(cluster);
    await using folder = await writeMigrations({ '1_a.sql': 'CREATE TABLE a ();\nSELECT pg_sleep(60);' });
    const run = failureOf(scratch.with(folder, runMigrations));
    await expect
      .poll(() =>
        cluster.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${scratch.database}' AND wait_event = 'PgSleep'`,
        ),
      )
      .toHaveLength(1);
    expect(await run).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_FAILED',
      kind: 'unavailable',
      hint: expect.stringContaining('as a whole or not at all'),
      details: { connectionLost: true, file: '1_a.sql' },
    });
    expect(await scratch.tables()).toEqual([]);
  });
});
