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
