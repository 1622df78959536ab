import { connectHost, type HostClient } from '@postern/connect/host';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type InlineProject, inlineProject, leaveNote, shop, withPlugin } from './inline-project.ts';

/*
 * Services whose pools nobody ends, in two runs of vitest: with a process for each file, and with one for all.
 */

/** Code under test that knows nothing of tests: a pool of its module, which nobody ends and nobody listens to. */
const service = `
  import pg from 'pg';
  export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
  export const articles = async () => (await pool.query('SELECT id FROM articles ORDER BY id')).rows.map(({ id }) => id);
  export const add = async (id) => void (await pool.query('INSERT INTO articles VALUES ($1, $2)', [id, 'soap']));
`;

const usesService = (from: string): string => `
  import { expect, test } from '${from}';
  import { add, articles } from '../../src/db.ts';
  test('has a database of its own', async () => {
    await Promise.all([add(1), add(2)]);
    expect(await articles()).toEqual([1, 2]);
  });
`;

const header = `
  import { beforeAll, defineSeed, expect, test, testWith } from '@postern/vitest';
  import { add, articles, pool } from '../../src/db.ts';
  const who = async () => (await pool.query('SELECT current_user AS role, current_database() AS name')).rows[0];
  const soap = defineSeed('soap', async ({ sql }) => { await sql\`INSERT INTO articles VALUES (7, 'soap')\`; });
`;
const nowhere = (why: string): string => `
  await expect(articles()).rejects.toMatchObject({ code: '3D000', message: expect.stringContaining(${JSON.stringify(why)}) });
`;

const alone = (name: string): string => `
  import { test } from '@postern/vitest';
  test('is alone', async ({ pool }) => {
    await pool.query("INSERT INTO articles VALUES (1, '${name}')");
    const { rows } = await pool.query('SELECT pg_backend_pid() AS session, current_database() AS database');
    ${leaveNote(`note-${name}`, '{ pid: process.pid, ...rows[0] }')};
  });
`;

let project: InlineProject;
let bystander: HostClient; // keeps the host from the first run to the last
beforeAll(async () => {
  project = await inlineProject({
    ...shop,
    'apps/shop/src/db.ts': service,
    'apps/shop/test/service/a.test.ts': usesService('@postern/vitest'),
    'apps/shop/test/service/b.test.ts': usesService('vitest'),
    'apps/shop/test/service/c.test.ts': usesService('vitest'),
    'apps/shop/test/says/seed.test.ts': `${header}
      const seeded = testWith({ seed: soap }).extend('more', () => 8);
      beforeAll(async () => { await add(8); });
      seeded('service and fixtures see the same rows', async ({ sql, database, more }) => {
        expect(await articles()).toEqual([7, more]);
        expect(await sql\`SELECT id FROM articles ORDER BY id\`).toEqual([{ id: 7 }, { id: 8 }]);
        expect(await who()).toEqual({ role: 'shop_app', name: database.name });
      });
    `,
    'apps/shop/test/says/role.test.ts': `${header}
      expect(await articles()).toEqual([]); // before anybody can know
      testWith({ role: 'shop_readonly', seed: soap })('the service is the role of the test', async ({ database }) => {
        expect(await who()).toEqual({ role: 'shop_readonly', name: database.name });
        expect(await articles()).toEqual([7]);
      });
    `,
    'apps/shop/test/says/each.test.ts': `${header}
      testWith({ scope: 'test' })('nowhere', async ({ sql }) => {
        await sql\`INSERT INTO articles VALUES (1, 'soap')\`;
        ${nowhere("DATABASE_URL is for tests that share a database, and with scope 'test' each has its own")}
      });
    `,
    'apps/shop/test/says/transaction.test.ts': `${header}
      testWith({ isolation: 'transaction' })('nowhere', async () => {
        ${nowhere("with isolation 'transaction' nobody sees what they write")}
      });
    `,
    ...Object.fromEntries(
      ['x', 'y', 'z'].map((name) => [`apps/shop/test/alone/${name}.test.ts`, alone(name)]),
    ),
  });
  bystander = await connectHost({ root: project.root });
});
afterAll(async () => {
  await bystander?.close();
  await project?.remove();
});

test('a pool that nobody ends leaves a green run green, and DATABASE_URL is the database of the tests, also where those say which', async () => {
  await project.write(withPlugin('', 'maxWorkers: 1'));
  const { code, output } = await project.start({ args: ['test/service', 'test/says'] }).ended;
  expect(output).toContain('7 passed (7)');
  expect(output).not.toMatch(/Unhandled|Uncaught|Serialized|terminat/);
  expect(output.match(/sessions by DATABASE_URL from before the tests were defined/g)).toHaveLength(1);
  expect(code).toBe(0);
});

test('so it does where files share their process; they share sessions, and no rows', async () => {
  await project.write(withPlugin('', 'maxWorkers: 1, isolate: false, fileParallelism: false'));
  const vitest = project.start({ args: ['test/service', 'test/alone'] });
  const { code, output } = await vitest.ended;
  expect(output).toContain('6 passed (6)');
  expect(output).not.toMatch(/Unhandled|Uncaught|Serialized|terminat/);
  expect(code).toBe(0);
  const seen = await Promise.all(
    ['x', 'y', 'z'].map((name) =>
      project.takeNote<{ pid: number; session: number; database: string }>(`note-${name}`, vitest),
    ),
  );
  expect(new Set(seen.map(({ pid }) => pid)).size).toBe(1);
  const sessions = new Set(seen.map(({ session }) => session)).size;
  expect(sessions).toBe(new Set(seen.map(({ database }) => database)).size);
});
