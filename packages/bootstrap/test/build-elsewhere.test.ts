import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { shop, writeWorkspace } from './fixtures/service.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** Builds in a process of its own with the bootstrap package at the given place. */
async function build(packageFolder: string, root: string, zone: string, cwd: string): Promise<string> {
  const code = `import { buildArtifact } from ${JSON.stringify(join(packageFolder, 'src/build/index.ts'))};
import { readFile } from 'node:fs/promises';
const { sha256, maps } = await buildArtifact({ root: ${JSON.stringify(root)} });
console.log(sha256, (await readFile(maps, 'utf8')).replaceAll(/\\s/g, ''));`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@postern/source', '--input-type=module', '--eval', code],
    { env: { ...process.env, TZ: zone, LANG: 'tr_TR.UTF-8', NODE_OPTIONS: '' }, cwd },
  );
  return stdout.trim();
}

test('the artefact has the same bytes wherever repository, service and process are, and in every time zone', async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'pbe-'));
  try {
    const copy = join(elsewhere, 'some', 'deeper', 'place', 'bootstrap');
    await mkdir(copy, { recursive: true });
    for (const part of ['src', 'package.json']) {
      await cp(join(repository, 'packages/bootstrap', part), join(copy, part), { recursive: true });
    }
    await symlink(join(repository, 'node_modules'), join(elsewhere, 'node_modules'));
    await using here = await writeWorkspace([shop]);
    await using there = await writeWorkspace([shop]);
    const [first, second] = await Promise.all([
      build(join(repository, 'packages/bootstrap'), here.root, 'Pacific/Auckland', '/'),
      build(copy, there.root, 'America/Los_Angeles', there.root),
    ]);
    expect(first).toMatch(/^[0-9a-f]{64} \{"index.mjs":/);
    expect(second).toBe(first);
  } finally {
    await rm(elsewhere, { recursive: true, force: true });
  }
});
