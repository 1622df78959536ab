import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectHost } from '@postern/connect/host';
import { afterEach, expect, test, vi } from 'vitest';
import { type InlineProject, inlineProject, leaveNote, shop } from './inline-project.ts';
import { hostHasGone } from './left-behind.ts';

let project: InlineProject | undefined;
afterEach(async () => {
  await project?.remove();
  project = undefined;
});

async function notes<T>(): Promise<T[]> {
  const root = project?.root ?? '';
  const names = (await readdir(root)).filter((name) => name.startsWith('note-'));
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(root, name), 'utf8')) as T));
}

const header = `
  import { expect, inject, test } from '@postern/vitest';
  import { Pool } from 'pg';
`;

/** With the plain setup: a file about roles beside four that tell which databases they had. */
test('tests have a migrated database and the role they ask for, and workers side by side share none but where told to', async () => {
  const file = (name: string): string => `${header}
    import { existsSync } from 'node:fs';
    import { testWith } from '@postern/vitest';
    const names = {};
    test('of its own', ({ database }) => { names.file = database.name; });
    testWith({ scope: 'worker' })('of the slot', ({ database }) => { names.slot = database.name; });
    testWith({ scope: 'run' })('of the run', async ({ database, sql }) => {
      names.run = database.name;
      await sql\`INSERT INTO articles (id, name) VALUES (\${'${name}'.charCodeAt(0)}, \${'${name}'})\`;
      names.seen = (await sql\`SELECT count(*)::int AS n FROM articles\`)[0].n;
      ${leaveNote(`note-${name}`, `{ ...names, id: process.env.VITEST_POOL_ID }`)};
      // Two workers are here at the same time.
      const others = ['note-a.json', 'note-b.json'];
      await expect.poll(() => others.every((other) => existsSync(other)), { timeout: 30_000 }).toBe(true);
    });
  `;
  project = await inlineProject({
    ...shop,
    ...Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`apps/shop/test/${name}.test.ts`, file(name)])),
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
        expect(Object.keys(inject('postern')).sort()).toEqual([
          'controlSocket', 'database', 'defaults', 'environment', 'generation', 'root', 'run', 'sharedProcess',
        ]);
        expect(JSON.stringify(database.as('shop_app'))).not.toMatch(/X-Amz-Signature/i);
        expect(process.env.DATABASE_URL).toBe('postgres://db.example.com/left-alone-by-the-plain-setup');
        ${leaveNote('provided', `inject('postern')`)};
      });
    `,
  });
  const vitest = project.start({
    env: { DATABASE_URL: 'postgres://db.example.com/left-alone-by-the-plain-setup' },
  });
  const { code, output } = await vitest.ended;
  expect(output).toContain('16 passed');
  expect(code).toBe(0);
  const seen = await notes<{ id: string; file: string; slot: string; run: string; seen: number }>();
  const databaseOfSlot = new Map(seen.map(({ id, slot }) => [id, slot]));
  expect(databaseOfSlot.size).toBe(2);
  expect(new Set(databaseOfSlot.values()).size).toBe(2);
  for (const { id, slot } of seen) expect(slot).toBe(databaseOfSlot.get(id));
  expect(new Set(seen.map((each) => each.run)).size).toBe(1);
  expect(Math.max(...seen.map((each) => each.seen))).toBe(4);
  for (const each of seen) expect(new Set([each.file, each.slot, each.run]).size).toBe(3);
  await hostHasGone((await project.takeNote<{ controlSocket: string }>('provided', vitest)).controlSocket);
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

test('two projects, in one run or in two at once, each have their own database, and share host, cloud and session', async () => {
  project = await inlineProject({
    ...orderAndStock(),
    'vitest.config.ts': `export default { test: { projects: ['apps/orders', 'apps/stock'], maxWorkers: 2 } };`,
  });
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

  const { code, output } = await project.start({ folder: '.' }).ended;
  expect(output).toContain('2 passed');
  expect(code).toBe(0);
  expect(await bystander.statistics()).toMatchObject({ ssm: { startSessionCalls: 1 } });
});

test('in watch mode a rerun finds its database reset, and after a new migration another one', async () => {
  const probe = (sql: string): string => `${header}
    test('looks', async ({ database }) => {
      const pool = new Pool(database.as('shop_app'));
      const { rows } = await pool.query(${JSON.stringify(sql)});
      await pool.end();
      ${leaveNote('seen', `{ database: database.name, rows, provided: inject('postern') }`)};
    });
  `;
  type Seen = { database: string; rows: unknown[]; provided: { controlSocket: string; run: string } };
  const insert = "INSERT INTO articles VALUES (1, 'soap') RETURNING *";
  project = await inlineProject({ ...shop, 'apps/shop/test/watched.test.ts': probe(insert) });
  const vitest = project.start({ watch: true });
  const first = await project.takeNote<Seen>('seen', vitest);
  expect(first.rows).toEqual([{ id: 1, name: 'soap' }]);

  await project.write({ 'apps/shop/test/watched.test.ts': `${probe(insert)} // again` });
  const again = await project.takeNote<Seen>('seen', vitest);
  expect(again.rows).toEqual(first.rows);
  expect(again.provided.run).toBe(first.provided.run);

  await project.write({
    'apps/shop/database/migrations/0002_price.sql':
      'ALTER TABLE articles ADD COLUMN price int NOT NULL DEFAULT 7;',
    'apps/shop/test/watched.test.ts': probe(insert),
  });
  const second = await project.takeNote<Seen>('seen', vitest);
  expect(second.provided.run).not.toBe(first.provided.run);
  expect(second.rows).toEqual([{ id: 1, name: 'soap', price: 7 }]);

  // Half a sentence, saved: the rerun fails, and the watcher stays for the next one.
  const third = 'apps/shop/database/migrations/0003_size.sql';
  await project.write({
    [third]: 'ALTER TABLE articles ADD',
    'apps/shop/test/watched.test.ts': `${probe(insert)} // 3`,
  });
  await vi.waitFor(() => expect(vitest.output()).toMatch(/postern: [\s\S]*0003_size[\s\S]*1 failed/), {
    timeout: 60_000,
  });
  await project.write({
    [third]: 'ALTER TABLE articles ADD COLUMN size int NOT NULL DEFAULT 3;',
    'apps/shop/test/watched.test.ts': `${probe(insert)} // 4`,
  });
  const fourth = await project.takeNote<Seen>('seen', vitest);
  expect(fourth.rows).toEqual([{ id: 1, name: 'soap', price: 7, size: 3 }]);

  vitest.signalGroup('SIGINT');
  await vitest.ended;
  await hostHasGone(second.provided.controlSocket);
});
