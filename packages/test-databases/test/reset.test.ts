import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resetDatabase } from '../src/server/index.ts';
import { type By, type Cluster, caller, startCluster } from './reset-fixtures/cluster.ts';
import { everything } from './reset-fixtures/everything.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ max_prepared_transactions: 5 });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** What tests do to a database that a reset must undo. */
const undone: Record<string, string> = {
  'nothing at all': 'SELECT 1',
  'inserts into an empty table': `INSERT INTO app.empty (note) SELECT 'x' FROM generate_series(1, 300)`,
};

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

  test.each(Object.entries(undone))('undoes %s', async (_name, sql) => {
    await cluster.run(clone, sql);
    expect(await cluster.reset(clone)).toEqual({
      status: 'reset',
      tables: expect.any(Number),
      sequences: expect.any(Number),
      ended: [],
    });
    expect(await cluster.hash(clone)).toBe(pristine);
  });
});
void resetDatabase;
void caller;
