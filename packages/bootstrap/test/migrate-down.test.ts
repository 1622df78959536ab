import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fakeMigrations, readApplied, revertMigrations, runMigrations } from '../src/migrate/migrate.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { type Files, failureOf, openScratch, type Scratch, writeMigrations } from './fixtures/migrations.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const reversible: Files = {
  '1_a.sql': '-- Up Migration\nCREATE TABLE a (id int);\n-- Down Migration\nDROP TABLE a;',
  '2_b.mjs': `export const up = (pgm) => { pgm.createTable('b', {}); pgm.createIndex('a', 'id'); };`,
  '3_c.mjs': `export const up = (pgm) => pgm.sql('CREATE TABLE c ()'); export const down = async (pgm) => { await pgm.db.query('DROP TABLE c'); };`,
  '4_d.mjs': `export const up = (pgm) => { pgm.noTransaction(); pgm.createIndex('a', 'id', { name: 'a_id', concurrently: true }); };
export const down = (pgm) => { pgm.noTransaction(); pgm.dropIndex('a', 'id', { name: 'a_id', concurrently: true }); };`,
};

async function applied(files: Files): Promise<Scratch> {
  const scratch = await openScratch(cluster);
  await using folder = await writeMigrations(files);
  await scratch.with(folder, runMigrations);
  return scratch;
}

const down = (
  scratch: Scratch,
  files: Awaited<ReturnType<typeof writeMigrations>>,
  count: number,
  options: Parameters<Scratch['with']>[2] = {},
): ReturnType<typeof revertMigrations> =>
  scratch.with(files, (session, run) => revertMigrations(session, { ...run, count }), options);

describe('down', () => {
  test('takes the last ones back, newest first, checksums included; up brings them again', async () => {
    await using scratch = await applied(reversible);
    await using files = await writeMigrations(reversible);
    const states: string[] = [];
    const onProgress: NonNullable<Parameters<Scratch['with']>[2]>['onProgress'] = (event) =>
      event.event === 'migration' && states.push(`${event.name} ${event.state}`);
    expect(await down(scratch, files, 3, { onProgress })).toMatchObject({
      reverted: ['4_d', '3_c', '2_b'],
      done: true,
    });
    expect(states).toEqual(['4_d', '3_c', '2_b'].flatMap((name) => [`${name} started`, `${name} reverted`]));
    expect(await scratch.tables()).toEqual(['a']);
    expect(await scratch.as(readApplied)).toMatchObject([{ name: '1_a' }]);
    expect(await scratch.rows('SELECT name FROM postern.migration_checksums')).toEqual([{ name: '1_a' }]);
    expect((await scratch.with(files, runMigrations)).applied).toEqual(['2_b', '3_c', '4_d']);
    expect(await down(scratch, files, 100)).toMatchObject({ reverted: ['4_d', '3_c', '2_b', '1_a'] });
    expect(await down(scratch, files, 1)).toEqual({ reverted: [], notices: [], done: true });
    expect(await scratch.tables()).toEqual([]);
  });

  test('of one that cannot be taken back is refused by file before anything is', async () => {
    const last = { '9_z.sql': '-- Up Migration\nCREATE TABLE z ();\n-- Down Migration\nDROP TABLE z;' };
    const cases: [string, string, RegExp][] = [
      ['5_no.sql', 'CREATE TABLE e ()', /no "-- Down Migration" part/],
      ['5_false.mjs', `export const up = () => {}; export const down = false;`, /disabled "down"/],
      ['5_sql.mjs', `export const up = (pgm) => pgm.sql('SELECT 1');`, /Impossible to automatically infer/],
      [
        '5_db.mjs',
        `export const up = async (pgm) => { await pgm.db.query('SELECT 1'); };`,
        /Impossible to automatically infer/,
      ],
    ];
    for (const [file, text, why] of cases) {
      const files = { ...reversible, [file]: text, ...last };
      await using scratch = await applied(files);
      await using folder = await writeMigrations(files);
      expect(await failureOf(down(scratch, folder, 2))).toMatchObject({
        code: 'BOOTSTRAP_MIGRATION_IRREVERSIBLE',
        message: expect.stringMatching(why),
        hint: expect.stringMatching(/^Nothing was run/),
        details: { file, database: scratch.database },
      });
      expect(await scratch.tables()).toContain('z');
      expect(await down(scratch, folder, 1)).toMatchObject({ reverted: ['9_z'] });
    }
  });

  test('of one that the artefact does not have, or has otherwise, is refused', async () => {
    await using scratch = await applied(reversible);
    const { '4_d.mjs': _, ...rest } = reversible;
    await using without = await writeMigrations(rest);
    expect(await failureOf(down(scratch, without, 2))).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_IRREVERSIBLE',
      message: expect.stringContaining('4_d'),
    });
    await using changed = await writeMigrations({ ...reversible, '4_d.mjs': `${reversible['4_d.mjs']}\n` });
    expect(await failureOf(down(scratch, changed, 1))).toMatchObject({ code: 'BOOTSTRAP_MIGRATION_CHANGED' });
    expect(await scratch.books()).toHaveLength(4);
  });

  test('that fails keeps the migration, names file and line, and those taken back before it stay so', async () => {
    const files = {
      '1_a.sql': '-- Up Migration\nCREATE TABLE a ();\n-- Down Migration\nDROP TABLE a;',
      '2_b.sql':
        '-- Up Migration\nCREATE TABLE b ();\n-- Down Migration\n\nDROP TABLE b;\nDROP TABLE nowhere;',
      '3_c.mjs': `export const up = (pgm) => pgm.createTable('c', {});`,
    };
    await using scratch = await applied(files);
    await using folder = await writeMigrations(files);
    expect(await failureOf(down(scratch, folder, 3))).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_FAILED',
      message: expect.stringContaining('down of migration 2_b.sql:6: table "nowhere" does not exist (42P01)'),
      details: { file: '2_b.sql', line: 6, sqlState: '42P01', direction: 'down' },
    });
    expect(await scratch.tables()).toEqual(['a', 'b']);
    expect(await scratch.books()).toEqual(['1_a', '2_b']);
  });

  test('stops in between when asked, and goes on', async () => {
    await using scratch = await applied(reversible);
    await using files = await writeMigrations(reversible);
    expect(await down(scratch, files, 3, { stop: () => true })).toMatchObject({
      reverted: ['4_d'],
      done: false,
    });
    expect(await down(scratch, files, 2)).toMatchObject({ reverted: ['3_c', '2_b'], done: true });
  });

  test('can be tried', async () => {
    await using scratch = await applied(reversible);
    const { '4_d.mjs': _, ...three } = reversible;
    await using files = await writeMigrations(reversible);
    expect(await down(scratch, files, 1, { dryRun: true })).toMatchObject({ reverted: [], done: false });
    await using other = await applied(three);
    await using rest = await writeMigrations(three);
    expect(await down(other, rest, 3, { dryRun: true })).toMatchObject({
      reverted: ['3_c', '2_b', '1_a'],
      done: true,
    });
    expect(await other.tables()).toEqual(['a', 'b', 'c']);
    expect(await other.books()).toHaveLength(3);
  });

  test('works for plain SQL folders by the same markers, with and without a transaction', async () => {
    const files = {
      first: '-- Up Migration\nCREATE TABLE a (id int);\n-- Down Migration\nDROP TABLE a;',
      second: `-- Up Migration\n-- postern: no-transaction\nCREATE INDEX CONCURRENTLY a_id ON a (id);
-- Down Migration\n-- postern: no-transaction\nDROP INDEX CONCURRENTLY a_id;`,
    };
    const named = { 'first.sql': files.first, 'second.sql': files.second };
    await using scratch = await openScratch(cluster);
    await using folder = await writeMigrations(named, 'sql');
    await scratch.with(folder, runMigrations);
    expect(await down(scratch, folder, 2)).toMatchObject({ reverted: ['second', 'first'], done: true });
    expect(await scratch.tables()).toEqual([]);
  });
});

describe('fake', () => {
  test('records without running, up to where it is told, in order', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations(reversible);
    expect(await scratch.with(files, fakeMigrations, { to: '2_b' })).toEqual(['1_a', '2_b']);
    expect(await scratch.with(files, fakeMigrations, { to: '2_b' })).toEqual([]);
    expect(await scratch.tables()).toEqual([]);
    expect(await scratch.books()).toEqual(['1_a', '2_b']);
    expect(await scratch.with(files, fakeMigrations)).toEqual(['3_c', '4_d']);
    expect(await scratch.with(files, runMigrations)).toMatchObject({ applied: [] });
    expect((await scratch.as(readApplied)).map(({ sha256 }) => sha256)).toEqual(
      files.definition.migrations.map(({ sha256 }) => sha256),
    );
  });

  test('of a migration that is not there, or that comes in between, is refused', async () => {
    await using scratch = await openScratch(cluster);
    await using files = await writeMigrations(reversible);
    expect(await failureOf(scratch.with(files, fakeMigrations, { to: 'nothing' }))).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_UNKNOWN',
    });
    const { '2_b.mjs': _, ...without } = reversible;
    await using gap = await writeMigrations(without);
    await scratch.with(gap, fakeMigrations);
    expect(await failureOf(scratch.with(files, fakeMigrations))).toMatchObject({
      code: 'BOOTSTRAP_MIGRATION_ORDER',
    });
  });
});
