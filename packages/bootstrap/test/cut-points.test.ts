import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestOf } from '../src/contract/request.ts';
import type { DatabaseDeclaration } from '../src/declaration/declaration.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { type Cut, type CutRun, cutRun } from './fixtures/cuts.ts';
import { fingerprint } from './fixtures/fingerprint.ts';
import { createFunction, type InProcessFunction, masterOf } from './fixtures/function.ts';
import { deploy } from './fixtures/service.ts';

/** As small as it gets with a statement of every kind. */
const declaration: DatabaseDeclaration = {
  name: 'cut',
  roles: {
    cut_group: { login: false, grant: 'readonly' },
    cut_app: {
      grant: 'readwrite',
      memberOf: ['cut_group'],
      connectionLimit: 9,
      settings: { statement_timeout: '9s' },
    },
  },
  extensions: ['pgcrypto'],
  schemas: ['public', 's'],
  connectionLimit: 50,
  settings: { lock_timeout: '5s' },
};
const migrations = {
  '1_table.sql':
    "CREATE TABLE orders (id serial PRIMARY KEY, item text); INSERT INTO orders (item) VALUES ('tea');\n",
  '2_index.ts': `import type { MigrationBuilder } from 'node-pg-migrate';
export const up = (pgm: MigrationBuilder): void => {
  pgm.noTransaction();
  pgm.createIndex('orders', 'item', { ifNotExists: true, name: 'orders_by_item' });
};
`,
};
/** A role more, with objects in two databases: what a prune has to do. */
const wider: DatabaseDeclaration = {
  ...declaration,
  roles: {
    ...declaration.roles,
    cut_old: { grant: { custom: { tables: ['SELECT'], schemas: ['CREATE'] } }, shared: true },
  },
};
const second: DatabaseDeclaration = { name: 'cut2' };
const secondWider: DatabaseDeclaration = {
  name: 'cut2',
  roles: { cut_old: { grant: 'readonly', shared: true } },
};

let cluster: Cluster;
let artefact: Awaited<ReturnType<typeof deploy>>;
let wide: Awaited<ReturnType<typeof deploy>>;
let narrow: Awaited<ReturnType<typeof deploy>>;
beforeAll(async () => {
  [cluster, artefact, wide, narrow] = await Promise.all([
    startCluster(),
    deploy([{ declaration, migrations }]),
    deploy([{ declaration: wider }, { declaration: secondWider }]),
    deploy([{ declaration }, { declaration: second }]),
  ]);
});
afterAll(async () => {
  for (const built of [artefact, wide, narrow]) await built?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

async function reset(): Promise<void> {
  for (const name of ['cut', 'cut2', 'postern'])
    await cluster.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await cluster.query(`DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname ~ '^(pt_|cut)' LOOP EXECUTE format('DROP ROLE %I', name); END LOOP; END $$`);
}

interface Scenario {
  readonly request: RequestOf<'apply' | 'prune'>;
  readonly folder: string;
  readonly environment?: Record<string, string>;
  /** What each round starts from. */
  prepare(): Promise<void>;
  /** What holds after a run that nobody disturbed, and has to hold after one that was cut off and repeated. */
  outcome(lambda: InProcessFunction): Promise<unknown>;
}

/**
 * Cuts the run at its first query, its second …, until one gets through. After a cut the same request, undisturbed, has to lead to
 * the same catalogs as if there had been no cut. What was committed before a cut is all that is left of it: where that is the same
 * as after another cut it is not repeated, and a process that is killed there need not be killed.
 */
async function everyCut(
  scenario: Scenario,
  how: Cut['how'],
  tried: Set<string>,
): Promise<{ cuts: number; states: number }> {
  const lambdaWith = (connect: CutRun['connect']): InProcessFunction =>
    createFunction(cluster, scenario.folder, {
      environment: { POSTERN_ALLOWED_ACTIONS: 'plan,apply,status,prune', ...scenario.environment },
      connect,
    });
  await scenario.prepare();
  const whole = cutRun(cluster, undefined);
  expect(await lambdaWith(whole.connect).invoke(scenario.request)).toMatchObject({ ok: true });
  const plain = lambdaWith(masterOf(cluster));
  const expected = await scenario.outcome(plain);

  for (const [index, keptThen] of whole.history.entries()) {
    if (how === 'killed' && tried.has(JSON.stringify(whole.kept.slice(0, keptThen)))) continue;
    await scenario.prepare();
    const run = cutRun(cluster, { at: index + 1, how });
    const answer = await lambdaWith(run.connect).invoke(scenario.request);
    await run.end();
    const label = `${how} at ${index + 1}: ${run.last.replaceAll(/\s+/g, ' ').slice(0, 200)}`;
    expect(run.happened, label).toBe(true);
    const codes = /BOOTSTRAP_(DATABASE_UNREACHABLE|MIGRATION_FAILED)/;
    if (!answer.ok) expect(answer.error.code, `${label}: ${answer.error.message}`).toMatch(codes);
    const state = JSON.stringify(run.kept);
    if (tried.has(state)) continue;
    tried.add(state);
    const repeated = await plain.invoke(scenario.request);
    expect(repeated, label).toMatchObject({ ok: true });
    expect(await scenario.outcome(plain), label).toEqual(expected);
  }
  return { cuts: whole.history.length, states: tried.size };
}

describe('an apply that is cut off anywhere is completed by the next', () => {
  const scenario = (): Scenario => ({
    request: { action: 'apply' },
    folder: artefact.folder,
    prepare: reset,
    outcome: async (lambda) => {
      expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);
      return {
        catalogs: await fingerprint(cluster, '^(pt_|cut)', ['cut', 'postern']),
        // Nothing ran twice.
        rows: await cluster.query('SELECT id, item FROM orders', { database: 'cut' }),
        books: await cluster.query('SELECT name FROM postern.migrations ORDER BY id', { database: 'cut' }),
        sums: await cluster.query('SELECT name FROM postern.migration_checksums ORDER BY name', {
          database: 'cut',
        }),
        master: await masterReachesIam(),
      };
    },
  });
  const tried = new Set<string>();

  test('when the process is killed', { timeout: 120_000 }, async () => {
    const { cuts, states } = await everyCut(scenario(), 'killed', tried);
    expect(cuts).toBeGreaterThan(50);
    expect(states).toBeGreaterThan(10);
  });

  test('when a connection is lost', { timeout: 120_000 }, async () => {
    const { cuts } = await everyCut(scenario(), 'lost', tried);
    expect(cuts).toBeGreaterThan(50);
  });
});

describe('a prune that is cut off anywhere is completed by the next', () => {
  beforeAll(reset);
  const scenario = (): Scenario => ({
    request: { action: 'prune', dropDatabases: ['cut3'] },
    folder: narrow.folder,
    environment: { POSTERN_TEST_DATABASES: 'false' },
    prepare: async () => {
      await createFunction(cluster, wide.folder, { environment: { POSTERN_TEST_DATABASES: 'false' } }).call({
        action: 'apply',
      });
      await cluster.query('DROP TABLE IF EXISTS mine, s.mine', { database: 'cut' });
      await cluster.query('SET ROLE cut_old; CREATE TABLE mine (); CREATE TABLE s.mine ()', {
        database: 'cut',
      });
      await cluster.query('DROP DATABASE IF EXISTS cut3');
      // A third database, as an apply would have made it.
      await cluster.query('CREATE DATABASE cut3 OWNER postern_master');
      await cluster.query(`COMMENT ON DATABASE cut3 IS 'postern: made for database "cut3"'`);
    },
    outcome: async (lambda) => {
      expect((await lambda.call({ action: 'prune', dryRun: true })).statements).toEqual([]);
      expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);
      return {
        catalogs: await fingerprint(cluster, '^(pt_|cut)', ['cut', 'cut2']),
        master: await masterReachesIam(),
      };
    },
  });
  const tried = new Set<string>();

  test('when the process is killed', { timeout: 120_000 }, async () => {
    const { cuts, states } = await everyCut(scenario(), 'killed', tried);
    expect(cuts).toBeGreaterThan(15);
    expect(states).toBeGreaterThan(2);
  });

  test('when a connection is lost', { timeout: 120_000 }, async () => {
    const { cuts } = await everyCut(scenario(), 'lost', tried);
    expect(cuts).toBeGreaterThan(15);
  });
});

async function masterReachesIam(): Promise<unknown> {
  return await cluster.query(`
    WITH RECURSIVE up (roleid) AS (
      SELECT a.roleid FROM pg_auth_members a WHERE member = 'postern_master'::regrole AND ${counts}
      UNION SELECT a.roleid FROM pg_auth_members a JOIN up ON a.member = up.roleid WHERE ${counts})
    SELECT EXISTS (SELECT FROM up WHERE roleid = 'rds_iam'::regrole) AS iam`);
}

const counts = `NOT (a.grantor = 10 AND a.admin_option
  AND NOT coalesce((to_jsonb(a) ->> 'inherit_option')::bool, true) AND NOT coalesce((to_jsonb(a) ->> 'set_option')::bool, true))`;
