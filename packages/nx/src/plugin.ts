import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readConfigFiles } from './config-files.ts';
import { databaseDependencies } from './database-dependencies.ts';
import { dotenvFact } from './dotenv.ts';
import { readEnvironment } from './environment.ts';
import { integrationTarget } from './integration-target.ts';
import type { CreateDependencies, CreateNodes, PluginOptions, ProjectNode } from './nx-types.ts';
import { resolveOptions } from './options.ts';

export type { PluginOptions } from './nx-types.ts';

/** Shown by `nx report` and in the source map of inferred targets. */
export const name = '@postern/nx';

/**
 * Infers the `integration` target of every project that has a `vitest.integration.config.*`.
 *
 * A file counts only beside a `package.json` or `project.json`: everything else (fixtures, templates) is not
 * an Nx project and must not become one by accident.
 */
export const createNodes: CreateNodes<PluginOptions> = [
  '**/vitest.integration.config.{ts,mts,js,mjs}',
  async (configFiles, pluginOptions, context) => {
    const options = resolveOptions(pluginOptions);
    const files = configFiles.filter((file) => isProjectRoot(join(context.workspaceRoot, dirname(file))));
    if (files.length === 0) return [];
    const config = await readConfigFiles(context.workspaceRoot);
    const environment = await readEnvironment(context.workspaceRoot, config, options.env);
    const variables = Object.keys(process.env).filter((variable) => variable.startsWith('POSTERN_'));
    return files.map((file): readonly [string, { projects: Record<string, ProjectNode> }] => {
      const projectRoot = dirname(file).replaceAll('\\', '/');
      const target = integrationTarget({
        configFile: file.slice(projectRoot === '.' ? 0 : projectRoot.length + 1),
        environment: dotenvFact(context.workspaceRoot, projectRoot) ?? environment,
        environmentFiles: config.files.map(({ path }) => path),
        variables,
        env: options.env,
        namedInputs: Object.keys(context.nxJsonConfiguration.namedInputs ?? {}),
      });
      return [file, { projects: { [projectRoot]: { targets: { [options.targetName]: target } } } }];
    });
  },
];

/**
 * A project that imports another project's `database/database.*` uses that database, and so depends on that
 * project: `nx affected` runs its suite when the other service's migrations change.
 */
export const createDependencies: CreateDependencies<PluginOptions> = (_options, context) =>
  databaseDependencies(context);

function isProjectRoot(folder: string): boolean {
  return existsSync(join(folder, 'package.json')) || existsSync(join(folder, 'project.json'));
}
