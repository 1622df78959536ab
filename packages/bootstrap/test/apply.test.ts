import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { createFunction, type InProcessFunction } from './fixtures/function.ts';
import { deploy, shop } from './fixtures/service.ts';

describe('apply', () => {
  let cluster: Cluster;
  let artefact: Awaited<ReturnType<typeof deploy>>;
  let lambda: InProcessFunction;

  beforeAll(async () => {
    [cluster, artefact] = await Promise.all([startCluster(), deploy([shop])]);
    lambda = createFunction(cluster, artefact.folder);
    const result = await lambda.call({ action: 'apply' });
    expect(result.statements.length).toBeGreaterThan(20);
    expect(result.migrations).toEqual([
      { database: 'shop', applied: ['0001_orders', '0002_items', '0003_index'] },
    ]);
  });
  afterAll(async () => {
    await artefact?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
  });

  test('a second apply runs no statement and no migration', async () => {
    const again = await lambda.call({ action: 'apply' });
    expect(again.statements).toEqual([]);
    expect(again.migrations).toEqual([{ database: 'shop', applied: [] }]);
    expect(await lambda.call({ action: 'plan' })).toEqual({
      statements: [],
      migrations: [{ database: 'shop', pending: [] }],
    });
  });
});
