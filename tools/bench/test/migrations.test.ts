import { expect, test } from 'vitest';
import { migrations, renderMigrations } from '../src/migrations.ts';

test('migrations are measured on both ways, and cost about one message each', async () => {
  const result = await migrations({ migrations: 10, rounds: 1, oneWayDelayMs: 1 });
  expect(result).toMatchObject({
    vpcMs: expect.any(Number),
    tunnelMs: expect.any(Number),
    // What a run needs before the first and after the last one.
    messagesPerMigration: (10 + 4) / 10,
  });
  expect(renderMigrations(result)).toMatch(
    /10 migrations[\s\S]+in the VPC[\s\S]+over a tunnel, 1 ms[\s\S]+ratio \d/,
  );
});
