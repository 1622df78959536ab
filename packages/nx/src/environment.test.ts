import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connectStandIn, posternConfig, type TempWorkspace, tempWorkspace } from '../test/temp-workspace.ts';
import { readConfigFiles } from './config-files.ts';
import { readEnvironment } from './environment.ts';

let workspace: TempWorkspace;

beforeEach(async () => {
  vi.stubEnv('POSTERN_ENV', undefined);
  vi.stubEnv('POSTERN_CONFIG', undefined);
  workspace = await tempWorkspace({ ...connectStandIn, 'postern.config.ts': posternConfig });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await workspace.remove();
});

const read = async () => readEnvironment(workspace.root, await readConfigFiles(workspace.root), {});
const timesAsked = async () => (await readFile(join(workspace.root, 'asked.log'), 'utf8')).length;

test('the second Nx command does not start a process to read the same configuration', async () => {
  expect(await read()).toEqual({ name: 'local', kind: 'local' });
  expect(await read()).toEqual({ name: 'local', kind: 'local' });
  expect(await timesAsked()).toBe(1);
});

test('an edited configuration is read again', async () => {
  await read();
  await workspace.write({
    'postern.config.ts': posternConfig.replace("'local', environments", "'staging', environments"),
  });
  expect(await read()).toEqual({ name: 'staging', kind: 'aws' });
});

test('POSTERN_ENV decides before the file', async () => {
  await read();
  vi.stubEnv('POSTERN_ENV', 'staging');
  expect(await read()).toEqual({ name: 'staging', kind: 'aws' });
});

test('an edited file that the configuration imports, however far away, is read again', async () => {
  await workspace.write({
    'infra/name.mts': `export const name = 'local';`,
    'infra/index.ts': `export * from './name.mts';`,
    'postern.config.ts': `import { name } from './infra/index.ts';\nexport default { defaultEnvironment: name, environments: { local: 'local', staging: 'aws' } };`,
  });
  await read();
  await read();
  expect(await timesAsked()).toBe(1);
  await workspace.write({ 'infra/name.mts': `export const name = 'staging';` });
  expect(await read()).toEqual({ name: 'staging', kind: 'aws' });
});

test.each([
  ['a variable', `process.env['SHOP_ENV'] ?? 'local'`, ''],
  ['a package', 'name', `import { name } from 'shop-preset';`],
  ['a computed import', `(await import(['./', 'name.mjs'].join(''))).name`, ''],
])('a configuration that looks at %s is asked each time', async (_what, name, head) => {
  await workspace.write({
    'name.mjs': `export const name = 'local';`,
    'node_modules/shop-preset/package.json': '{"type":"module","exports":"./index.js"}',
    'node_modules/shop-preset/index.js': `export const name = 'local';`,
    'postern.config.ts': `${head}\n${posternConfig.replace("'local', env", `${name}, env`)}`,
  });
  expect(await read()).toEqual({ name: 'local', kind: 'local' });
  await read();
  expect(await timesAsked()).toBe(2);
});

test('a broken memory is not believed', async () => {
  await workspace.write({ '.cache/postern/nx-environment.json': '{"' });
  expect(await read()).toEqual({ name: 'local', kind: 'local' });
});

test('a workspace without configuration says so', async () => {
  const empty = await tempWorkspace();
  const fact = await readEnvironment(empty.root, await readConfigFiles(empty.root), {});
  await empty.remove();
  expect(fact).toEqual({ unknown: 'There is no postern.config.ts at the workspace root.' });
});
