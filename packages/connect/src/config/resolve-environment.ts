import { ConnectError } from '../errors.ts';
import { invalid, type LoadedConfig } from './load-config.ts';
import { parseEnvironment } from './schema.ts';
import type {
  AwsOptions,
  AwsSettings,
  DeclaredEnvironment,
  EnvironmentSettings,
  LocalPath,
  LocalSettings,
} from './settings.ts';
import { readTerraformOutput } from './terraform-output.ts';

export interface ResolveOptions {
  /** Values of command-line flags; they win over everything. */
  flags?: Partial<Omit<AwsSettings, 'kind'> & Pick<LocalSettings, 'path'>>;
  /** Default: the environment of this process. */
  env?: NodeJS.ProcessEnv;
}

export interface ResolvedEnvironment {
  readonly name: string;
  readonly root: string;
  readonly settings: EnvironmentSettings;
}

type Overrides = NonNullable<ResolveOptions['flags']>;

/**
 * What the process environment can override, and how. Precedence: flag, POSTERN_*, configuration, Terraform's output,
 * default. Each kind of environment has its own and does not look at those of the other.
 */
const variables: Readonly<
  Record<EnvironmentSettings['kind'], Readonly<Record<string, (value: string) => Overrides>>>
> = {
  local: {
    POSTERN_LOCAL_PATH: (path) => ({ path: path as LocalPath }),
  },
  aws: {
    POSTERN_REGION: (region) => ({ region }),
    POSTERN_PROFILE: (profile) => ({ profile }),
    POSTERN_CLUSTER: (cluster) => ({ cluster }),
    POSTERN_JUMP_HOST: (jumpHost) => ({ jumpHost }),
    POSTERN_BOOTSTRAP: (bootstrap) => ({ bootstrap }),
    POSTERN_TEST_DATABASES: (testDatabases) => ({ testDatabases }),
    POSTERN_CA_FILE: (file) => ({ ca: { file } }),
  },
};

const flagsOf: Readonly<Record<EnvironmentSettings['kind'], (flags: Overrides) => Overrides>> = {
  local: ({ path }) => (path === undefined ? {} : { path }),
  aws: ({ path: _, ...flags }) => flags,
};

/**
 * Chooses an environment (argument, `POSTERN_ENV`, `defaultEnvironment`, `local`, the only one) and applies what flags
 * and `POSTERN_*` override. What Terraform has written is read here: a file that is missing hinders no other environment.
 * Throws `CONNECT_ENVIRONMENT_UNKNOWN`, `CONNECT_CONFIG_INVALID`.
 */
export function resolveEnvironment(
  loaded: LoadedConfig,
  name?: string,
  options: ResolveOptions = {},
): ResolvedEnvironment {
  const { environments, defaultEnvironment } = loaded.config;
  const env = options.env ?? process.env;
  const known = Object.keys(environments);
  const chosen =
    name ??
    nonEmpty(env['POSTERN_ENV']) ??
    defaultEnvironment ??
    (known.includes('local') ? 'local' : known.length === 1 ? known[0] : undefined);
  if (chosen === undefined) throw unknown(loaded.file, 'No environment was named', known);
  const settings = Object.hasOwn(environments, chosen) ? environments[chosen] : undefined;
  if (settings === undefined) throw unknown(loaded.file, `There is no environment "${chosen}"`, known);
  return {
    name: chosen,
    root: loaded.root,
    settings: complete(settings, chosen, loaded.root, env, options.flags),
  };
}

function complete(
  declared: DeclaredEnvironment,
  name: string,
  root: string,
  env: NodeJS.ProcessEnv,
  flags: Overrides = {},
): EnvironmentSettings {
  const { kind } = declared;
  if (kind === 'local' && nonEmpty(env['POSTERN_POSTGRES_URL']) !== undefined) throw foreignServer(name);
  const overrides: Overrides = {};
  const used: string[] = [];
  for (const [variable, read] of Object.entries(variables[kind])) {
    const value = nonEmpty(env[variable]);
    if (value === undefined) continue;
    used.push(variable);
    Object.assign(overrides, read(value));
  }
  Object.assign(overrides, flagsOf[kind](flags));
  if (!('terraform' in declared)) {
    if (Object.keys(overrides).length === 0) return declared;
    return checked({ ...declared, ...overrides }, overrides, name, used);
  }
  const { terraform, ...said } = declared;
  const beside = { ...said, ...overrides };
  const facts = factsBeside(beside, readTerraformOutput(terraform, root));
  return checked({ ...facts, ...beside }, overrides, name, [terraform, ...used]);
}

/** What Terraform says; of its database nothing if another one is named. */
function factsBeside(beside: Overrides, facts: Partial<AwsOptions>): Partial<AwsOptions> {
  if (beside.cluster === undefined && beside.endpoint === undefined) return facts;
  const ofTheDatabase = ['cluster', 'endpoint', 'resourceId', 'document'];
  return Object.fromEntries(Object.entries(facts).filter(([name]) => !ofTheDatabase.includes(name)));
}

function checked(
  merged: Overrides & { kind: string },
  overrides: Overrides,
  name: string,
  used: readonly string[],
): EnvironmentSettings {
  if (overrides.cluster !== undefined) delete merged.endpoint;
  const parsed = parseEnvironment(merged, `environments.${name}`);
  if ('problems' in parsed) throw invalid(['The configuration with', ...used].join(' '), parsed.problems);
  return parsed;
}

const nonEmpty = (value: string | undefined): string | undefined => (value === '' ? undefined : value);

/** Ignoring it would run a suite on another server than the one that was asked for. */
function foreignServer(name: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_CONFIG_INVALID',
    kind: 'invalid',
    message: `POSTERN_POSTGRES_URL is set, but environment "${name}" can only use the embedded server.`,
    hint: 'Unset it. A server of your own under the offline cloud is planned and not there yet.',
    problems: ['POSTERN_POSTGRES_URL: is not supported yet'],
  });
}

function unknown(file: string, what: string, known: readonly string[]): ConnectError {
  return new ConnectError({
    code: 'CONNECT_ENVIRONMENT_UNKNOWN',
    kind: 'invalid',
    message: `${what}. ${file} has: ${known.join(', ')}.`,
    hint: 'Name one of them: in POSTERN_ENV, as the argument of the command, or as defaultEnvironment of the file.',
  });
}
