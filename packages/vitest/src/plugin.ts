import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin, ViteUserConfig } from 'vitest/config';
import type { Reporter, Vitest } from 'vitest/node';
import { testEnvironment } from './environment.ts';
import { checkKnown, suiteDefaults, type TestOptions } from './options.ts';
import type { PluginDefaults, PosternPluginOptions } from './plugin-options.ts';
import { presentable } from './presentable-error.ts';
import { REPORTER_OPTIONS } from './reporter/reporter-options.ts';

export type { PosternPluginOptions } from './plugin-options.ts';

const SUITE_OPTIONS = ['scope', 'isolation', 'role', 'keep', 'queryLog', 'leaks'];

/** Of this vitest process: several projects have a plugin each, and one reporter. */
const reporting = new WeakSet<Vitest>();
const told = new WeakMap<Vitest, Set<string>>();

/**
 * Databases for a vitest project: the setup that makes them, an environment in which no test finds another one, and what
 * holds for tests that do not say otherwise.
 *
 * ```ts
 * export default defineConfig({ plugins: [postern()], test: { … } });
 * ```
 *
 * @throws PosternVitestError `VITEST_OPTIONS_INVALID`
 */
export function postern(options: PosternPluginOptions = {}): Plugin {
  const { databaseUrl = 'DATABASE_URL', allowHosts = [], reporter = false, ...tests } = options;
  // Mistakes are shown where they are made.
  try {
    checkKnown(options, [...SUITE_OPTIONS, 'databaseUrl', 'allowHosts', 'reporter']);
    if (typeof reporter === 'object') checkKnown(reporter, REPORTER_OPTIONS);
    suiteDefaults(tests, undefined);
  } catch (error) {
    throw presentable(error); // vite prints the stack, and nothing that is not in it
  }
  let changed: readonly string[] = [];
  return {
    name: '@postern/vitest',
    config(user: ViteUserConfig): ViteUserConfig | undefined {
      user.test ??= {};
      const { test } = user;
      if (test.projects !== undefined) return undefined; // each project has the plugin itself, or extends this one
      const variable = databaseUrl === false ? undefined : databaseUrl;
      const environment = testEnvironment(
        { ...process.env, ...definedOf(test.env) },
        { allowHosts, ...(variable === undefined ? {} : { databaseUrl: variable }) },
      );
      changed = environment.changed;
      test.env = { ...test.env, ...environment.set };
      // Before the suite's own: they may create clients out of the environment.
      test.setupFiles = first(ours('setup'), test.setupFiles);
      test.globalSetup = first(ours('global-setup'), test.globalSetup);
      const posternPlugin: PluginDefaults = {
        options: tests satisfies TestOptions,
        databaseUrl: variable,
        unset: environment.unset,
      };
      test.provide = { ...test.provide, posternPlugin };
      if (variable !== undefined) test.sequence = { setupFiles: 'list', ...test.sequence };
      return undefined;
    },
    async configureVitest({ vitest }: { vitest: Vitest }): Promise<void> {
      tell(vitest, changed);
      if (reporter === false || reporting.has(vitest)) return;
      reporting.add(vitest);
      const { default: PosternReporter } = await import('./reporter/index.ts');
      const ours: Reporter = new PosternReporter(reporter === true ? {} : reporter);
      (vitest.config.reporters as unknown[]).push(ours);
    },
  };
}

/** Once for each variable, without what it was. */
function tell(vitest: Vitest, changed: readonly string[]): void {
  const known = told.get(vitest) ?? new Set<string>();
  told.set(vitest, known);
  const names = changed.filter((name) => !known.has(name));
  if (names.length === 0) return;
  for (const name of names) known.add(name);
  vitest.logger.log(
    `postern: during tests ${names.join(', ')} ${names.length === 1 ? 'does' : 'do'} not lead where this shell's does (allowHosts names exceptions)`,
  );
}

function first(file: string, others: string | string[] | undefined = []): string[] {
  return [...new Set([file, ...[others].flat()])];
}

function definedOf(env: Partial<Record<string, unknown>> | undefined): Record<string, string> {
  const entries = Object.entries(env ?? {});
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** A file of this package beside this one: a source here, compiled for users. */
function ours(name: string): string {
  const here = fileURLToPath(import.meta.url);
  return fileURLToPath(new URL(`./${name}${extname(here)}`, import.meta.url));
}
