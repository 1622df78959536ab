import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { buildArtifact, collectDatabases } from '../src/build/index.ts';
import { deployToCloud } from './fixtures/cloud.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const [quickDeclaration = '', quickstart = '', fullDeclaration = ''] = [
  ...readme.matchAll(/^```ts\n(.*?)^```$/gms),
].map(([, text = '']) => text);

/** A workspace that holds what the README shows. */
async function workspace(declaration: string, files: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), 'pbr-'));
  const service = join(folder, 'apps/ledger');
  for (const [name, text] of Object.entries({ 'database/database.ts': declaration, ...files })) {
    await mkdir(join(service, name, '..'), { recursive: true });
    await writeFile(join(service, name), text);
  }
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

test('the quickstart builds, plans and applies as it is written', async () => {
  await using project = await workspace(quickDeclaration, {
    'database/migrations/0001_entries.sql': 'CREATE TABLE entries (note citext);',
  });
  const { zip } = await buildArtifact({ root: project.folder });
  await using deployed = await deployToCloud(zip);
  const { cloud } = deployed;
  const { accessKeyId, secretAccessKey, sessionToken } = cloud.credentials('deploy');
  const script = join(project.folder, 'quickstart.mjs');
  await writeFile(
    script,
    `${quickstart.replace('postern-bootstrap-staging', cloud.functions.bootstrap)}
console.log(JSON.stringify({ file, planned: statements.length, drift }));`,
  );
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@postern/source', '--no-warnings', script],
    {
      cwd: project.folder,
      env: {
        PATH: process.env['PATH'],
        AWS_ENDPOINT_URL: cloud.endpoint,
        AWS_REGION: cloud.region,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        ...(sessionToken ? { AWS_SESSION_TOKEN: sessionToken } : {}),
      },
    },
  );
  const { file, planned, drift } = JSON.parse(stdout);
  expect(await readFile(file)).toEqual(zip);
  expect(planned).toBeGreaterThan(10);
  expect(drift).toEqual([]);
  expect(await deployed.client('bootstrap').status()).toMatchObject({
    outstanding: 0,
    databases: [{ name: 'ledger', pending: [], applied: [{ name: '0001_entries' }] }],
  });
});

test('the declaration that shows every field is a valid one', async () => {
  await using project = await workspace(fullDeclaration, {
    'database/seed.sql': 'SELECT 1;',
    'drizzle/meta/_journal.json': JSON.stringify({ entries: [{ idx: 0, tag: '0000_first' }] }),
    'drizzle/0000_first.sql': 'CREATE TABLE reports.daily ();',
  });
  const { databases } = await collectDatabases({ root: project.folder });
  expect(databases).toMatchObject([{ name: 'ledger', engine: 'sql', migrations: [{ name: '0000_first' }] }]);
});
