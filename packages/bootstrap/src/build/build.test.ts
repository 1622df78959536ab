import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';
import { afterEach, describe, expect, test } from 'vitest';
import { shop, writeWorkspace } from '../../test/fixtures/service.ts';
import { buildArtifact, collectDatabases, readManifest } from './index.ts';

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const done of cleanUp.splice(0)) await done();
});

async function workspace(...services: Parameters<typeof writeWorkspace>[0][number][]): Promise<string> {
  const made = await writeWorkspace(services);
  cleanUp.push(() => made[Symbol.asyncDispose]());
  return made.root;
}

describe('buildArtifact', () => {
  test('gives the same bytes for the same input in another folder, whoever builds at the same time', async () => {
    const [here, there] = [await workspace(shop), await workspace(shop)];
    const deeper = join(there, 'a', 'b');
    await mkdir(deeper, { recursive: true });
    await cp(join(here, 'apps'), join(deeper, 'apps'), { recursive: true });
    const built = await Promise.all([
      buildArtifact({ root: here }),
      buildArtifact({ root: here }),
      buildArtifact({ root: deeper }),
    ]);
    expect(new Set(built.map(({ sha256 }) => sha256)).size).toBe(1);
    expect(await readManifest(built[0].file)).toEqual(built[0].manifest);
    expect(await readManifest(built[2].zip)).toEqual(built[0].manifest);
  });

  test('gives the same bytes through a symbolic link, with CommonJS and packages in the migrations', async () => {
    const service = {
      ...shop,
      migrations: {
        '1_a.cjs': `const { createHash } = require('node:crypto'); const { a } = require('../a.cjs');\nexports.up = (pgm) => pgm.sql(a);`,
        '2_b.ts': `import { zipSync } from 'fflate';\nimport merge from '../merge.cjs';\nexport const up = (pgm: unknown) => merge(pgm, zipSync);`,
      },
    };
    const [here, there] = [await workspace(service), await workspace(service)];
    for (const root of [here, there]) {
      await writeFile(join(root, 'apps/shop/database/a.cjs'), `exports.a = 'SELECT 1';`);
      await writeFile(join(root, 'apps/shop/database/merge.cjs'), `module.exports = Object.assign;`);
      await mkdir(join(root, 'node_modules'));
      await cp(
        fileURLToPath(new URL('../../../../node_modules/fflate', import.meta.url)),
        join(root, 'node_modules/fflate'),
        { recursive: true },
      );
    }
    const link = await mkdtemp(join(tmpdir(), 'pbl-'));
    cleanUp.push(() => rm(link, { recursive: true, force: true }));
    await symlink(there, join(link, 'checkout'));
    const plain = await buildArtifact({ root: here });
    const linked = await buildArtifact({ root: join(link, 'checkout') });
    for (const [name, contents] of Object.entries(unzipSync(linked.zip)))
      expect(Buffer.from(contents).includes(basename(there)), name).toBe(false);
    expect(linked.sha256).toBe(plain.sha256);
  });

  test('packs nothing that tells where it was built', async () => {
    const root = await workspace(shop);
    const { zip, bytes, maps } = await buildArtifact({ root });
    const files = unzipSync(zip);
    expect(Object.keys(files).filter((name) => !/^lib\/[A-F0-9]{8}\.mjs$/.test(name))).toEqual([
      'THIRD-PARTY-NOTICES',
      'index.mjs',
      'manifest.json',
      'migrations/shop/0001_orders.sql',
      'migrations/shop/0002_items.mjs',
      'migrations/shop/0003_index.mjs',
    ]);
    const repository = fileURLToPath(new URL('../../../..', import.meta.url));
    for (const contents of [...Object.values(files), await readFile(maps)]) {
      const text = Buffer.from(contents).toString('latin1');
      for (const path of [root, repository, `${tmpdir()}/`, process.env['HOME'] ?? '/root']) {
        expect(text.includes(path), path).toBe(false);
      }
    }
    expect(bytes).toBeLessThan(120_000);
  });

  test('changes the template hash with what a fresh database holds, and only then', async () => {
    const hashOf = async (change: Partial<typeof shop>): Promise<string | undefined> =>
      (await collectDatabases({ root: await workspace({ ...shop, ...change }) })).databases[0]?.templateHash;
    const base = await hashOf({});
    const { '0001_orders.sql': first = '', ...rest } = shop.migrations ?? {};
    expect(await hashOf({})).toBe(base);
    expect(await hashOf({ migrations: { ...rest, '0001_orders.sql': `${first}-- changed` } })).not.toBe(base);
    expect(await hashOf({ migrations: { ...rest, '0004_orders.sql': first } })).not.toBe(base);
    expect(await hashOf({ declaration: { ...shop.declaration, roles: { shop_app: 'readonly' } } })).not.toBe(
      base,
    );
  });

  test('finds declarations that use defineDatabase, and migrations with imports of their own', async () => {
    const root = await mkdtemp(join(tmpdir(), 'pbd-'));
    cleanUp.push(() => rm(root, { recursive: true, force: true }));
    await symlink(
      fileURLToPath(new URL('../../../../node_modules', import.meta.url)),
      join(root, 'node_modules'),
    );
    const folder = join(root, 'packages', 'crm', 'database');
    await mkdir(join(folder, 'sql'), { recursive: true });
    await writeFile(
      join(folder, 'database.ts'),
      `import { defineDatabase } from '@postern/bootstrap';\nexport default defineDatabase({ name: 'crm', migrations: 'sql' });`,
    );
    await writeFile(join(folder, 'tables.ts'), `export const tables: string[] = ['customers'];`);
    await writeFile(
      join(folder, 'sql', '1_tables.ts'),
      `import type { MigrationBuilder } from 'node-pg-migrate';
import { tables } from '../tables.ts';
export const up = (pgm: MigrationBuilder) => { for (const table of tables) pgm.createTable(table, { id: 'id' }); };`,
    );
    const inputs = new Set<string>();
    const { zip } = await buildArtifact({ root, onInput: (path) => inputs.add(path) });
    // Whoever watches these paths misses no change: what is imported, and where something new would appear.
    for (const path of ['database.ts', 'tables.ts', 'sql', 'sql/1_tables.ts'])
      expect(inputs, path).toContain(join(folder, path));
    expect(inputs).toContain(join(root, 'apps'));
    expect(inputs).toContain(join(root, 'database', 'database.ts'));
    expect(inputs).toContain(fileURLToPath(new URL('../handler.ts', import.meta.url)));
    expect(Buffer.from(unzipSync(zip)['migrations/crm/1_tables.mjs'] ?? []).toString()).toContain(
      'customers',
    );
    await expect(buildArtifact({ root, databases: ['packages/crm'] })).resolves.toBeDefined();
    await expect(buildArtifact({ root, databases: ['packages/crm/database'] })).resolves.toBeDefined();
  });

  test('finds the declaration of a repository that is one service', async () => {
    const root = await workspace();
    await mkdir(join(root, 'database'), { recursive: true });
    await writeFile(join(root, 'database', 'database.ts'), `export default { name: 'solo' };`);
    expect((await collectDatabases({ root })).databases).toMatchObject([
      { name: 'solo', owner: 'solo_owner' },
    ]);
  });

  test('names the problems of all declarations and all migrations at once', async () => {
    const root = await workspace(
      { declaration: { name: 'UPPER' } },
      {
        declaration: { name: 'shop', roles: { shared: 'readonly' } },
        migrations: {
          'README.md': '',
          '0001_a.up.sql': '',
          '0001_b.sql': '-- Down Migration\n',
          '0001_b.ts': 'export const up = () => {};',
          '0002_c.sql': '-- Down Migration\nCOMMIT;\n-- Up Migration\nSELECT 1;\nCOMMIT;',
          'b.sql': '',
          '.keep': '',
        },
      },
      { declaration: { name: 'club', roles: { shared: 'readonly' } } },
    );
    const error = await buildArtifact({ root }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'BOOTSTRAP_DECLARATION_INVALID',
      details: {
        problems: [
          expect.stringContaining('apps/UPPER/database/database.ts: database "UPPER": name: must start'),
          expect.stringContaining('role "shared" is declared by database "club" and by database "shop"'),
          expect.stringContaining('apps/shop/database/migrations/0001_a.up.sql: pairs of .up.sql'),
          expect.stringContaining('apps/shop/database/migrations/0001_b.sql: has "-- Down Migration" but no'),
          expect.stringContaining('0001_b.ts: has the same name as 0001_b.sql'),
          expect.stringContaining('0002_c.sql:5: "COMMIT" ends the transaction'),
          expect.stringContaining('0002_c.sql:2: "COMMIT" ends the transaction'),
          expect.stringContaining('README.md: is not a migration'),
          expect.stringContaining('b.sql: must start with a number'),
        ],
      },
    });
  });

  test('says which file esbuild could not compile, and where', async () => {
    const root = await workspace({
      declaration: { name: 'shop' },
      migrations: { '1_x.ts': 'export const up = (' },
    });
    await expect(buildArtifact({ root })).rejects.toMatchObject({
      code: 'BOOTSTRAP_BUILD_FAILED',
      details: {
        file: 'apps/shop/database/migrations/1_x.ts',
        problems: [expect.stringContaining('1_x.ts:1:')],
      },
    });
  });

  test('says what it looked for when there is nothing to build', async () => {
    const root = await workspace();
    await expect(buildArtifact({ root })).rejects.toMatchObject({
      code: 'BOOTSTRAP_BUILD_FAILED',
      kind: 'invalid',
    });
    await expect(buildArtifact({ root, databases: ['apps/none'] })).rejects.toThrow(
      'no database/database.ts in apps/none',
    );
    await expect(readManifest(Buffer.from('no zip'))).rejects.toMatchObject({
      code: 'BOOTSTRAP_ARTEFACT_INVALID',
    });
  });
});
