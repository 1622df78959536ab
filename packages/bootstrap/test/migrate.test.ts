import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { createFunction, type InProcessFunction } from './fixtures/function.ts';
import { deploy, type ServiceFiles } from './fixtures/service.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** Deploys a database with these migrations and applies it. */
async function withMigrations<T>(
  name: string,
  migrations: NonNullable<ServiceFiles['migrations']>,
  work: (lambda: InProcessFunction) => Promise<T>,
): Promise<T> {
  await using artefact = await deploy([{ declaration: { name }, migrations }]);
  return await work(createFunction(cluster, artefact.folder));
}

const tables = async (database: string): Promise<unknown[]> =>
  (
    await cluster.query(
      `SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`,
      { database },
    )
  ).map(({ relname }) => relname);

describe('a migration that throws', () => {
  test('in SQL: file, line and SQL error are told, nothing of it is kept, the next try completes', async () => {
    const good = { '0001_a.sql': 'CREATE TABLE a ();' };
    const bad = '-- Up Migration\nCREATE TABLE b ();\n\nINSERT INTO nowhere VALUES (1);\n';
    const answer = await withMigrations('broken', { ...good, '0002_b.sql': bad }, (lambda) =>
      lambda.invoke({ action: 'apply' }),
    );
    expect(answer).toMatchObject({
      ok: false,
      error: {
        code: 'BOOTSTRAP_MIGRATION_FAILED',
        kind: 'conflict',
        message: 'database "broken": migration 0002_b.sql:4: relation "nowhere" does not exist (42P01)',
        details: { file: '0002_b.sql', line: 4, sqlState: '42P01', database: 'broken' },
      },
    });
    expect(await tables('broken')).toEqual(['a']);
    await withMigrations('broken', { ...good, '0002_b.sql': 'CREATE TABLE b ();' }, async (lambda) => {
      expect((await lambda.call({ action: 'migrate' })).migrations).toEqual([
        { database: 'broken', applied: ['0002_b'] },
      ]);
      expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);
    });
    expect(await tables('broken')).toEqual(['a', 'b']);
  });

  test('in TypeScript: while it builds its statements, while they run, while it is loaded', async () => {
    const head = `import type { MigrationBuilder } from 'node-pg-migrate';\n`;
    const cases = {
      'throws.ts': [
        `export const up = (_: MigrationBuilder) => { throw new TypeError('no idea'); };`,
        'no idea',
      ],
      'runs.ts': [
        `export const up = (pgm: MigrationBuilder) => { pgm.createTable('x', { id: 'id' }); pgm.sql('SELECT 1 / 0'); };`,
        'division by zero (22012)',
      ],
      'loads.ts': [`throw new Error('bad module'); export const up = () => {};`, 'bad module'],
    };
    for (const [index, [file, [code, message]]] of Object.entries(cases).entries()) {
      const answer = await withMigrations(`ts${index}`, { [`1_${file}`]: head + code }, (lambda) =>
        lambda.invoke({ action: 'apply' }),
      );
      expect(answer).toMatchObject({
        ok: false,
        error: { code: 'BOOTSTRAP_MIGRATION_FAILED', details: { file: `1_${file}` } },
      });
      expect((answer as { error: { message: string } }).error.message).toContain(message);
      expect(await tables(`ts${index}`)).toEqual([]);
    }
  });

  test('keeps nothing either of what it sent past its list of statements', async () => {
    const migrations = {
      '1_direct.ts': `import type { MigrationBuilder } from 'node-pg-migrate';
export const up = async (pgm: MigrationBuilder) => {
  await pgm.db.query('CREATE TABLE direct (n int)');
  await pgm.db.select('INSERT INTO direct VALUES (1) RETURNING n');
  pgm.sql('SELECT 1 / 0');
};`,
    };
    expect(
      await withMigrations('direct', migrations, (lambda) => lambda.invoke({ action: 'apply' })),
    ).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_MIGRATION_FAILED', details: { file: '1_direct.ts', sqlState: '22012' } },
    });
    expect(await tables('direct')).toEqual([]);
  });

  test('by giving its callback an error is not taken for one that worked', async () => {
    const migrations = {
      '1_cb.js': `exports.up = (pgm, done) => { pgm.createTable('x', {}); done(new Error('oh no')); };`,
    };
    expect(
      await withMigrations('callback', migrations, (lambda) => lambda.invoke({ action: 'apply' })),
    ).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_MIGRATION_FAILED', message: expect.stringContaining('1_cb.js: oh no') },
    });
    expect(await tables('callback')).toEqual([]);
  });

  test('outside of a transaction: what is kept is told, and that it will run again', async () => {
    const head = `import type { MigrationBuilder } from 'node-pg-migrate';
export const up = async (pgm: MigrationBuilder) => {\n`;
    const migrations = {
      '1_a.sql': 'CREATE TABLE a ();',
      '2_index.ts': `${head} pgm.noTransaction(); pgm.sql('CREATE TABLE kept ()'); pgm.sql('SELECT 1 / 0'); };`,
    };
    const answer = await withMigrations('untorn', migrations, (lambda) => lambda.invoke({ action: 'apply' }));
    expect(answer).toMatchObject({
      ok: false,
      error: {
        code: 'BOOTSTRAP_MIGRATION_FAILED',
        message: 'database "untorn": migration 2_index.ts: division by zero (22012)',
        hint: expect.stringContaining('noTransaction'),
        details: { file: '2_index.ts', sqlState: '22012', transaction: false },
      },
    });
    expect((answer as { error: { hint: string } }).error.hint).not.toContain('was rolled back');
    expect(await tables('untorn')).toEqual(['a', 'kept']);
    const repeatable = {
      ...migrations,
      // What was sent directly before the call is committed, not lost.
      '2_index.ts': `${head} await pgm.db.query('CREATE TABLE before ()'); pgm.noTransaction();
 pgm.sql('CREATE TABLE IF NOT EXISTS kept (n int)'); pgm.createIndex('kept', 'n', { concurrently: true, ifNotExists: true }); };`,
    };
    await cluster.query('ALTER TABLE kept ADD n int', { database: 'untorn' });
    await withMigrations('untorn', repeatable, (lambda) => lambda.call({ action: 'apply' }));
    expect(await tables('untorn')).toEqual(['a', 'before', 'kept']);
  });

  test('leaves no lock behind', async () => {
    const locks = await cluster.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory'`);
    expect(locks).toEqual([]);
  });
});

test('a migration that comes in between is refused before anything runs', async () => {
  await withMigrations(
    'sorted',
    { '1_a.sql': 'CREATE TABLE a ()', '3_c.sql': 'CREATE TABLE c ()' },
    (lambda) => lambda.call({ action: 'apply' }),
  );
  const files = {
    '1_a.sql': 'CREATE TABLE a ()',
    '2_b.sql': 'CREATE TABLE b ()',
    '3_c.sql': 'CREATE TABLE c ()',
  };
  const answer = await withMigrations('sorted', files, (lambda) => lambda.invoke({ action: 'apply' }));
  expect(answer).toMatchObject({
    ok: false,
    error: { code: 'BOOTSTRAP_MIGRATION_ORDER', message: expect.stringContaining('2_b') },
  });
  expect(await tables('sorted')).toEqual(['a', 'c']);
});

test('migrations run as the owner, whatever they do to their role', async () => {
  const files = {
    '1_a.sql': 'RESET ROLE; CREATE TABLE a ();',
    '2_b.js': `exports.up = (pgm, done) => { pgm.createTable('b', { id: 'id' }); done(); };`,
    '3_c.cjs': `module.exports = { up: async (pgm) => { pgm.sql('CREATE TABLE c ()'); } };`,
  };
  await withMigrations('mine', files, (lambda) => lambda.call({ action: 'apply' }));
  const owners = await cluster.query(
    `SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace = 'public'::regnamespace`,
    { database: 'mine' },
  );
  expect(owners).toEqual([{ owner: 'mine_owner' }]);
});

test('a database that is ahead of the artefact is told by status and left as it is', async () => {
  await withMigrations(
    'ahead',
    { '1_a.sql': 'CREATE TABLE a ()', '2_b.sql': 'CREATE TABLE b ()' },
    (lambda) => lambda.call({ action: 'apply' }),
  );
  await withMigrations('ahead', { '1_a.sql': 'CREATE TABLE a ()' }, async (lambda) => {
    expect((await lambda.call({ action: 'apply' })).migrations).toEqual([{ database: 'ahead', applied: [] }]);
    expect((await lambda.call({ action: 'status' })).databases).toMatchObject([
      { pending: [], unknown: ['2_b'] },
    ]);
  });
});

describe('the file of an applied migration', () => {
  const first = { '1_a.sql': 'CREATE TABLE a ();\n', '2_b.ts': 'export const up = (): void => {};\n' };

  test('that was changed is refused by name, and nothing that is pending runs', async () => {
    await withMigrations('changed', first, (lambda) => lambda.call({ action: 'apply' }));
    const edited = { ...first, '1_a.sql': 'CREATE TABLE a (id int);\n', '3_c.sql': 'CREATE TABLE c ();' };
    await withMigrations('changed', edited, async (lambda) => {
      expect((await lambda.call({ action: 'plan' })).migrations).toEqual([
        { database: 'changed', pending: ['3_c'], changed: ['1_a'] },
      ]);
      expect(await lambda.invoke({ action: 'apply' })).toMatchObject({
        ok: false,
        error: {
          code: 'BOOTSTRAP_MIGRATION_CHANGED',
          kind: 'conflict',
          message: expect.stringMatching(
            /^database "changed": migration 1_a\.sql was changed after it was applied at \d{4}-/,
          ),
          details: { database: 'changed', files: ['1_a.sql'] },
        },
      });
      expect(await tables('changed')).toEqual(['a']);
    });
    await withMigrations('changed', { ...first, '3_c.sql': 'CREATE TABLE c ();' }, async (lambda) => {
      expect((await lambda.call({ action: 'apply' })).migrations).toEqual([
        { database: 'changed', applied: ['3_c'] },
      ]);
      const [status] = (await lambda.call({ action: 'status' })).databases;
      expect(status).toMatchObject({ changed: [], pending: [], unknown: [] });
      expect(status?.applied.map(({ sha256 }) => sha256)).toEqual(
        new Array(3).fill(expect.stringMatching(/^[0-9a-f]{64}$/)),
      );
    });
  });

  test('is the same file with the line ends of another system', async () => {
    await withMigrations('windows', first, (lambda) => lambda.call({ action: 'apply' }));
    const crlf = Object.fromEntries(
      Object.entries(first).map(([file, text]) => [file, text.replaceAll('\n', '\r\n')]),
    );
    await withMigrations('windows', crlf, async (lambda) => {
      expect((await lambda.call({ action: 'apply' })).migrations).toEqual([
        { database: 'windows', applied: [] },
      ]);
    });
  });

  test('that was applied before checksums were kept is taken as it is, once', async () => {
    await withMigrations('adopted', first, (lambda) => lambda.call({ action: 'apply' }));
    await cluster.query('DROP TABLE postern.migration_checksums', { database: 'adopted' });
    const edited = { ...first, '1_a.sql': 'CREATE TABLE a (); -- as it is in the artefact today\n' };
    await withMigrations('adopted', edited, async (lambda) => {
      expect((await lambda.call({ action: 'status' })).databases).toMatchObject([{ changed: [] }]);
      expect((await lambda.call({ action: 'migrate' })).migrations).toEqual([
        { database: 'adopted', applied: [] },
      ]);
    });
    await withMigrations('adopted', first, async (lambda) => {
      expect(await lambda.invoke({ action: 'migrate' })).toMatchObject({
        ok: false,
        error: { code: 'BOOTSTRAP_MIGRATION_CHANGED', details: { files: ['1_a.sql'] } },
      });
    });
  });

  test('of a migration that failed may be changed, since nothing of it was kept, its checksum neither', async () => {
    await withMigrations('mended', { '1_a.sql': 'CREATE TABLE a (); SELECT 1 / 0;' }, (lambda) =>
      lambda.invoke({ action: 'apply' }),
    );
    expect(await cluster.query('SELECT * FROM postern.migration_checksums', { database: 'mended' })).toEqual(
      [],
    );
    await withMigrations('mended', { '1_a.sql': 'CREATE TABLE a ();' }, async (lambda) => {
      expect((await lambda.call({ action: 'migrate' })).migrations).toEqual([
        { database: 'mended', applied: ['1_a'] },
      ]);
    });
  });
});

test('migrate before apply says what to do first', async () => {
  const answer = await withMigrations('nowhere', {}, (lambda) => lambda.invoke({ action: 'migrate' }));
  expect(answer).toMatchObject({ ok: false, error: { code: 'BOOTSTRAP_NOT_APPLIED' } });
});
