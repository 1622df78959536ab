import { afterEach, expect, test } from 'vitest';
import { type TempWorkspace, tempWorkspace } from '../test/temp-workspace.ts';
import { databaseDependencies } from './database-dependencies.ts';
import type { StaticDependency } from './nx-types.ts';

let workspace: TempWorkspace | undefined;
afterEach(async () => workspace?.remove());

async function dependenciesOf(files: Record<string, string>): Promise<StaticDependency[]> {
  workspace = await tempWorkspace(files);
  return databaseDependencies({
    workspaceRoot: workspace.root,
    projects: { ledger: { root: 'apps/ledger' }, statements: { root: 'apps/statements' } },
    filesToProcess: {
      projectFileMap: { statements: Object.keys(files).map((file) => ({ file })) },
    },
  });
}

test.each([
  ['a static import', `import ledger from '../../ledger/database/database.ts';`],
  ['an import without extension', `import ledger from "../../ledger/database/database"`],
  ['a re-export', `export { default } from '../../ledger/database/database.js';`],
  ['a dynamic import', `const ledger = await import( '../../ledger/database/database.ts' );`],
  ['an import over several lines', `import {\n  a,\n  b,\n} from '../../ledger/database/database.mts';`],
])('%s of another service’s declaration is an edge', async (_name, text) => {
  expect(await dependenciesOf({ 'apps/statements/test/suite.ts': text })).toEqual([
    { source: 'statements', target: 'ledger', sourceFile: 'apps/statements/test/suite.ts', type: 'static' },
  ]);
});

test.each([
  ['the own declaration', `import own from '../database/database.ts';`],
  ['a package', `import other from 'other/database/database.ts';`],
  ['a folder that is no project', `import other from '../../nobody/database/database.ts';`],
  ['another file of that folder', `import other from '../../ledger/database/database-names.ts';`],
])('%s is none', async (_name, text) => {
  expect(await dependenciesOf({ 'apps/statements/test/suite.ts': text })).toEqual([]);
});

test('two imports in one file are one edge, and files that are not code are not read', async () => {
  const text = `import a from '../../ledger/database/database.ts';\nimport b from '../../ledger/database/database.ts';`;
  expect(
    await dependenciesOf({ 'apps/statements/test/suite.ts': text, 'apps/statements/test/notes.md': text }),
  ).toHaveLength(1);
});

test('a file that vanished meanwhile does not end the graph', async () => {
  workspace = await tempWorkspace();
  const dependencies = await databaseDependencies({
    workspaceRoot: workspace.root,
    projects: {},
    filesToProcess: { projectFileMap: { statements: [{ file: 'apps/statements/gone.ts' }] } },
  });
  expect(dependencies).toEqual([]);
});
