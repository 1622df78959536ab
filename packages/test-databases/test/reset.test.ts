import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resetDatabase } from '../src/server/index.ts';
import { refused, undone } from './reset-fixtures/changes.ts';
import { type By, type Cluster, caller, startCluster } from './reset-fixtures/cluster.ts';
import { everything } from './reset-fixtures/everything.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ max_prepared_transactions: 5 });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

const done = { status: 'reset', tables: expect.any(Number), sequences: expect.any(Number), ended: [] };

describe.each<By>(['master', 'superuser'])('a template prepared by the %s', (by) => {
  let template: string;
  let pristine: string;
  let clone: string;

  beforeAll(async () => {
    const made = await cluster.template(by, everything);
    expect(made.installation).toEqual({
      ddl: by === 'master' ? 'fingerprint' : 'event-trigger',
      resettable: true,
      reasons: [],
    });
    template = made.name;
    clone = await cluster.clone(template);
    pristine = await cluster.hash(clone);
  });

  // The changes come one after the other to the same database, as tests do.
  test.each(Object.entries(undone))('undoes %s', async (_name, { sql, as }) => {
    await cluster.run(clone, sql, as);
    expect(await cluster.reset(clone)).toEqual(done);
    expect(await cluster.hash(clone)).toBe(pristine);
  });

  test.each(Object.entries(refused))(
    'gives a database up after %s',
    async (_name, { sql, as, reason = 'ddl' }) => {
      const own = await cluster.clone(template);
      await cluster.run(own, sql, as);
      const session = await cluster.open(caller, own);
      const given = { status: 'discard', reason, detail: expect.any(String), ended: [] };
      expect(await resetDatabase(session)).toEqual(given);
      // For good, not only the first time.
      expect(await resetDatabase(session)).toEqual(given);
      await session.end();
      if (reason === 'prepared-transactions') await cluster.run(own, `ROLLBACK PREPARED 'waiting'`);
    },
  );
});

describe('the hash of contents', () => {
  let template: string;

  beforeAll(async () => {
    template = (await cluster.template('master', everything)).name;
  });

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
    const clone = await cluster.clone(template);
    const before = await cluster.hash(clone);
    expect(await cluster.hash(await cluster.clone(template))).toBe(before);
    await cluster.run(clone, sql);
    expect(await cluster.hash(clone)).not.toBe(before);
  });
});
