import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ArtifactCache } from './artifact-cache.ts';
import type { BuiltArtifact } from './artifacts.ts';

let root: string;
let builds: number;
const paths = (): string[] => ['', 'migration.sql', 'not-there/database.ts'].map((name) => join(root, name));

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pac-'));
  builds = 0;
  writeFileSync(join(root, 'migration.sql'), 'SELECT 1');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** `settledMs` in the past: everything counts as old, as it does in a working tree. */
const cacheOf = (settledMs = -60_000, during: () => void = () => undefined): ArtifactCache =>
  new ArtifactCache({
    root,
    settledMs,
    build: async (_, onInput) => {
      builds += 1;
      for (const path of paths()) onInput(path);
      during();
      return { sha256: String(builds) } as BuiltArtifact;
    },
  });

it('gives the artefact of the last build as long as nothing has changed', async () => {
  const cache = cacheOf();
  expect(await cache.unchanged()).toBeUndefined();
  const artifact = await cache.build();
  expect(await cache.unchanged()).toBe(artifact);
  writeFileSync(join(tmpdir(), 'pac-elsewhere'), '');
  rmSync(join(tmpdir(), 'pac-elsewhere'));
  expect(await cache.unchanged()).toBe(artifact);
});

it.each<[string, () => void]>([
  ['a migration has been edited', () => writeFileSync(join(root, 'migration.sql'), 'SELECT 2, 3')],
  ['a migration has been added', () => writeFileSync(join(root, '2.sql'), '')],
  ['a migration has been removed', () => rmSync(join(root, 'migration.sql'))],
  [
    'another file of the same size and age took the place of one',
    () => {
      writeFileSync(join(root, 'other'), 'SELECT 2');
      utimesSync(join(root, 'other'), 1, 1);
      utimesSync(join(root, 'migration.sql'), 1, 1);
      renameSync(join(root, 'other'), join(root, 'migration.sql'));
    },
  ],
])('does not when %s', async (_, change) => {
  const cache = cacheOf();
  await cache.build();
  change();
  expect(await cache.unchanged()).toBeUndefined();
});

it('keeps no build that read a file as young as the build: an edit meanwhile would never be noticed', async () => {
  const cache = cacheOf(2_000, () => writeFileSync(join(root, 'migration.sql'), 'SELECT 2'));
  await cache.build();
  expect(await cache.unchanged()).toBeUndefined();
});

it('forgets the artefact before a build that fails', async () => {
  let fail = false;
  const cache = cacheOf(-60_000, () => {
    if (fail) throw new Error('does not compile');
  });
  await cache.build();
  fail = true;
  await expect(cache.build()).rejects.toThrow('does not compile');
  expect(await cache.unchanged()).toBeUndefined();
});
