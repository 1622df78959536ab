import { afterEach, expect, test } from 'vitest';
import { type InlineProject, inlineProject, shop, withPlugin } from './inline-project.ts';

/** Code under test that knows nothing of tests: a pool of its module, which nobody ends and nobody listens to. */
const service = {
  'apps/shop/src/db.ts': `
    import pg from 'pg';
    export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
    export const articles = async () => (await pool.query('SELECT id FROM articles ORDER BY id')).rows.map(({ id }) => id);
    export const add = async (id) => void (await pool.query('INSERT INTO articles VALUES ($1, $2)', [id, 'soap']));
  `,
};

let project: InlineProject | undefined;
afterEach(async () => {
  await project?.remove();
  project = undefined;
});

test.each(['true', 'false'])(
  'a pool of a module that nobody ends leaves a green run green, isolate %s',
  async (isolate) => {
    const file = (from: string): string => `
      import { expect, test } from '${from}';
      import { add, articles } from '../src/db.ts';
      test('has a database of its own', async () => {
        await Promise.all([add(1), add(2)]);
        expect(await articles()).toEqual([1, 2]);
      });
    `;
    project = await inlineProject({
      ...shop,
      ...service,
      ...withPlugin('', `isolate: ${isolate}, maxWorkers: 1`),
      'apps/shop/test/a.test.ts': file('@postern/vitest'),
      'apps/shop/test/b.test.ts': file('vitest'),
      'apps/shop/test/c.test.ts': file('vitest'),
    });
    const { code, output } = await project.start().ended;
    expect(output).toContain('3 passed (3)');
    expect(output).not.toMatch(/Unhandled|Uncaught|Serialized|terminat/);
    expect(code).toBe(0);
  },
);

test('DATABASE_URL is the database of the tests of the file, also where those say which', async () => {
  const header = `
    import { beforeAll, defineSeed, expect, test, testWith } from '@postern/vitest';
    import { add, articles, pool } from '../src/db.ts';
    const who = async () => (await pool.query('SELECT current_user AS role, current_database() AS name')).rows[0];
    const soap = defineSeed('soap', async ({ sql }) => { await sql\`INSERT INTO articles VALUES (7, 'soap')\`; });
  `;
  const nowhere = (why: string): string => `
    await expect(articles()).rejects.toMatchObject({ code: '3D000', message: expect.stringContaining(${JSON.stringify(why)}) });
  `;
  project = await inlineProject({
    ...shop,
    ...service,
    ...withPlugin(),
    'apps/shop/test/seed.test.ts': `${header}
      const seeded = testWith({ seed: soap }).extend('more', () => 8);
      beforeAll(async () => { await add(8); });
      seeded('service and fixtures see the same rows', async ({ sql, database, more }) => {
        expect(await articles()).toEqual([7, more]);
        expect(await sql\`SELECT id FROM articles ORDER BY id\`).toEqual([{ id: 7 }, { id: 8 }]);
        expect(await who()).toEqual({ role: 'shop_app', name: database.name });
      });
    `,
    'apps/shop/test/role.test.ts': `${header}
      expect(await articles()).toEqual([]); // before anybody can know
      testWith({ role: 'shop_readonly', seed: soap })('the service is the role of the test', async ({ database }) => {
        expect(await who()).toEqual({ role: 'shop_readonly', name: database.name });
        expect(await articles()).toEqual([7]);
      });
    `,
    'apps/shop/test/each.test.ts': `${header}
      testWith({ scope: 'test' })('nowhere', async ({ sql }) => {
        await sql\`INSERT INTO articles VALUES (1, 'soap')\`;
        ${nowhere("DATABASE_URL is for tests that share a database, and with scope 'test' each has its own")}
      });
    `,
    'apps/shop/test/transaction.test.ts': `${header}
      testWith({ isolation: 'transaction' })('nowhere', async () => {
        ${nowhere("with isolation 'transaction' nobody sees what they write")}
      });
    `,
  });
  const { code, output } = await project.start().ended;
  expect(output).toContain('4 passed (4)');
  expect(output.match(/sessions by DATABASE_URL from before the tests were defined/g)).toHaveLength(1);
  expect(code).toBe(0);
});
