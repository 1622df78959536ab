import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConnectError } from '../errors.ts';
import { checkRuntime } from '../runtime.ts';
import { parseConfig } from './schema.ts';
import type { PosternConfig } from './settings.ts';

const FILE_NAMES = ['postern.config.ts', 'postern.config.mts', 'postern.config.js', 'postern.config.mjs'];

export interface LoadConfigOptions {
  /** Where the search upward starts. Default: the working directory. */
  cwd?: string;
  /** The file itself; then nothing is searched. `POSTERN_CONFIG` does the same. */
  file?: string;
  env?: NodeJS.ProcessEnv;
}

export interface LoadedConfig {
  readonly file: string;
  /** The folder of the file: the workspace root. Real path, without symbolic links. */
  readonly root: string;
  readonly config: PosternConfig;
}

/**
 * Finds and loads the configuration. Throws `CONNECT_NODE_UNSUPPORTED`, `CONNECT_PLATFORM_UNSUPPORTED`,
 * `CONNECT_CONFIG_NOT_FOUND`, `CONNECT_CONFIG_LOAD_FAILED`, `CONNECT_CONFIG_INVALID` (every problem at once).
 */
export async function loadConfig(options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  checkRuntime();
  const file = findConfig(options);
  const parsed = parseConfig(await load(file));
  if ('problems' in parsed) throw invalid(file, parsed.problems);
  return { file, root: dirname(file), config: parsed };
}

function findConfig({ cwd, file, env = process.env }: LoadConfigOptions): string {
  const start = resolve(cwd ?? process.cwd());
  const named = file ?? env['POSTERN_CONFIG'];
  if (named !== undefined && named !== '') {
    const path = resolve(start, named);
    if (existsSync(path)) return realpathSync(path);
    throw notFound(`There is no configuration file ${path}.`);
  }
  for (let folder = start; ; folder = dirname(folder)) {
    for (const name of FILE_NAMES) {
      const path = join(folder, name);
      if (existsSync(path)) return realpathSync(path);
    }
    if (dirname(folder) === folder) break;
  }
  throw notFound(`No postern.config.ts in ${start} or in a folder above it.`);
}

async function load(file: string): Promise<unknown> {
  try {
    const module = (await import(pathToFileURL(file).href)) as { default?: unknown };
    return module.default;
  } catch (cause) {
    throw new ConnectError({
      code: 'CONNECT_CONFIG_LOAD_FAILED',
      kind: 'invalid',
      message: `${file} could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: 'It is loaded by Node itself: types are stripped, so no enums or namespaces; relative imports need their extension.',
      cause,
    });
  }
}

function notFound(message: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_CONFIG_NOT_FOUND',
    kind: 'invalid',
    message,
    hint: "Create postern.config.ts at the repository root: import { defineConfig, local } from '@postern/connect'; export default defineConfig({ environments: { local: local() } });",
  });
}

export function invalid(where: string, problems: readonly string[]): ConnectError {
  return new ConnectError({
    code: 'CONNECT_CONFIG_INVALID',
    kind: 'invalid',
    message: [`${where} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:`]
      .concat(problems.map((problem) => `  - ${problem}`))
      .join('\n'),
    hint: 'Correct what is listed and run again.',
    problems,
  });
}
