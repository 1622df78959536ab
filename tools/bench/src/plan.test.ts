import { expect, test } from 'vitest';
import { plan, renderPlan } from './plan.ts';

test('a plan with nothing to do is measured against a trivial query for each database', async () => {
  const result = await plan({ databases: 2, roles: 4, rounds: 1 });
  // One session for the cluster.
  expect(result).toMatchObject({ sessions: 3, planMs: expect.any(Number), ratio: expect.any(Number) });
  expect(result.statements).toBeGreaterThan(20);
  expect(renderPlan(result)).toMatch(/2 databases, 4 roles[\s\S]+plan with nothing to do[\s\S]+ratio \d/);
});
