import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Artefact, buildArtifact, readStack } from '../src/build/index.ts';
import { shop, writeWorkspace } from './fixtures/service.ts';

/** Two of the public roots of RDS, as the bundles have them. */
const euWest2 = `-----BEGIN CERTIFICATE-----
MIICrjCCAjSgAwIBAgIRAKKPTYKln9L4NTx9dpZGUjowCgYIKoZIzj0EAwMwgZYx
CzAJBgNVBAYTAlVTMSIwIAYDVQQKDBlBbWF6b24gV2ViIFNlcnZpY2VzLCBJbmMu
MRMwEQYDVQQLDApBbWF6b24gUkRTMQswCQYDVQQIDAJXQTEvMC0GA1UEAwwmQW1h
em9uIFJEUyBldS13ZXN0LTIgUm9vdCBDQSBFQ0MzODQgRzExEDAOBgNVBAcMB1Nl
YXR0bGUwIBcNMjEwNTIxMjI1NTIxWhgPMjEyMTA1MjEyMzU1MjFaMIGWMQswCQYD
VQQGEwJVUzEiMCAGA1UECgwZQW1hem9uIFdlYiBTZXJ2aWNlcywgSW5jLjETMBEG
A1UECwwKQW1hem9uIFJEUzELMAkGA1UECAwCV0ExLzAtBgNVBAMMJkFtYXpvbiBS
RFMgZXUtd2VzdC0yIFJvb3QgQ0EgRUNDMzg0IEcxMRAwDgYDVQQHDAdTZWF0dGxl
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE/owTReDvaRqdmbtTzXbyRmEpKCETNj6O
hZMKH0F8oU9Tmn8RU7kQQj6xUKEyjLPrFBN7c+26TvrVO1KmJAvbc8bVliiJZMbc
C0yV5PtJTalvlMZA1NnciZuhxaxrzlK1o0IwQDAPBgNVHRMBAf8EBTADAQH/MB0G
A1UdDgQWBBT4i5HaoHtrs7Mi8auLhMbKM1XevDAOBgNVHQ8BAf8EBAMCAYYwCgYI
KoZIzj0EAwMDaAAwZQIxAK9A+8/lFdX4XJKgfP+ZLy5ySXC2E0Spoy12Gv2GdUEZ
p1G7c1KbWVlyb1d6subzkQIwKyH0Naf/3usWfftkmq8SzagicKz5cGcEUaULq4tO
GzA/AMpr63IDBAqkZbMDTCmH
-----END CERTIFICATE-----
`;
const euCentral1 = `-----BEGIN CERTIFICATE-----
MIICtDCCAjmgAwIBAgIQenQbcP/Zbj9JxvZ+jXbRnTAKBggqhkjOPQQDAzCBmTEL
MAkGA1UEBhMCVVMxIjAgBgNVBAoMGUFtYXpvbiBXZWIgU2VydmljZXMsIEluYy4x
EzARBgNVBAsMCkFtYXpvbiBSRFMxCzAJBgNVBAgMAldBMTIwMAYDVQQDDClBbWF6
b24gUkRTIGV1LWNlbnRyYWwtMSBSb290IENBIEVDQzM4NCBHMTEQMA4GA1UEBwwH
U2VhdHRsZTAgFw0yMTA1MjEyMjMzMjRaGA8yMTIxMDUyMTIzMzMyNFowgZkxCzAJ
BgNVBAYTAlVTMSIwIAYDVQQKDBlBbWF6b24gV2ViIFNlcnZpY2VzLCBJbmMuMRMw
EQYDVQQLDApBbWF6b24gUkRTMQswCQYDVQQIDAJXQTEyMDAGA1UEAwwpQW1hem9u
IFJEUyBldS1jZW50cmFsLTEgUm9vdCBDQSBFQ0MzODQgRzExEDAOBgNVBAcMB1Nl
YXR0bGUwdjAQBgcqhkjOPQIBBgUrgQQAIgNiAATlBHiEM9LoEb1Hdnd5j2VpCDOU
5nGuFoBD8ROUCkFLFh5mHrHfPXwBc63heW9WrP3qnDEm+UZEUvW7ROvtWCTPZdLz
Z4XaqgAlSqeE2VfUyZOZzBSgUUJk7OlznXfkCMOjQjBAMA8GA1UdEwEB/wQFMAMB
Af8wHQYDVR0OBBYEFDT/ThjQZl42Nv/4Z/7JYaPNMly2MA4GA1UdDwEB/wQEAwIB
hjAKBggqhkjOPQQDAwNpADBmAjEAnZWmSgpEbmq+oiCa13l5aGmxSlfp9h12Orvw
Dq/W5cENJz891QD0ufOsic5oGq1JAjEAp5kSJj0MxJBTHQze1Aa9gG4sjHBxXn98
4MP1VGsQuhfndNHQb4V0Au7OWnOeiobq
-----END CERTIFICATE-----
`;

let root: string;
let built: Artefact;
let files: Record<string, Uint8Array>;
let unpacked: string;
const cleanUp: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const workspace = await writeWorkspace([
    {
      ...shop,
      migrations: {
        ...shop.migrations,
        '0004_broken.ts': `
const table: string = 'nowhere';
export const up = (): void => {
  throw new Error(table);
};`,
        '0005_package.ts': `import { zipSync } from 'tiny';\nexport const up = () => zipSync;`,
        '0006_builtin.cjs': `const { EOL } = require('node:os');\nexports.up = () => EOL;`,
      },
    },
  ]);
  root = workspace.root;
  const tiny = join(root, 'node_modules/tiny');
  await mkdir(tiny, { recursive: true });
  await writeFile(
    join(tiny, 'package.json'),
    '{"name":"tiny","version":"1.2.3","license":"ISC","main":"i.js"}',
  );
  await writeFile(join(tiny, 'i.js'), 'exports.zipSync = 1;');
  await writeFile(join(tiny, 'LICENSE.txt'), 'Take it,\r\nand say so.  \r\n');
  cleanUp.push(() => workspace[Symbol.asyncDispose]());
  built = await buildArtifact({ root, outFile: 'out/pack.zip' });
  files = unzipSync(built.zip);
  unpacked = await mkdtemp(join(tmpdir(), 'pbu-'));
  cleanUp.push(() => rm(unpacked, { recursive: true }));
  for (const [name, contents] of Object.entries(files)) {
    await mkdir(dirname(join(unpacked, name)), { recursive: true });
    await writeFile(join(unpacked, name), contents);
  }
});
afterAll(async () => {
  for (const done of cleanUp) await done();
});

const textOf = (name: string): string => Buffer.from(files[name] ?? []).toString('utf8');

/** What a module of the artefact does in a process of its own. */
async function run(code: string): Promise<{ stdout: string; stderr: string }> {
  return await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], {
    env: { NODE_OPTIONS: '' },
  });
}

describe('the artefact', () => {
  test('loads two files at start, and nothing of what it does not need', async () => {
    const index = textOf('index.mjs');
    const atOnce = [...index.matchAll(/from\s*"(\.[^"]+)"/g)].map(([, path]) => path);
    expect(new Set(atOnce).size).toBe(1);
    const loaded = textOf(atOnce[0]?.slice(2) ?? '');
    expect(/from\s*"\./.test(loaded)).toBe(false);
    // Of pg's other ways to a connection, and of what builds migrations.
    for (const word of ['pg-native', 'maxLifetimeSeconds', 'PGPASSFILE', 'addConstraint'])
      expect(index.includes(word) || loaded.includes(word), word).toBe(false);
    const url = JSON.stringify(pathToFileURL(join(unpacked, 'index.mjs')).href);
    const { stdout } = await run(
      `const { handler } = await import(${url}); console.log(typeof handler); process.exit();`,
    );
    expect(stdout).toBe('function\n');
  });

  test('every file of it can be loaded', async () => {
    const modules = Object.keys(files).filter((name) => /\.mjs$/.test(name));
    const urls = modules.map((name) => pathToFileURL(join(unpacked, name)).href);
    await run(`for (const url of ${JSON.stringify(urls)}) await import(url); process.exit();`);
  });

  test('names the licences of the packages in it, those of migrations too, and shares equal texts', () => {
    const notices = textOf('THIRD-PARTY-NOTICES');
    for (const name of ['pg', 'pg-protocol', 'valibot', 'node-pg-migrate'])
      expect(notices).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(MIT\\)$`, 'm'));
    expect(notices).toContain('\ntiny 1.2.3 (ISC)\n\nTake it,\nand say so.\n');
    expect(notices).not.toMatch(/^(?:@postern|pg-pool|glob|jiti|esbuild|fflate) /m);
    expect(notices.match(/Permission is hereby granted/g)?.length).toBeLessThan(14);
    expect(notices).not.toContain('\r');
  });

  test('has its source maps beside it, with which a stack of the function can be read', async () => {
    expect(built.maps).toBe(join(root, 'out/pack.maps.json'));
    expect(Object.keys(files).some((name) => name.endsWith('.map'))).toBe(false);
    expect(Object.values(files).some((contents) => Buffer.from(contents).includes('sourceMappingURL'))).toBe(
      false,
    );
    const maps = JSON.parse(await readFile(built.maps, 'utf8')) as Record<string, { sources: string[] }>;
    const modules = Object.keys(files).filter((name) => /\.mjs$/.test(name));
    expect(Object.keys(maps).sort()).toEqual(modules.sort());
    const sources = Object.values(maps).flatMap((map) => map.sources);
    expect(sources).toEqual(
      expect.arrayContaining([
        '@postern/bootstrap/src/handler.ts',
        '@postern/bootstrap/src/plan/plan.ts',
        'node_modules/pg/lib/client.js',
        'apps/shop/database/migrations/0004_broken.ts',
      ]),
    );
    const url = JSON.stringify(pathToFileURL(join(unpacked, 'migrations/shop/0004_broken.mjs')).href);
    const { stdout } = await run(
      `try { (await import(${url})).up(); } catch (error) { console.log(error.stack); } process.exit();`,
    );
    const stack = stdout.replaceAll(pathToFileURL(unpacked).href, 'file:///var/task');
    expect(await readStack(stack, built.maps)).toMatch(
      /^Error: nowhere\n +at Module\.up \(apps\/shop\/database\/migrations\/0004_broken\.ts:4:9\)$/m,
    );
    const untouched = 'at x (file:///var/task/other.mjs:1:2)\nat y (node:internal/x:1:1)';
    expect(await readStack(untouched, built.maps)).toBe(untouched);
  });

  test('maps what was merged to where it came from', async () => {
    // The place of a text that is in one source only.
    const word = 'BOOTSTRAP_LOGIN_REFUSED';
    const name = Object.keys(files).find(
      (file) => textOf(file).includes(`"${word}"`) && file === 'index.mjs',
    );
    const lines = textOf(name ?? '').split('\n');
    const line = lines.findIndex((text) => text.includes(`"${word}"`));
    const column = lines[line]?.indexOf(`"${word}"`) ?? 0;
    const place = await readStack(`at f (/var/task/${name}:${line + 1}:${column + 1})`, built.maps);
    expect(place).toMatch(/^at f \(@postern\/bootstrap\/src\/runtime\/connection\.ts:\d+:\d+\)$/);
    const [, sourceLine = ''] = /:(\d+):/.exec(place) ?? [];
    const source = await readFile(new URL('../src/runtime/connection.ts', import.meta.url), 'utf8');
    expect(source.split('\n')[Number(sourceLine) - 1]).toContain(word);
  });

  test('compiles migrations of CommonJS that require modules of node', async () => {
    const url = JSON.stringify(pathToFileURL(join(unpacked, 'migrations/shop/0006_builtin.mjs')).href);
    const { stdout } = await run(
      `const { default: migration } = await import(${url}); console.log(JSON.stringify(migration.up())); process.exit();`,
    );
    expect(stdout).toBe('"\\n"\n');
  });
});

test('what everybody deploys, before the first migration, stays below 120 kB', async () => {
  await using workspace = await writeWorkspace([{ declaration: { name: 'empty' } }]);
  expect((await buildArtifact({ root: workspace.root })).bytes).toBeLessThan(120_000);
});

describe('the CA roots of the artefact', () => {
  async function withCa(region: string, bundle: string | undefined): Promise<string> {
    if (bundle !== undefined) await writeFile(join(root, 'bundle.pem'), bundle);
    const inputs: string[] = [];
    const { zip } = await buildArtifact({
      root,
      outFile: 'out/ca.zip',
      ca: { region, bundle: bundle === undefined ? 'gone.pem' : 'bundle.pem' },
      onInput: (path) => inputs.push(path),
    });
    expect(inputs).toContain(join(root, 'bundle.pem'));
    return Buffer.from(unzipSync(zip)['ca.pem'] ?? []).toString();
  }

  test('are those of the region, once, whatever else the bundle has', async () => {
    const bundle = `# global bundle\n${euCentral1}${euWest2}\n${euWest2.replaceAll('\n', '\r\n')}`;
    const pem = await withCa('eu-west-2', bundle);
    expect(pem).toBe(euWest2);
    expect(new X509Certificate(pem).subject).toContain('CN=Amazon RDS eu-west-2 Root CA ECC384 G1');
  });

  test.each([
    [
      'us-east-1',
      euWest2,
      'ca: no root in bundle.pem is for the region "us-east-1"; it has roots of eu-west-2',
    ],
    ['eu-west', euWest2, 'no root in bundle.pem is for the region "eu-west"; it has roots of eu-west-2'],
    [
      'us-east-1',
      'nothing',
      'ca: no root in bundle.pem is for the region "us-east-1"; it has no roots of RDS',
    ],
    ['eu-west-2', euWest2.replace('MIIC', 'AAAA'), 'ca: a certificate in bundle.pem cannot be read'],
    ['eu-west-2', undefined, 'ca: the bundle gone.pem cannot be read'],
  ])('for %s are missed by name', async (region, bundle, message) => {
    await expect(withCa(region, bundle)).rejects.toMatchObject({
      code: 'BOOTSTRAP_BUILD_FAILED',
      message: expect.stringContaining(message),
    });
  });
});
