import { afterEach, expect, test } from 'vitest';
import { type InlineProject, inlineProject, shop, type VitestResult } from './inline-project.ts';

let project: InlineProject | undefined;
afterEach(async () => {
  await project?.remove();
  project = undefined;
});

const usesDatabase = {
  'apps/shop/test/one.test.ts': `
    import { test } from '@postern/vitest';
    test('uses the database', ({ database }) => { database.name; });
  `,
};

/** Runs the shop without some of its files and with others. */
async function run(files: Readonly<Record<string, string | undefined>>): Promise<VitestResult> {
  const entries = Object.entries({ ...shop, ...usesDatabase, ...files });
  project = await inlineProject(
    Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined)),
  );
  return await project.start().ended;
}

test('a suite whose vitest project lacks the setup learns which line is missing', async () => {
  const { code, output } = await run({
    'apps/shop/vitest.config.ts': String(shop['apps/shop/vitest.config.ts']).replace(/globalSetup.*\n/, ''),
  });
  expect(code).toBe(1);
  expect(output).toContain('The database fixture needs the global setup of Postern');
  expect(output).toContain('Add plugins: [postern()] from @postern/vitest/plugin');
});

test('a service without a declaration learns where to write it, without a stack of ours', async () => {
  const { code, output } = await run({ 'apps/shop/database/database.ts': undefined });
  expect(code).toBe(1);
  expect(output).toContain(`There is no database/database.ts in ${project?.root}/apps/shop`);
  expect(output).toContain("Declare the service's database there");
  expect(output).not.toContain('at setup');
  expect(output).not.toContain('database-declaration.ts');
});

test('a repository without configuration learns what to create', async () => {
  const { code, output } = await run({ 'postern.config.ts': undefined });
  expect(code).toBe(1);
  expect(output).toContain('No postern.config.ts in');
  expect(output).toContain('Create postern.config.ts at the repository root');
});

test('every problem of a configuration is shown at once', async () => {
  const { code, output } = await run({
    'postern.config.ts': `export default { environments: { local: { kind: 'local', postgres: 12 }, staging: { kind: 'aws' } } };`,
  });
  expect(code).toBe(1);
  expect(output).toContain('environments.local.postgres');
  expect(output).toContain('environments.staging.region');
});

test('a migration that throws is named with the error of the server, and nothing stays', async () => {
  const { code, output } = await run({
    'apps/shop/database/migrations/0002_broken.sql': 'ALTER TABLE nowhere ADD COLUMN x int;',
  });
  expect(code).toBe(1);
  expect(output).toContain('0002_broken');
  expect(output).toContain('relation "nowhere" does not exist');
});
