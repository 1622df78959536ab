import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DatabaseDeclaration } from '../src/declaration/declaration.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { declaredFunction } from './fixtures/declared.ts';
import { masterOf } from './fixtures/function.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** As many databases, with as many roles in all, of every kind. */
const declare = (databases: number, roles: number): DatabaseDeclaration[] =>
  Array.from({ length: databases }, (_, d) => ({
    name: `db${d}`,
    schemas: ['public', 'audit'],
    roles: {
      [`db${d}_group`]: { login: false as const, grant: 'readonly' as const },
      ...Object.fromEntries(
        Array.from({ length: roles / databases - 1 }, (_, r) => [
          `db${d}_role${r}`,
          { grant: 'readwrite' as const, settings: { work_mem: '5MB' }, memberOf: [`db${d}_group`] },
        ]),
      ),
    },
  }));

/** Sessions and queries of an action, and what it found to do. */
async function count(declarations: DatabaseDeclaration[], action: 'plan' | 'status' | 'apply') {
  const connect = masterOf(cluster);
  let sessions = 0;
  let queries = 0;
  const lambda = declaredFunction(cluster, declarations, {
    connect: async (database, options) => {
      sessions++;
      const session = await connect(database, options);
      const query = session.query.bind(session);
      session.query = async (text: string, values?: unknown[]) => {
        queries++;
        return await query(text, values);
      };
      return session;
    },
  });
  const result = await lambda.call({ action });
  const due = 'outstanding' in result ? result.outstanding : result.statements.length;
  return { sessions, queries, due };
}

test('plan with nothing to do asks a handful of queries per database, however many roles there are', async () => {
  const [databases, few, many] = [20, 60, 240];
  expect((await count(declare(databases, few), 'apply')).due).toBeGreaterThan(databases * 10);
  const small = await count(declare(databases, few), 'plan');
  expect(small.due).toBe(0);
  expect(small.sessions).toBe(databases + 1);
  expect(small.queries).toBeLessThanOrEqual(5 * databases);

  await count(declare(databases, many), 'apply');
  expect(await count(declare(databases, many), 'plan')).toEqual(small);
  expect(await count(declare(databases, many), 'status')).toEqual(small);
});
