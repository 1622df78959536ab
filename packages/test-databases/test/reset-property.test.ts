import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { undone } from './reset-fixtures/changes.ts';
import { type By, type Cluster, startCluster } from './reset-fixtures/cluster.ts';
import { everything } from './reset-fixtures/everything.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

describe.each<By>(['master', 'superuser'])('a template prepared by the %s', (by) => {
  test('is what a database holds after a reset, whatever tests did one after the other', async () => {
    const { name } = await cluster.template(by, everything);
    const clone = await cluster.clone(name);
    const pristine = await cluster.hash(clone);
    // A change may meet rows that an earlier one took away, and fail.
    const changes = fc.array(fc.constantFrom(...Object.keys(undone)), { minLength: 2, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(changes, async (names) => {
        for (const each of names) {
          const { sql, as } = undone[each] as (typeof undone)[string];
          await cluster.run(clone, sql, as).catch(() => undefined);
        }
        expect(await cluster.reset(clone)).toMatchObject({ status: 'reset', ended: [] });
        expect(await cluster.hash(clone)).toBe(pristine);
      }),
      { numRuns: 15 },
    );
  });
});
