import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Targets that every project of this workspace has by its shape: `lint`, `typecheck`, `build` (packages) and
 * `test`. Loaded by Nx itself, so: erasable TypeScript, no imports of ours, no build.
 */

interface Target {
  command?: string;
  executor?: string;
  options?: Record<string, unknown>;
  cache?: boolean;
  dependsOn?: string[];
  inputs?: unknown[];
  outputs?: string[];
  metadata?: { technologies: string[]; description: string };
}

type ProjectNode = { projects: Record<string, { targets: Record<string, Target> }> };

/** In threads TypeScript 7.0.2 has ended with "concurrent map writes" once; they gain nothing in projects of this size. */
const compiler = 'tsc -b --singleThreaded';

const testInputs = ['default', '^production', { externalDependencies: ['vitest', 'vite'] }];

function hasTests(folder: string): boolean {
  if (!existsSync(folder)) return false;
  return readdirSync(folder, { recursive: true, withFileTypes: true }).some(
    (entry) =>
      entry.isFile() &&
      entry.name.endsWith('.test.ts') &&
      !`${entry.parentPath}/`.replaceAll('\\', '/').includes('/test/integration/'),
  );
}

function targetsOf(projectRoot: string, workspaceRoot: string): Record<string, Target> {
  const absolute = join(workspaceRoot, projectRoot);
  const targets: Record<string, Target> = {
    lint: {
      command: `biome check ${projectRoot}`,
      cache: true,
      inputs: ['default', '^production', { externalDependencies: ['@biomejs/biome'] }],
      metadata: { technologies: ['biome'], description: 'Lint, format and import rules' },
    },
    typecheck: {
      command: compiler,
      options: { cwd: projectRoot },
      cache: true,
      dependsOn: ['^typecheck', 'build'],
      inputs: ['default', '^production', { externalDependencies: ['typescript'] }],
      outputs: [
        '{projectRoot}/dist',
        '{projectRoot}/.cache/lib.tsbuildinfo',
        '{projectRoot}/.cache/test.tsbuildinfo',
        '{projectRoot}/.cache/test-types',
      ],
      metadata: { technologies: ['typescript'], description: 'Types of sources and tests' },
    },
  };
  if (projectRoot.startsWith('packages/')) {
    targets['build'] = {
      command: `${compiler} tsconfig.lib.json`,
      options: { cwd: projectRoot },
      cache: true,
      dependsOn: ['^build'],
      inputs: ['production', '^production', { externalDependencies: ['typescript'] }],
      outputs: ['{projectRoot}/dist', '{projectRoot}/.cache/lib.tsbuildinfo'],
      metadata: { technologies: ['typescript'], description: 'JavaScript and declarations for publishing' },
    };
  }
  if (hasTests(join(absolute, 'src')) || hasTests(join(absolute, 'test'))) {
    targets['test'] = {
      command: 'vitest run',
      options: { cwd: projectRoot },
      cache: true,
      inputs: testInputs,
      metadata: { technologies: ['vitest'], description: 'Tests of this project' },
    };
  }
  return targets;
}

export const name = 'postern-workspace';

export const createNodes = [
  '{packages,apps,tools}/*/package.json',
  (
    files: readonly string[],
    _options: unknown,
    context: { workspaceRoot: string },
  ): Array<[string, ProjectNode]> =>
    files.map((file) => {
      const projectRoot = dirname(file).replaceAll('\\', '/');
      return [
        file,
        { projects: { [projectRoot]: { targets: targetsOf(projectRoot, context.workspaceRoot) } } },
      ];
    }),
] as const;
