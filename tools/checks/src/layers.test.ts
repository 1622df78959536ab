import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projects, root } from './workspace.ts';

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
  '@postern/conformance': ['@postern/ssm-protocol', '@postern/ssm-simulator', '@postern/ssm-tunnel'],
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
  statements: ['@postern/bootstrap', '@postern/vitest', 'ledger'],
};

/** Libraries are tested against the simulators; what is published never needs them. */
const testsMayImport = ['@postern/local-cloud', '@postern/ssm-simulator'];

const ours = projects();
const isOurs = (name: string): boolean => ours.some((project) => project.manifest.name === name);

test('a package depends only on the layers below it', () => {
  const forbidden = ours
    .filter(({ folder }) => !folder.startsWith('tools/'))
    .flatMap(({ folder, manifest }) => {
      const allowed = mayImport[manifest.name];
      if (allowed === undefined) return [`${folder}: add ${manifest.name} to the table of layers`];
      const { dependencies, devDependencies, peerDependencies, optionalDependencies } = manifest;
      const needed = Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies });
      const tested = Object.keys({ ...devDependencies });
      return [
        ...needed.filter((name) => isOurs(name) && !allowed.includes(name)),
        ...tested.filter((name) => isOurs(name) && !allowed.includes(name) && !testsMayImport.includes(name)),
      ].map((name) => `${manifest.name} must not depend on ${name}`);
    });
  expect(forbidden).toEqual([]);
});

test('Nx sees the same graph as the manifests', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-graph-'));
  try {
    execFileSync('nx', ['graph', `--file=${join(folder, 'graph.json')}`], {
      cwd: root,
      stdio: 'pipe',
      shell: process.platform === 'win32',
    });
    const { graph } = JSON.parse(readFileSync(join(folder, 'graph.json'), 'utf8')) as {
      graph: { dependencies: Record<string, { target: string }[]> };
    };
    for (const { manifest } of ours) {
      const { dependencies, devDependencies, peerDependencies } = manifest;
      const declared = Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies }).filter(
        isOurs,
      );
      const seen = (graph.dependencies[manifest.name] ?? []).map(({ target }) => target);
      expect({ project: manifest.name, edges: [...new Set(seen)].sort() }).toEqual({
        project: manifest.name,
        edges: declared.sort(),
      });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
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
