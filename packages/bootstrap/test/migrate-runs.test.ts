import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  fakeMigrations,
  type MigrationEvent,
  type MigrationRun,
  readApplied,
  revertMigrations,
  runMigrations,
} from '../src/migrate/migrate.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { failureOf, openScratch, writeMigrations } from './fixtures/migrations.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const abc = {
  '1_a.sql': 'CREATE TABLE a (id int PRIMARY KEY);',
  '2_b.mjs': `export const up = (pgm) => pgm.createTable('b', { a: { type: 'int', references: 'a' } });`,
  '3_c.sql': 'CREATE TABLE c ();',
};

describe('a run', () => {
  for (const [what, code] of [
    [
      'its statements',
      `export const up = (pgm) => { pgm.sql('CREATE TABLE b ()'); pgm.sql('/* now */ commit;'); };`,
    ],
    [
      'what it sends',
      `export const up = async (pgm) => { await pgm.db.query('CREATE TABLE b ()'); await pgm.db.query('COMMIT'); };`,
    ],
    [
      'a query with values',
      `export const up = async (pgm) => { await pgm.db.query({ text: 'ROLLBACK', values: [] }); };`,
    ],
    ['several statements', `export const up = (pgm) => { pgm.sql('CREATE TABLE b (); END; BEGIN'); };`],
  ] as const) {
    test(`that would commit half of a migration by ${what} keeps nothing of it, and a dry run nothing at all`, async () => {
      await using scratch = await openScratch(cluster);
      await using files = await writeMigrations({ ...abc, '2_b.mjs': code, '3_c.sql': 'SELECT 1 / 0' });
      for (const dryRun of [true, false]) {
        expect(await failureOf(scratch.with(files, runMigrations, { dryRun }))).toMatchObject({
          code: 'BOOTSTRAP_MIGRATION_FAILED',
          message: expect.stringMatching(/2_b\.mjs: "[A-Z]+" would end the transaction/),
          details: { file: '2_b.mjs', transaction: true },
          hint: expect.stringContaining('rolled back'),
        });
        expect(await scratch.tables()).toEqual(dryRun ? [] : ['a']);
        expect(await scratch.books()).toEqual(dryRun ? [] : ['1_a']);
      }
    });
  }

  test('of a migration that only writes about transactions, or has none, is not held up', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations({
      '1_a.mjs': `export const up = (pgm) => { pgm.sql("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN CASE WHEN true THEN 1 END; END'; COMMENT ON FUNCTION f() IS '; COMMIT;'; SAVEPOINT s; ROLLBACK TO s"); };`,
      '2_b.mjs': `export const up = async (pgm) => { pgm.noTransaction(); await pgm.db.query('BEGIN'); await pgm.db.query('COMMIT'); };`,
    });
    expect(await scratch.with(files, runMigrations)).toMatchObject({ applied: ['1_a', '2_b'] });
  });

  test('ends with the migration that it was told to end with, and goes on from there later', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations(abc);
    expect(await scratch.with(files, runMigrations, { to: '2_b' })).toMatchObject({
      applied: ['1_a', '2_b'],
      pending: [],
    });
    expect(await scratch.tables()).toEqual(['a', 'b']);
    // What was applied further on is not taken back.
    expect(await scratch.with(files, runMigrations, { to: '1_a' })).toMatchObject({ applied: [] });
    expect(await scratch.with(files, runMigrations)).toMatchObject({ applied: ['3_c'] });
    expect(await scratch.books()).toEqual(['1_a', '2_b', '3_c']);
  });

  test('to a migration that is not there is refused, and runs nothing', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations(abc);
    expect(await failureOf(scratch.with(files, runMigrations, { to: '2_B' }))).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_UNKNOWN',
      kind: 'not-found',
      details: { migrations: ['1_a', '2_b', '3_c'] },
    });
    expect(await scratch.tables()).toEqual([]);
  });

  for (const engine of ['node-pg-migrate', 'sql'] as const) {
    test(`stops between two migrations, does one at least, and names what is left (${engine})`, async () => {
      await using scratch = await openScratch(cluster);
      const sql = {
        '1_a.sql': 'CREATE TABLE a ()',
        '2_b.sql': 'CREATE TABLE b ()',
        '3_c.sql': 'CREATE TABLE c ()',
      };
      await using files = await writeMigrations(engine === 'sql' ? sql : abc, engine);
      const once = (): Promise<unknown> => scratch.with(files, runMigrations, { stop: () => true });
      expect(await once()).toMatchObject({ applied: ['1_a'], pending: ['2_b', '3_c'] });
      expect(await scratch.tables()).toEqual(['a']);
      expect(await once()).toMatchObject({ applied: ['2_b'], pending: ['3_c'] });
      expect(await once()).toMatchObject({ applied: ['3_c'], pending: [] });
      expect(await once()).toMatchObject({ applied: [], pending: [] });
      expect(await scratch.tables()).toEqual(['a', 'b', 'c']);
    });
  }

  test('asks the database once for each migration, whatever is in it', async () => {
    await using scratch = await openScratch(cluster);
    const many = Object.fromEntries(
      Array.from({ length: 30 }, (_, n) => [
        `${n + 1}_t.${n % 2 ? 'sql' : 'mjs'}`,
        n % 2
          ? `CREATE TABLE t${n} (); COMMENT ON TABLE t${n} IS 'x'; -- the last line`
          : `export const up = (pgm) => { pgm.createTable('t${n}', { id: 'id' }); pgm.createIndex('t${n}', 'id'); pgm.sql('SELECT 1 -- x'); };`,
      ]),
    );
    await using files = await writeMigrations(many);
    const queries = await scratch.as(async (session) => {
      let count = 0;
      const counting = {
        query: (text: string, values?: unknown[]) => {
          count++;
          return session.query(text, values);
        },
        end: () => session.end(),
      };
      await runMigrations(counting, { database: 'x', lockTimeoutMs: 1000, ...files });
      const first = count;
      await runMigrations(counting, { database: 'x', lockTimeoutMs: 1000, ...files });
      return [first, count - first];
    });
    // To see whether there are books, or those of another tool; lock, books and their contents; the migrations; the unlocking.
    expect(queries).toEqual([2 + 1 + 30 + 1, 2]);
    expect(await scratch.books()).toHaveLength(30);
  });

  test('gives each migration the session as it was for the first, also what pg_dump leaves behind', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations({
      '1_dump.sql': `SELECT pg_catalog.set_config('search_path', '', false); SET ROLE NONE; SET statement_timeout = '7654ms';
CREATE TABLE public.a ();`,
      '2_b.sql': `CREATE TABLE b (); DO $$ BEGIN ASSERT current_setting('statement_timeout') <> '7654ms'; END $$`,
      '3_c.mjs': `export const up = async (pgm) => { await pgm.db.query('SET ROLE NONE'); pgm.sql("SET search_path = ''"); };`,
      '4_d.mjs': `export const up = async (pgm) => { await pgm.db.query('CREATE TABLE d ()'); };`,
      '5_e.mjs': `export const up = async (pgm) => { pgm.noTransaction(); pgm.sql("SET ROLE NONE; SET search_path = ''"); };`,
      '6_f.mjs': `export const up = async (pgm) => { pgm.noTransaction(); await pgm.db.query('CREATE TABLE f ()'); };`,
    });
    const after = await scratch.with(files, async (session, run) => {
      await runMigrations(session, run);
      return (await session.query('SHOW search_path')).rows;
    });
    expect(after).toEqual([{ search_path: '"$user", public' }]);
    expect(
      await scratch.rows(
        `SELECT relname AS name, pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`,
      ),
    ).toEqual([
      { name: 'a', owner: cluster.server.master },
      ...['b', 'd', 'f'].map((name) => ({ name, owner: `${scratch.database}_owner` })),
    ]);
  });

  test('writes the books as the owner, whoever the migration has become', async () => {
    await using scratch = await openScratch(cluster);
    await cluster.query(`CREATE ROLE somebody; GRANT somebody TO ${cluster.server.master}`);
    await using files = await writeMigrations({
      '1_a.sql': 'GRANT CREATE ON SCHEMA public TO somebody; SET ROLE somebody; CREATE TABLE a ();',
      '2_b.mjs': `export const up = (pgm) => { pgm.noTransaction(); pgm.sql('SET ROLE somebody'); pgm.sql('CREATE TABLE b ()'); };
export const down = (pgm) => { pgm.sql('SET ROLE somebody; DROP TABLE b'); };`,
    });
    expect(await scratch.with(files, runMigrations)).toMatchObject({ applied: ['1_a', '2_b'] });
    const back = await scratch.with(files, (session, run) => revertMigrations(session, { ...run, count: 1 }));
    expect(back).toMatchObject({ reverted: ['2_b'] });
    expect(
      await scratch.rows(`SELECT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relname = 'a'`),
    ).toEqual([{ owner: 'somebody' }]);
  });

  test('hands shorthands of earlier migrations on, also of applied ones', async () => {
    await using scratch = await openScratch(cluster);
    const first = {
      '1_a.mjs': `export const shorthands = { money: { type: 'numeric', notNull: true } }; export const up = () => {};`,
    };
    await using before = await writeMigrations(first);
    await scratch.with(before, runMigrations);
    await using files = await writeMigrations({
      ...first,
      '2_b.mjs': `export const up = (pgm) => pgm.createTable('b', { price: 'money' });`,
    });
    await scratch.with(files, runMigrations);
    expect(
      await scratch.rows(
        `SELECT atttypid::regtype AS type, attnotnull AS "notNull" FROM pg_attribute WHERE attrelid = 'b'::regclass AND attnum > 0`,
      ),
    ).toEqual([{ type: 'numeric', notNull: true }]);
  });

  test('sends what is too large for one message in several, in the same transaction', async () => {
    await using scratch = await openScratch(cluster);
    const big = `export const up = (pgm) => { pgm.sql('CREATE TABLE big (t text)');
for (let n = 0; n < 20; n++) pgm.sql("INSERT INTO big VALUES ('" + 'x'.repeat(50000) + "')"); END };`;
    await using broken = await writeMigrations({
      '1_big.mjs': big.replace('END', `pgm.sql('SELECT 1 / 0');`),
    });
    expect(await failureOf(scratch.with(broken, runMigrations))).toMatchObject({
      details: { sqlState: '22012' },
    });
    expect(await scratch.tables()).toEqual([]);
    await using files = await writeMigrations({ '1_big.mjs': big.replace('END', '') });
    await scratch.with(files, runMigrations);
    expect(await scratch.rows('SELECT count(*)::int AS rows FROM big')).toEqual([{ rows: 20 }]);
  });
});

describe("a database that node-pg-migrate's command line has migrated so far", () => {
  const theirs = (schema: string, ...names: string[]): string =>
    `CREATE TABLE ${schema}.pgmigrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL);
INSERT INTO ${schema}.pgmigrations (name, run_on) SELECT unnest('{${names.join(',')}}'::text[]), now()`;

  test('does not get its migrations a second time, and is told how to go on', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations(abc);
    await scratch.as((session) =>
      session.query(`CREATE SCHEMA "Old Books"; ${theirs('"Old Books"', '1_a', '2_b', 'elsewhere')};
CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b ()`),
    );
    for (const dryRun of [true, false]) {
      expect(await failureOf(scratch.with(files, runMigrations, { dryRun }))).toMatchObject({
        code: 'BOOTSTRAP_DATABASE_CONFLICT',
        message: expect.stringContaining('migration 2_b was applied'),
        hint: expect.stringContaining(`fake --database ${scratch.database} --to 2_b`),
      });
      expect(await scratch.tables()).toEqual(['a', 'b']);
      expect(await scratch.books()).toEqual([]);
    }
    expect(await scratch.with(files, fakeMigrations, { to: '2_b' })).toEqual(['1_a', '2_b']);
    expect(await scratch.with(files, runMigrations)).toMatchObject({ applied: ['3_c'] });
  });

  test('is not taken for a new one either when the owner cannot read those books', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations(abc);
    await scratch.rows(theirs('public', '1_a'));
    expect(await failureOf(scratch.with(files, runMigrations))).toMatchObject({
      code: 'BOOTSTRAP_DATABASE_CONFLICT',
      message: expect.stringContaining('public.pgmigrations, cannot be read'),
      hint: expect.stringContaining('GRANT SELECT'),
    });
    expect(await scratch.books()).toEqual([]);
  });

  test('is migrated when those books are empty or list nothing of it', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations(abc);
    await scratch.as((session) =>
      session.query(
        `CREATE SCHEMA old; ${theirs('old', 'other')}; ${theirs('public')}; CREATE VIEW old.x AS SELECT 1`,
      ),
    );
    expect(await scratch.with(files, runMigrations)).toMatchObject({ applied: ['1_a', '2_b', '3_c'] });
  });
});

describe('a dry run', () => {
  test('tries every pending migration on top of those before it and keeps nothing, not even books', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations(abc);
    expect(await scratch.with(files, runMigrations, { dryRun: true })).toMatchObject({
      applied: ['1_a', '2_b', '3_c'],
      pending: [],
    });
    expect(await scratch.rows(`SELECT nspname FROM pg_namespace WHERE nspname = 'postern'`)).toEqual([]);
    expect(await scratch.tables()).toEqual([]);
    expect(await scratch.rows(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory'`)).toEqual([]);
  });

  test('finds what would fail, with file and line, also what the commit would find', async () => {
    await using scratch = await openScratch(cluster);
    await using syntax = await writeMigrations({
      ...abc,
      '4_d.sql': '-- Up Migration\n\nCREATE TABLE a ();',
    });
    expect(await failureOf(scratch.with(syntax, runMigrations, { dryRun: true }))).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_FAILED',
      hint: expect.stringContaining('dry run'),
      details: { file: '4_d.sql', sqlState: '42P07' },
    });
    await using deferred = await writeMigrations({
      ...abc,
      '4_d.mjs': `export const up = async (pgm) => {
  await pgm.db.query('CREATE TABLE d (a int REFERENCES a DEFERRABLE INITIALLY DEFERRED)');
  pgm.sql('INSERT INTO d VALUES (1)');
};`,
    });
    expect(await failureOf(scratch.with(deferred, runMigrations, { dryRun: true }))).toMatchObject({
      details: { file: '4_d.mjs', sqlState: '23503' },
    });
    expect(await scratch.tables()).toEqual([]);
  });

  test('ends before a migration that declines its transaction and names what was not tried', async () => {
    const index = {
      js: `export const up = (pgm) => { pgm.noTransaction(); pgm.createIndex('b', 'a', { concurrently: true }); };`,
      direct: `export const up = async (pgm) => { pgm.noTransaction(); await pgm.db.query('CREATE INDEX CONCURRENTLY ON b (a)'); };`,
    };
    for (const code of Object.values(index)) {
      await using scratch = await openScratch(cluster);
      await using files = await writeMigrations({ ...abc, '4_i.mjs': code, '5_e.sql': 'CREATE TABLE e ()' });
      expect(await scratch.with(files, runMigrations, { dryRun: true })).toMatchObject({
        applied: ['1_a', '2_b', '3_c'],
        pending: ['4_i', '5_e'],
      });
      expect(await scratch.tables()).toEqual([]);
      expect(await scratch.with(files, runMigrations)).toMatchObject({ pending: [] });
      expect(await scratch.tables()).toEqual(['a', 'b', 'c', 'e']);
    }
  });

  test('ends before a migration that needs an enum value that only a commit makes usable', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations({
      '1_type.sql': `CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE people (mood mood);`,
      '2_value.sql': `ALTER TYPE mood ADD VALUE 'glad';`,
      '3_use.sql': `INSERT INTO people VALUES ('glad');`,
    });
    await scratch.with(files, runMigrations, { to: '1_type' });
    expect(await scratch.with(files, runMigrations, { dryRun: true })).toMatchObject({
      applied: ['2_value'],
      pending: ['3_use'],
    });
    expect(await scratch.with(files, runMigrations)).toMatchObject({ applied: ['2_value', '3_use'] });
  });
});

describe('time limits', () => {
  const busy = async (
    work: (blocked: Promise<unknown>) => Promise<void>,
    options: Partial<MigrationRun>,
    file: string,
    code: string,
  ): Promise<void> => {
    await using scratch = await openScratch(cluster);
    await using first = await writeMigrations({ '1_a.sql': 'CREATE TABLE a (id int)' });
    await scratch.with(first, runMigrations);
    await using files = await writeMigrations({ '1_a.sql': 'CREATE TABLE a (id int)', [file]: code });
    await scratch.as(async (other) => {
      await other.query('BEGIN; LOCK TABLE a');
      await work(scratch.with(files, runMigrations, options));
    });
  };

  test('of locks: the migration that waited is named, with what to do', async () => {
    for (const [file, code] of [
      ['2_alter.sql', '-- Up Migration\nSELECT 1;\nALTER TABLE a ADD b int'],
      [
        '2_alter.mjs',
        `export const up = (pgm) => { pgm.noTransaction(); pgm.addColumn('a', { b: 'int' }); };`,
      ],
      ['2_alter.mjs', `export const up = async (pgm) => { await pgm.db.query('ALTER TABLE a ADD b int'); };`],
    ] as const) {
      await busy(
        async (blocked) => {
          const error = await failureOf(blocked);
          expect(error).toMatchObject({
            code: 'BOOTSTRAP_MIGRATION_FAILED',
            hint: expect.stringMatching(/longer than 50 ms.*pg_blocking_pids/),
            details: { file, sqlState: '55P03' },
          });
        },
        { timeouts: { lockMs: 50 } },
        file,
        code,
      );
    }
  });

  test('of statements; a migration may set its own, and the next one has ours again', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations({
      '1_own.sql': `SET LOCAL statement_timeout = 0; SELECT pg_sleep(0.2); CREATE TABLE a ();`,
      '2_session.mjs': `export const up = async (pgm) => { pgm.noTransaction(); pgm.sql('SET statement_timeout = 0'); pgm.sql('SELECT pg_sleep(0.2)'); };`,
      '3_slow.sql': 'CREATE TABLE c ();\nSELECT pg_sleep(60);',
    });
    expect(
      await failureOf(scratch.with(files, runMigrations, { timeouts: { statementMs: 100 } })),
    ).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_FAILED',
      hint: expect.stringMatching(/longer than 100 ms/),
      details: { file: '3_slow.sql', sqlState: '57014', transaction: true },
    });
    expect(await scratch.tables()).toEqual(['a']);
    expect(await scratch.books()).toEqual(['1_own', '2_session']);
  });

  test('are those of the database where none are given', async () => {
    await using scratch = await openScratch(cluster);
    await cluster.query(`ALTER DATABASE ${scratch.database} SET lock_timeout = '1234ms'`);
    await using files = await writeMigrations({
      '1_a.sql': `CREATE TABLE a AS SELECT current_setting('lock_timeout') AS l, current_setting('statement_timeout') AS s`,
    });
    await scratch.with(files, runMigrations, { timeouts: { lockMs: 0 } });
    expect(await scratch.rows('SELECT * FROM a')).toEqual([{ l: '1234ms', s: '0' }]);
  });

  test('of the database do not cut the wait for another run short', async () => {
    await using scratch = await openScratch(cluster);
    await cluster.query(`ALTER DATABASE ${scratch.database} SET statement_timeout = '50ms'`);
    await cluster.query(
      `ALTER DATABASE ${scratch.database} SET default_transaction_isolation = 'serializable'`,
    );
    await using slow = await writeMigrations({
      '1_a.sql': `SET LOCAL statement_timeout = 0; CREATE TABLE a (); SELECT pg_sleep(0.3)`,
    });
    const outcomes = await Promise.all([1, 2, 3].map(() => scratch.with(slow, runMigrations)));
    expect(outcomes.flatMap(({ applied }) => applied)).toEqual(['1_a']);
  });
});

describe('what the server says beside its answers', () => {
  test('is told at once with migration and severity, and kept, but not without limit', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations({
      '1_a.sql': `CREATE TABLE IF NOT EXISTS a (); CREATE TABLE IF NOT EXISTS a ();`,
      '2_b.mjs': `export const up = async (pgm) => {
  await pgm.db.query("DO $$ BEGIN RAISE WARNING 'first'; END $$");
  pgm.sql("DO $$ BEGIN FOR n IN 1..300 LOOP RAISE NOTICE 'row %', n; END LOOP; END $$");
};`,
      '3_c.sql': 'SELECT 1',
    });
    const events: MigrationEvent[] = [];
    const { notices } = await scratch.with(files, runMigrations, {
      onProgress: (event) => events.push(event),
    });
    expect(notices.slice(0, 3)).toEqual([
      { migration: '1_a', severity: 'NOTICE', message: 'relation "a" already exists, skipping' },
      { migration: '2_b', severity: 'WARNING', message: 'first' },
      { migration: '2_b', severity: 'NOTICE', message: 'row 1' },
    ]);
    expect(notices).toHaveLength(200);
    expect(events.filter(({ event }) => event === 'notice')).toHaveLength(302);
    expect(events.slice(0, 3)).toEqual([
      { event: 'migration', name: '1_a', state: 'started' },
      { event: 'notice', ...notices[0] },
      { event: 'migration', name: '1_a', state: 'applied', durationMs: expect.any(Number) },
    ]);
    // A session that is used further does not keep the listener.
    await scratch.with(files, async (session, run) => {
      await runMigrations(session, run);
      expect(session.listenerCount('notice')).toBe(0);
    });
  });
});

describe('an index that is built concurrently', () => {
  const table = { '1_a.sql': 'CREATE TABLE a (id int)' };
  const broken = {
    ...table,
    '2_index.mjs': `export const up = (pgm) => { pgm.noTransaction();
  pgm.sql('CREATE UNIQUE INDEX CONCURRENTLY a_id ON a (id)'); };`,
  };
  const repeatable = {
    ...table,
    '2_index.mjs': `export const up = (pgm) => { pgm.noTransaction(); pgm.sql('DROP INDEX CONCURRENTLY IF EXISTS a_id');
  pgm.sql('CREATE UNIQUE INDEX CONCURRENTLY a_id ON a (id)'); };`,
  };
  const index = `SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass('a_id')`;

  test('and fails stays behind invalid, as the hint says; a repeatable migration mends it', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations(repeatable);
    await scratch.with(files, runMigrations, { to: '1_a' });
    await scratch.rows('INSERT INTO a VALUES (1), (1)');
    expect(await failureOf(scratch.with(files, runMigrations))).toMatchObject({
      details: { sqlState: '23505', transaction: false },
      hint: expect.stringMatching(/stays behind invalid.*DROP … IF EXISTS/),
    });
    expect(await scratch.rows(index)).toEqual([{ valid: false }]);
    await scratch.rows('DELETE FROM a');
    await scratch.with(files, runMigrations);
    expect(await scratch.rows(index)).toEqual([{ valid: true }]);
    expect((await scratch.as(readApplied)).map(({ name }) => name)).toEqual(['1_a', '2_index']);
  });

  test('and is cut off when it was built runs again; one that is not repeatable says so', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations(broken);
    const lost = scratch.as((session) =>
      runMigrations(
        {
          query: async (text, values) => {
            const answer = await session.query(text, values);
            if (text.includes('CONCURRENTLY')) throw new Error('Connection terminated unexpectedly');
            return answer;
          },
          end: () => session.end(),
        },
        { database: 'x', lockTimeoutMs: 1000, ...files },
      ),
    );
    expect(await failureOf(lost)).toMatchObject({
      kind: 'unavailable',
      details: { connectionLost: true, transaction: false, file: '2_index.mjs' },
    });
    expect(await failureOf(scratch.with(files, runMigrations))).toMatchObject({
      details: { sqlState: '42P07' },
      hint: expect.stringContaining('IF NOT EXISTS'),
    });
    await using mended = await writeMigrations(repeatable);
    expect(await scratch.with(mended, runMigrations)).toMatchObject({ applied: ['2_index'] });
    expect(await scratch.rows(index)).toEqual([{ valid: true }]);
  });
});
