import { expect, test } from 'vitest';
import { projects, readJson } from './workspace.ts';

interface LockEntry {
  resolved?: string;
  link?: boolean;
  optionalDependencies?: Record<string, string>;
}

const lock = readJson<{ packages: Record<string, LockEntry> }>('package-lock.json').packages;

test('npm ci works on every platform: the lock file has every optional platform package', () => {
  const paths = Object.keys(lock);
  const missing = Object.entries(lock).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter((name) => !paths.some((candidate) => candidate.endsWith(`node_modules/${name}`)))
      .map((name) => `${path || 'the root'} lacks ${name}`),
  );
  expect(missing).toEqual([]);
});

test('the lock file works with any registry: it holds no download address', () => {
  expect(
    Object.entries(lock)
      .filter(([, entry]) => entry.link !== true && entry.resolved !== undefined)
      .map(([path]) => path),
  ).toEqual([]);
});

test('two installs a year apart give the same tree: every version is exact', () => {
  const loose = [
    { folder: '.', manifest: readJson<ReturnType<typeof projects>[0]['manifest']>('package.json') },
  ]
    .concat(projects())
    .flatMap(({ folder, manifest }) =>
      Object.entries({
        ...manifest.dependencies,
        ...manifest.devDependencies,
        ...manifest.optionalDependencies,
      })
        .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
        .map(([name, version]) => `${folder}: ${name} ${version}`),
    );
  expect(loose).toEqual([]);
});
