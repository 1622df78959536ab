import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashContents, resetDatabase } from '../src/server/index.ts';
import { accept } from './reset-fixtures/accept.ts';
import { refused, undone } from './reset-fixtures/changes.ts';
import { type By, type Cluster, caller, pidOf, startCluster } from './reset-fixtures/cluster.ts';
import { everything } from './reset-fixtures/everything.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ max_prepared_transactions: 5, wal_level: 'logical' });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

const done = { status: 'reset', tables: expect.any(Number), sequences: expect.any(Number), ended: [] };

describe.each<By>(['master', 'superuser'])('a template prepared by the %s', (by) => {
  let template: string;
  let pristine: string;
  /** The changes come one after the other to the same database, as those of tests do. */
  let clone: string;
  let resetter: pg.Client;
  let reader: pg.Client;

  const open = async (): Promise<void> => {
    clone = await cluster.clone(template);
    resetter = await cluster.open(caller, clone);
    reader = await cluster.open(cluster.server.superuser, clone);
  };
  const close = (): Promise<unknown> => Promise.all([resetter.end(), reader.end()]);
  const reset = async (): ReturnType<typeof resetDatabase> =>
    resetDatabase(resetter, { keep: [pidOf(reader)] });

  beforeAll(async () => {
    const made = await cluster.template(by, everything);
    expect(made.installation).toEqual({
      ddl: by === 'master' ? 'fingerprint' : 'event-trigger',
      resettable: true,
      reasons: [],
    });
    template = made.name;
  });

  describe('undoes', () => {
    beforeAll(async () => {
      await open();
      pristine = await hashContents(reader);
    });
    afterAll(close);

    test.each(Object.entries(undone))('%s', async (_name, { sql, as }) => {
      await cluster.run(clone, sql, as);
      expect(await reset()).toEqual(done);
      expect(await hashContents(reader)).toBe(pristine);
    });

    test('whatever tests did one after the other', async () => {
      // A change may meet rows that an earlier one took away, and fail.
      const changes = fc.array(fc.constantFrom(...Object.values(undone)), { minLength: 2, maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(changes, async (some) => {
          for (const { sql, as } of some) await cluster.run(clone, sql, as).catch(() => undefined);
          expect(await reset()).toMatchObject({ status: 'reset', ended: [] });
          expect(await hashContents(reader)).toBe(pristine);
        }),
        // 10,000 rounds are what `npm run chaos -- reset` is for.
        { numRuns: 3 },
      );
    });
  });

  describe('gives a database up after', () => {
    beforeAll(open);
    afterAll(close);

    const changes = Object.entries(refused).filter(([, change]) => (change.by ?? by) === by);
    test.each(changes)('%s', async (_name, { sql, as, reason = 'ddl', undo }) => {
      expect(await reset()).toEqual(done);
      await cluster.run(clone, sql, as);
      try {
        const given = { status: 'discard', reason, detail: expect.any(String), ended: [] };
        expect(await reset()).toEqual(given);
        // For good, not only the first time.
        expect(await reset()).toEqual(given);
      } finally {
        if (undo) await reader.query(undo);
        await accept(reader, by, cluster.server.major);
      }
    });
  });
});

describe('the hash of contents', () => {
  let clone: string;
  let reader: pg.Client;

  beforeAll(async () => {
    const template = (await cluster.template('master', everything)).name;
    clone = await cluster.clone(template);
    reader = await cluster.open(cluster.server.superuser, clone);
    expect(await cluster.hash(await cluster.clone(template))).toBe(await hashContents(reader));
  });
  afterAll(() => reader?.end());

  test.each([
    ['a row', 'DELETE FROM app.no_key WHERE b IS NULL'],
    [
      'one of two equal rows',
      `DELETE FROM app.no_key WHERE ctid = (SELECT min(ctid) FROM app.no_key WHERE b = 'one')`,
    ],
    ['where a sequence stands', `SELECT nextval('app.used')`],
    ['whether a sequence was called', `SELECT setval('app.next_is_seven', 7, true)`],
    ['a row of a partition', 'UPDATE app.parted_eu SET v = NULL WHERE id = 2'],
    [
      'a materialised view',
      'UPDATE app.orders SET total = 0 WHERE id = 1; REFRESH MATERIALIZED VIEW app.totals',
    ],
    ['a column', 'ALTER TABLE app.nothing ADD a int'],
    ['a large object', `SELECT lo_create(0)`],
  ])('tells %s', async (_name, sql) => {
    const before = await hashContents(reader);
    expect(await hashContents(reader)).toBe(before);
    await cluster.run(clone, sql);
    expect(await hashContents(reader)).not.toBe(before);
  });

  test('runs no code of the owner, who would run it as whoever asks', async () => {
    await cluster.run(
      clone,
      `CREATE FUNCTION app.evil(app.no_key) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'ran as %', current_user; END$$;
       CREATE CAST (app.no_key AS text) WITH FUNCTION app.evil(app.no_key);
       CREATE FUNCTION app.cat(text, text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'ran as %', current_user; END$$;
       CREATE OPERATOR app.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = app.cat)`,
    );
    await reader.query('SET search_path = app, pg_catalog');
    expect(await hashContents(reader)).toMatch(/^[0-9a-f]{64}$/);
  });
});
