import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { DatabaseDeclaration } from '../src/declaration/declaration.ts';
import { startCluster, testMajor } from './fixtures/cluster.ts';
import { createFunction } from './fixtures/function.ts';
import { deploy } from './fixtures/service.ts';

const guide = readFileSync(
  fileURLToPath(new URL('../../../docs/guides/from-psql-to-a-declaration.md', import.meta.url)),
  'utf8',
);
const fences = [...guide.matchAll(/^```(\w+) ?([^\n]*)\n(.*?)^```$/gms)].map(
  ([, , info = '', text = '']) => ({
    info,
    text,
  }),
);
const textOf = (info: string): string => fences.find((fence) => fence.info === info)?.text ?? '';
const migration = (name: string): Record<string, string> => ({
  [name]: textOf(`file=apps/billing/database/migrations/${name}`),
});

test('a database that was made by hand is taken over as the guide says, down to no statement and no drift', async () => {
  await using cluster = await startCluster();
  const { master } = cluster.server;
  for (const { info, text } of fences.filter((fence) => fence.info.startsWith('by-hand='))) {
    const [, database, user] = /^by-hand=(\w+)(?: as=(\w+))?$/.exec(info) ?? [];
    for (const sql of text.split(/;\n/).filter((line) => line.trim() !== ''))
      await cluster.query(sql, { user: user ?? master, database: database ?? '' });
  }
  const code = textOf('file=apps/billing/database/database.ts').replace(/^import .*$/m, '');
  const declaration = new Function('defineDatabase', code.replace('export default', 'return'))(
    (declared: DatabaseDeclaration) => declared,
  ) as DatabaseDeclaration;

  await using first = await deploy([{ declaration }]);
  const allowed = { POSTERN_TEST_DATABASES: 'false', POSTERN_ALLOWED_ACTIONS: 'plan,apply,status,fake' };
  const taking = createFunction(cluster, first.folder, { environment: allowed });
  const { statements } = await taking.call({ action: 'plan' });
  expect(statements.map(({ sql }) => sql)).toEqual(expect.arrayContaining(textOf('plan').trim().split('\n')));
  await taking.call({ action: 'apply' });
  expect((await taking.call({ action: 'plan' })).statements).toEqual([]);

  const { drift } = await taking.call({ action: 'status' });
  const payments = drift.find(({ object }) => object.includes('payments'));
  // Memberships have had options since PostgreSQL 16.
  const written = textOf('drift').trim().replaceAll('\n', ' ');
  expect(payments?.sql).toBe(testMajor < 16 ? written.replace(' WITH INHERIT TRUE', '') : written);
  for (const { sql = '', database = 'postgres' } of drift)
    await cluster.query(sql, { user: master, database });

  await using second = await deploy([
    { declaration, migrations: { ...migration('0001_by_hand.sql'), ...migration('0002_paid.sql') } },
  ]);
  const going = createFunction(cluster, second.folder, { environment: allowed });
  expect(await going.call({ action: 'fake', database: 'billing', to: '0001_by_hand' })).toMatchObject({
    recorded: ['0001_by_hand'],
  });
  expect(await going.call({ action: 'apply' })).toMatchObject({
    statements: [],
    migrations: [{ applied: ['0002_paid'] }],
  });
  expect(await going.call({ action: 'apply' })).toMatchObject({
    statements: [],
    migrations: [{ applied: [] }],
  });
  expect((await going.call({ action: 'status' })).drift).toEqual([]);
  const paid = await cluster.query<{ paid: boolean }>('SELECT paid_at IS NOT NULL AS paid FROM payments', {
    user: 'billing_report',
    database: 'billing',
  });
  expect(paid).toEqual([]);
});
