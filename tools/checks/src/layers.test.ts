import { expect, test } from 'vitest';
import { projects } from './workspace.ts';

/**
 * Who may import whom. The linter forces every import to be declared, so the dependencies of the manifests
 * are the true graph; this table is the law that the graph is held against.
 */
const mayImport: Record<string, readonly string[]> = {
  '@postern/ssm-protocol': [],
  '@postern/test-databases': [],
  '@postern/ssm-tunnel': ['@postern/ssm-protocol'],
  '@postern/rds-auth': [],
  '@postern/bootstrap': ['@postern/test-databases'],
  '@postern/ssm-simulator': ['@postern/ssm-protocol'],
  '@postern/local-cloud': ['@postern/ssm-protocol', '@postern/ssm-simulator'],
  '@postern/connect': [
    '@postern/bootstrap',
    '@postern/local-cloud',
    '@postern/rds-auth',
    '@postern/ssm-tunnel',
    '@postern/test-databases',
  ],
  '@postern/vitest': ['@postern/connect', '@postern/test-databases'],
  '@postern/nx': [],
  ledger: ['@postern/bootstrap', '@postern/connect', '@postern/vitest'],
};

const ours = projects();

test('a package depends only on the layers below it', () => {
  const forbidden = ours
    .filter(({ folder }) => !folder.startsWith('tools/'))
    .flatMap(({ folder, manifest }) => {
      const allowed = mayImport[manifest.name];
      if (allowed === undefined) return [`${folder}: add ${manifest.name} to the table of layers`];
      return Object.keys({
        ...manifest.dependencies,
        ...manifest.devDependencies,
        ...manifest.peerDependencies,
        ...manifest.optionalDependencies,
      })
        .filter((name) => ours.some((project) => project.manifest.name === name) && !allowed.includes(name))
        .map((name) => `${manifest.name} must not depend on ${name}`);
    });
  expect(forbidden).toEqual([]);
});

test('nothing depends on a tool', () => {
  const tools = new Set(ours.filter(({ folder }) => folder.startsWith('tools/')).map((p) => p.manifest.name));
  const users = ours.flatMap(({ manifest }) =>
    Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
      .filter((name) => tools.has(name))
      .map((name) => `${manifest.name} -> ${name}`),
  );
  expect(users).toEqual([]);
});
