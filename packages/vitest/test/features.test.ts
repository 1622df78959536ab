import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connectHost, type HostClient } from '@postern/connect/host';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type InlineProject, inlineProject, shop, withPlugin } from './inline-project.ts';

/*
 * Everything that a suite can say, in as few runs of vitest as possible: each costs seconds. The inner tests judge; here is
 * counted that all of them ran, and looked at what a person would see.
 */

let project: InlineProject;
let host: HostClient; // present from the first run to the last

const notes = {
  'apps/shop/database/migrations/0002_notes.sql':
    'CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL);',
};

const stock = {
  'apps/stock/database/database.ts': `
    import { defineDatabase } from '@postern/bootstrap';
    export default defineDatabase({ name: 'stock', roles: { stock_app: 'readwrite' } });
  `,
  'apps/stock/database/migrations/0001_bins.sql': 'CREATE TABLE bins (id int PRIMARY KEY);',
};

const header = `
  import { defineSeed, expect, test, testWith } from '@postern/vitest';
  import pg from 'pg';
`;

beforeAll(async () => {
  project = await inlineProject({ ...shop, ...notes, ...stock });
  host = await connectHost({ root: project.root });
});
afterAll(async () => {
  await host?.close();
  await project?.remove({ keeping: true });
});

/** Two files that each find the table empty and the identity at its start. */
const fileScope = (name: string): string => `${header}
  test('starts at one', async ({ sql, pool, database }) => {
    const service = new pg.Client(process.env.DATABASE_URL);
    await service.connect();
    expect((await service.query('SELECT current_database() AS name')).rows).toEqual([{ name: database.name }]);
    await service.end();
    expect(await sql\`INSERT INTO notes (text) VALUES (\${'${name}'}) RETURNING id, text\`).toEqual([{ id: 1, text: '${name}' }]);
    expect((await pool.query('SELECT current_user AS role')).rows).toEqual([{ role: 'shop_app' }]);
  });
  test('keeps what the file wrote', async ({ sql, client, database, databaseUrl, queries }) => {
    expect(await sql\`SELECT text FROM notes\`).toEqual([{ text: '${name}' }]);
    expect((await client.query('SELECT count(*)::int AS n FROM notes')).rows).toEqual([{ n: 1 }]);
    await client.query("SET search_path = nowhere");
    expect(queries.entries.map(({ text }) => text)).toContain('SELECT text FROM notes');
    expect(databaseUrl).toContain(database.name);
  });
  test('has sessions without the state of the test before', async ({ client }) => {
    expect((await client.query('SELECT count(*)::int AS n FROM notes')).rows).toEqual([{ n: 1 }]);
  });
`;

test('scopes, isolation, seeds, roles and URLs do what they say, side by side in one run', async () => {
  await project.write({
    ...withPlugin("{ allowHosts: ['allowed.example.com'] }"),
    'apps/shop/test/file-a.test.ts': fileScope('a'),
    'apps/shop/test/file-b.test.ts': fileScope('b'),
    'apps/shop/test/each.test.ts': `${header}
      const each = testWith({ scope: 'test' });
      const names = [];
      const pids = [];
      for (const round of [1, 2, 3, 4]) {
        each('round ' + round, async ({ database, sql, pool }) => {
          names.push(database.name);
          expect(await sql\`INSERT INTO notes (text) VALUES ('x') RETURNING id\`).toEqual([{ id: 1 }]);
          pids.push((await pool.query('SELECT pg_backend_pid() AS pid')).rows[0].pid);
          expect(await sql\`SELECT count(*)::int AS n FROM notes\`).toEqual([{ n: 1 }]);
        });
      }
      each('sessions stay with a database that comes back', () => {
        expect(names[0]).not.toBe(names[1]);
        expect(new Set(pids).size).toBe(new Set(names).size);
      });
      each.concurrent('at once: one', async ({ database }) => { names.push(database.name); });
      each.concurrent('at once: two', async ({ database }) => { expect(names.at(-1)).not.toBe(database.name); });
    `,
    'apps/shop/test/transaction.test.ts': `${header}
      const rolledBack = testWith({ isolation: 'transaction' });
      for (const round of [1, 2]) {
        rolledBack('round ' + round, async ({ sql, client }) => {
          await sql\`INSERT INTO articles VALUES (1, 'soap')\`;
          expect((await client.query('SELECT name FROM articles')).rows).toEqual([{ name: 'soap' }]);
        });
      }
      rolledBack('refuses other sessions', async ({ database }) => {
        expect(() => database.as('shop_app')).toThrow(expect.objectContaining({ code: 'VITEST_TRANSACTION_ONLY' }));
        await expect(database.url()).rejects.toMatchObject({ code: 'VITEST_TRANSACTION_ONLY' });
      });
      rolledBack.fails('tells a test that ends the transaction', async ({ sql }) => { await sql\`ROLLBACK\`; });
    `,
    'apps/shop/test/clone.test.ts': `${header}
      const cloned = testWith({ isolation: 'clone', role: 'shop_readonly' });
      cloned('is another database with another role', async ({ sql, otherDatabase, database }) => {
        expect(await sql\`SELECT current_user AS role\`).toEqual([{ role: 'shop_readonly' }]);
        const stock = await otherDatabase({ name: 'stock' });
        expect(stock.roles).toEqual(['stock_app']);
        expect(stock.name).not.toBe(database.name);
      });
    `,
    'apps/shop/seed.ts': `
      import { appendFileSync } from 'node:fs';
      import { defineSeed } from '@postern/vitest';
      export const soap = defineSeed('soap', async ({ sql }) => {
        appendFileSync('seeded.txt', 'once\\n');
        await sql\`INSERT INTO articles VALUES (1, 'soap')\`;
      });
    `,
    ...Object.fromEntries(
      ['a', 'b'].map((name) => [
        `apps/shop/test/seed-${name}.test.ts`,
        `${header}
        import { soap } from '../seed.ts';
        const seeded = testWith({ seed: soap });
        seeded('has the seed', async ({ sql }) => {
          expect(await sql\`SELECT * FROM articles\`).toEqual([{ id: 1, name: 'soap' }]);
          await sql\`DELETE FROM articles\`;
        });
        const each = testWith({ seed: soap, scope: 'test' });
        for (const round of [1, 2, 3]) each('has it again ' + round, async ({ sql }) => {
          expect(await sql\`DELETE FROM articles RETURNING name\`).toEqual([{ name: 'soap' }]);
        });
        `,
      ]),
    ),
    'apps/shop/test/warm.test.ts': `${header}
      test('a pool of the suite gets the session that was opened while the file was imported', async ({ database }) => {
        const pool = new pg.Pool({ ...database.as('shop_app'), max: 2 });
        const { rows } = await pool.query(
          "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND usename = 'pt_shop_app'",
        );
        expect(rows).toEqual([{ n: 1 }]);
        await pool.end();
      });
    `,
    'apps/shop/test/environment.test.ts': `
      import { expect, test } from 'vitest';
      import pg from 'pg';
      test('leads nowhere else', async () => {
        const { env } = process;
        expect(env.REPORTING_URL).toBe('postgres://tests-use-their-own-database@set-by-postern.invalid/none');
        expect(env.ARCHIVE_URL).toBe('postgres://x@allowed.example.com/archive');
        expect(env.PGHOST).toBe('set-by-postern.invalid');
        expect(env.PGUSER).toBe(undefined);
        const client = new pg.Client(env.DATABASE_URL);
        await client.connect();
        const { rows } = await client.query('SELECT current_user AS role, (SELECT count(*)::int FROM notes) AS n');
        expect(rows).toEqual([{ role: 'shop_app', n: 0 }]);
        await client.end();
      });
    `,
  });
  const { code, output } = await project.start({
    env: {
      DATABASE_URL: 'postgres://admin:secret-of-production@db.example.com/live',
      REPORTING_URL: 'postgresql://admin:secret-of-production@db.example.com:5433/reports',
      ARCHIVE_URL: 'postgres://x@allowed.example.com/archive',
      PGUSER: 'admin',
    },
  }).ended;
  expect(output).toContain('27 passed | 1 expected fail (28)');
  expect(code).toBe(0);
  expect(output).not.toMatch(/\d failed/);
  expect(output).toMatch(/postern: during tests DATABASE_URL, REPORTING_URL, PGUSER do not lead where/);
  expect(output.match(/postern: during tests/g)).toHaveLength(1);
  expect(output).not.toContain('secret-of-production');
  expect(await readFile(join(project.root, 'seeded.txt'), 'utf8')).toBe('once\n');
});

test('a failed test keeps its database, says how to open it, shows its statements, and leaks have a place', async () => {
  await project.write({
    ...withPlugin('{ queryLog: true }'),
    'apps/shop/test/fails.test.ts': `${header}
      test('passes', async ({ sql }) => { await sql\`INSERT INTO articles VALUES (1, 'soap')\`; });
      test('fails', async ({ sql }) => { expect(await sql\`SELECT name FROM articles\`).toEqual([]); });
    `,
    'apps/shop/test/leaks.test.ts': `${header}
      test('forgets its client', async ({ pool }) => {
        const client = await pool.connect();
        await client.query('BEGIN');
        await client.query("INSERT INTO articles VALUES (2, 'rope')");
      });
    `,
    'apps/shop/test/strict.test.ts': `${header}
      testWith({ leaks: 'fail' })('forgets its transaction', async ({ client }) => { await client.query('BEGIN'); });
    `,
  });
  const args = ['test/fails', 'test/leaks', 'test/strict'];
  const { code, output } = await project.start({ args }).ended;
  expect(code).toBe(1);
  expect(output).toContain('2 failed');
  expect(output).toContain('2 passed');
  const [, name = ''] =
    /database (pt_\w+) is kept for 10 minutes: psql "\$\(npx postern-url \1\)"/.exec(output) ?? [];
  expect(name).toMatch(/^pt_/);
  expect(output).toMatch(/shop_app#\d+ {2}SELECT name FROM articles {2}→ SELECT 1/);
  expect(output).toMatch(/is still in a transaction[\s\S]*leaks\.test\.ts:\d+/);
  expect(output).toMatch(/FAIL {2}test\/strict\.test\.ts > forgets its transaction\n.*A session of shop_app/);
  expect(output).not.toContain('Unhandled');

  // The command of that line, as `npx postern-url` runs it.
  const main = fileURLToPath(new URL('../src/url/main.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@postern/source', main, name],
    { cwd: project.root },
  );
  const client = new Client(stdout.trim());
  await client.connect();
  expect((await client.query('SELECT name FROM articles')).rows).toEqual([{ name: 'soap' }]);
  await client.end();
});
