import type { EnvironmentFact } from './environment.ts';
import type { Input, Target } from './nx-types.ts';

/**
 * Variables that change what a run does or sees. Any other `POSTERN_*` that is set when the graph is made is
 * added to these.
 */
const KNOWN_VARIABLES = [
  'POSTERN_CONFIG',
  'POSTERN_ENV',
  'POSTERN_LOCAL_PATH',
  'POSTERN_POSTGRES_URL',
] as const;

export interface IntegrationFacts {
  /** File name of the vitest configuration, relative to the project. */
  configFile: string;
  environment: EnvironmentFact;
  /** Files that the configuration consists of, relative to the workspace root. */
  environmentFiles: readonly string[];
  /** Names (never values) of the `POSTERN_*` variables that are set. */
  variables: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Named inputs of `nx.json`. */
  namedInputs: readonly string[];
}

/**
 * The target as data. Cacheable only when the environment is `local`: there every byte that decides the
 * result is an input below, whereas a cluster on AWS has a state that no hash sees.
 */
export function integrationTarget(facts: IntegrationFacts): Target {
  const { environment } = facts;
  const command = `vitest run --config ${facts.configFile}`;
  const env = { ...facts.env };
  return {
    command,
    options: { cwd: '{projectRoot}', ...(Object.keys(env).length > 0 ? { env } : {}) },
    cache: 'kind' in environment && environment.kind === 'local',
    inputs: inputs(facts),
    metadata: {
      technologies: ['vitest', 'postern'],
      description: 'Integration suite on migrated databases of its own',
      environment: 'kind' in environment ? { name: environment.name, kind: environment.kind } : environment,
      help: { command: 'vitest run --help', example: { args: ['--reporter=verbose'] } },
    },
  };
}

/**
 * No external dependencies are named: then Nx takes all of them, with the server's binaries, vitest and whatever
 * a project uses from the root's package.json without saying so.
 */
function inputs(facts: IntegrationFacts): Input[] {
  const variables = [...new Set([...KNOWN_VARIABLES, ...facts.variables])].sort();
  return [
    'default',
    facts.namedInputs.includes('production') ? '^production' : '^default',
    // The schema counts even where somebody's named inputs leave `database/` out.
    '{projectRoot}/database/**/*',
    { fileset: '{projectRoot}/database/**/*', dependencies: true },
    '{workspaceRoot}/postern.config.*',
    ...facts.environmentFiles
      .filter((file) => !/^(?:\.\.\/|postern\.config\.[^/]*$)/.test(file))
      .map((file) => `{workspaceRoot}/${file}`),
    ...variables.map((variable) => ({ env: variable })),
    { runtime: 'node --version' },
  ];
}
