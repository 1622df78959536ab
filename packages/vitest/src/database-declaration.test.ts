import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { declaredDatabase } from './database-declaration.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'postern-vitest-'));
  await mkdir(join(root, 'database'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** As vitest loads files: by its path, through the module runner of the project. */
const declared = (wanted?: string) =>
  declaredDatabase(
    { config: { root }, import: async <T>(file: string) => (await import(file)) as T },
    wanted,
  );

test.each(['database.ts', 'database.mjs'])('%s in the folder of the service is found', async (file) => {
  await writeFile(join(root, 'database', file), 'export default { name: "ledger", roles: {} };');
  expect(await declared()).toBe('ledger');
});

test('a project without a declaration is told where to write one', async () => {
  await expect(declared()).rejects.toMatchObject({
    name: 'PosternVitestError',
    code: 'VITEST_DATABASE_MISSING',
    kind: 'not-found',
    message: `There is no database/database.ts in ${root}, the root of this vitest project.`,
  });
});

test('a declaration that throws is named together with its error', async () => {
  await writeFile(join(root, 'database/database.ts'), 'throw new RangeError("no such luck");');
  await expect(declared()).rejects.toMatchObject({
    code: 'VITEST_DATABASE_INVALID',
    message: `${join(root, 'database/database.ts')} could not be loaded: no such luck`,
    cause: expect.any(RangeError),
  });
});

test.each([
  'export const database = {};',
  'export default {};',
  'export default "ledger";',
  'export default null;',
])('a file that declares nothing (%s) is refused', async (text) => {
  await writeFile(join(root, 'database/database.ts'), text);
  await expect(declared()).rejects.toMatchObject({ code: 'VITEST_DATABASE_INVALID', kind: 'invalid' });
});

test('of several databases in one file the suite gets the one that is named', async () => {
  await writeFile(
    join(root, 'database/database.ts'),
    'export default [{ name: "ledger" }, { name: "archive" }];',
  );
  expect(await declared('archive')).toBe('archive');
  await expect(declared()).rejects.toMatchObject({
    code: 'VITEST_DATABASE_INVALID',
    message: expect.stringContaining('declares several databases: ledger, archive.'),
  });
  await expect(declared('legder')).rejects.toMatchObject({
    message: expect.stringContaining('POSTERN_DATABASE names "legder"'),
    hint: 'Set POSTERN_DATABASE to the one that this suite is about: ledger or archive.',
  });
});

test('a name that is set and not declared is refused, not passed over', async () => {
  await writeFile(join(root, 'database/database.ts'), 'export default [{ name: "ledger" }];');
  expect(await declared()).toBe('ledger');
  await expect(declared('archive')).rejects.toMatchObject({ code: 'VITEST_DATABASE_INVALID' });
});
