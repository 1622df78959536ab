/*
 * The few shapes of Nx that this plugin touches, declared structurally: the deep import paths and the names of
 * Nx's own types moved twice between 22 and 23, and a plugin that runs in a user's Nx must not care.
 * `nx-types.test.ts` proves that they fit the installed Nx.
 */

export interface PluginOptions {
  /** Name of the inferred target. Default: `integration`. */
  targetName?: string;
  /**
   * Variables for the target's command and for reading `postern.config.ts`, for example
   * `{ "NODE_OPTIONS": "--conditions=…" }` in a workspace that runs its packages from sources. Default: none.
   */
  env?: Record<string, string>;
}

export type Input =
  | string
  | { fileset: string; dependencies?: boolean }
  | { env: string }
  | { runtime: string };

export interface Target {
  command: string;
  options: { cwd: string; env?: Record<string, string> };
  cache: boolean;
  inputs: Input[];
  metadata: {
    technologies: string[];
    description: string;
    environment: { name: string; kind: string } | { unknown: string };
    help: { command: string; example: { args: string[] } };
  };
}

export interface ProjectNode {
  targets: Record<string, Target>;
}

interface PluginContext {
  readonly workspaceRoot: string;
  readonly nxJsonConfiguration: { namedInputs?: Record<string, unknown> };
}

export type CreateNodes<Options> = readonly [
  pattern: string,
  create: (
    files: readonly string[],
    options: Options | undefined,
    context: PluginContext,
  ) => Promise<Array<readonly [string, { projects: Record<string, ProjectNode> }]>>,
];

export interface DependenciesContext {
  readonly workspaceRoot: string;
  readonly projects: Readonly<Record<string, { root: string }>>;
  readonly filesToProcess: { readonly projectFileMap: Readonly<Record<string, readonly { file: string }[]>> };
}

export interface StaticDependency {
  source: string;
  target: string;
  sourceFile: string;
  type: 'static';
}

export type CreateDependencies<Options> = (
  options: Options | undefined,
  context: DependenciesContext,
) => Promise<StaticDependency[]>;
