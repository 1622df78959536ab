import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectHost } from '@postern/connect/host';
import { afterEach, expect, test } from 'vitest';
import { type InlineProject, inlineProject, leaveNote, shop, type VitestResult } from './inline-project.ts';
import { hostHasGone } from './left-behind.ts';

let project: InlineProject | undefined;
afterEach(async () => {
  await project?.remove();
  project = undefined;
});

async function run(files: Readonly<Record<string, string>>): Promise<VitestResult> {
  project = await inlineProject({ ...shop, ...files });
  return await project.start().ended;
}

async function notes<T>(): Promise<T[]> {
  const root = project?.root ?? '';
  const names = (await readdir(root)).filter((name) => name.startsWith('note-'));
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(root, name), 'utf8')) as T));
}

const header = `
  import { expect, inject, test } from '@postern/vitest';
  import { Pool } from 'pg';
`;

test('tests get a migrated database with the rights of the role they ask for', async () => {
  const result = await run({
    'apps/shop/test/roles.test.ts': `${header}
      const withPool = async (config, use) => {
        const pool = new Pool(config);
        try { return await use(pool); } finally { await pool.end(); }
      };
      test('writes as the application', async ({ database }) => {
        await withPool(database.as('shop_app'), async (pool) => {
          await pool.query("INSERT INTO articles VALUES (1, 'soap')");
          const { rows } = await pool.query('SELECT current_user, session_user, current_database() AS name');
          expect(rows).toEqual([{ current_user: 'shop_app', session_user: 'pt_shop_app', name: database.name }]);
        });
      });
      test('may only read as the read-only role', async ({ database }) => {
        await withPool(database.as('shop_readonly'), async (pool) => {
          await expect(pool.query("INSERT INTO articles VALUES (2, 'rope')")).rejects.toMatchObject({ code: '42501' });
          expect((await pool.query('SELECT name FROM articles')).rows).toEqual([{ name: 'soap' }]);
        });
      });
      test('knows its roles', ({ database }) => {
        expect(database.roles).toEqual(['shop_app', 'shop_readonly']);
        expect(() => database.as('shop_admin')).toThrow(expect.objectContaining({
          code: 'VITEST_ROLE_UNKNOWN',
          message: 'There is no role "shop_admin": database/database.ts declares shop_app, shop_readonly.',
        }));
      });
      test('hands no secret to workers', async ({ database }) => {
        expect(Object.keys(inject('postern')).sort()).toEqual(['controlSocket', 'database', 'environment', 'run']);
        expect(JSON.stringify(database.as('shop_app'))).not.toMatch(/X-Amz-Signature/i);
        ${leaveNote('note-1', `inject('postern')`)};
      });
    `,
  });
  expect(result.output).toContain('4 passed');
  expect(result.code).toBe(0);
  const [provided] = await notes<{ controlSocket: string }>();
  await hostHasGone(provided?.controlSocket ?? '');
});

test('workers that run side by side never share a database, and one slot keeps its own', async () => {
  const file = (name: string): string => `${header}
    import { existsSync, writeFileSync } from 'node:fs';
    test('one', async ({ database }) => {
      ${leaveNote(`note-${name}`, `{ slot: process.env.VITEST_POOL_ID, database: database.name }`)};
      // Both workers are here at the same time.
      const others = ['note-a.json', 'note-b.json'];
      await expect.poll(() => others.every((other) => existsSync(other)), { timeout: 30_000 }).toBe(true);
    });
  `;
  const result = await run({
    'apps/shop/test/a.test.ts': file('a'),
    'apps/shop/test/b.test.ts': file('b'),
    'apps/shop/test/c.test.ts': file('c'),
    'apps/shop/test/d.test.ts': file('d'),
  });
  expect(result.output).toContain('4 passed');
  const seen = await notes<{ slot: string; database: string }>();
  const databaseOfSlot = new Map(seen.map(({ slot, database }) => [slot, database]));
  expect(databaseOfSlot.size).toBe(2);
  expect(new Set(databaseOfSlot.values()).size).toBe(2);
  for (const { slot, database } of seen) expect(database).toBe(databaseOfSlot.get(slot));
});

/** A second and a third service in one workspace; each test tells which database it has and what the host counted. */
const orderAndStock = (): Record<string, string> => {
  const service = (name: string): Record<string, string> => ({
    [`apps/${name}/database/database.ts`]: `
      import { defineDatabase } from '@postern/bootstrap';
      export default defineDatabase({ name: '${name}', roles: { ${name}_app: 'readwrite' } });
    `,
    [`apps/${name}/database/migrations/0001_table.sql`]: `CREATE TABLE ${name}_rows (id int PRIMARY KEY);`,
    [`apps/${name}/vitest.config.ts`]: String(shop['apps/shop/vitest.config.ts']).replace(
      'maxWorkers: 2,',
      '',
    ),
    [`apps/${name}/test/table.test.ts`]: `${header}
      test('has its own table', async ({ database }) => {
        const pool = new Pool(database.as('${name}_app'));
        expect((await pool.query('SELECT count(*)::int AS rows FROM ${name}_rows')).rows).toEqual([{ rows: 0 }]);
        await pool.end();
        ${leaveNote(`note-${name}`, `{ database: database.name, provided: inject('postern') }`)};
      });
    `,
  });
  const { 'postern.config.ts': config = '', 'package.json': manifest = '' } = shop;
  return { 'postern.config.ts': config, 'package.json': manifest, ...service('orders'), ...service('stock') };
};

test('two vitest projects of one run each get the database of their own service', async () => {
  project = await inlineProject({
    ...orderAndStock(),
    'vitest.config.ts': `export default { test: { projects: ['apps/orders', 'apps/stock'], maxWorkers: 2 } };`,
  });
  const result = await project.start({ folder: '.' }).ended;
  expect(result.output).toContain('2 passed');
  expect(result.code).toBe(0);
});

test('two projects that run at once share one host, one cloud and one Session Manager session', async () => {
  project = await inlineProject(orderAndStock());
  // Present from before the first until after the last, as `postern up` would be: what is counted stays.
  await using bystander = await connectHost({ root: project.root });
  const results = await Promise.all(
    ['apps/orders', 'apps/stock'].map((folder) => project?.start({ folder }).ended),
  );
  for (const result of results) expect(result?.output).toContain('1 passed');
  const seen = await notes<{ database: string; provided: { controlSocket: string } }>();
  expect(seen.map(({ provided }) => provided.controlSocket)).toEqual([
    bystander.info.controlSocket,
    bystander.info.controlSocket,
  ]);
  expect(new Set(seen.map(({ database }) => database)).size).toBe(2);
  expect(await bystander.statistics()).toMatchObject({ ssm: { startSessionCalls: 1 } });
});

test('in watch mode every rerun gets a fresh database of the current migrations', async () => {
  const probe = (sql: string): string => `${header}
    test('looks', async ({ database }) => {
      const pool = new Pool(database.as('shop_app'));
      const { rows } = await pool.query(${JSON.stringify(sql)});
      await pool.end();
      ${leaveNote('seen', `{ database: database.name, rows, provided: inject('postern') }`)};
    });
  `;
  type Seen = { database: string; rows: unknown[]; provided: { controlSocket: string } };
  const insert = "INSERT INTO articles VALUES (1, 'soap') RETURNING *";
  project = await inlineProject({ ...shop, 'apps/shop/test/watched.test.ts': probe(insert) });
  const vitest = project.start({ watch: true });
  const first = await project.takeNote<Seen>('seen', vitest);
  expect(first.rows).toEqual([{ id: 1, name: 'soap' }]);

  await project.write({
    'apps/shop/database/migrations/0002_price.sql':
      'ALTER TABLE articles ADD COLUMN price int NOT NULL DEFAULT 7;',
    'apps/shop/test/watched.test.ts': probe(insert),
  });
  const second = await project.takeNote<Seen>('seen', vitest);
  expect(second.database).not.toBe(first.database);
  expect(second.rows).toEqual([{ id: 1, name: 'soap', price: 7 }]);

  vitest.signalGroup('SIGINT');
  await vitest.ended;
  await hostHasGone(second.provided.controlSocket);
});
