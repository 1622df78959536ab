import type { TestOptions } from './options.ts';
import type { PosternReporterOptions } from './reporter/reporter.ts';

/** Options of `postern()`. Those of tests are what holds for a `test` that does not say otherwise. */
export interface PosternPluginOptions extends Omit<TestOptions, 'seed'> {
  /**
   * The environment variable that gets the URL of the file's database before any of the suite's code runs. False: none does,
   * and `DATABASE_URL` leads nowhere. Default: `DATABASE_URL`. It leads to the database that the tests of the file share,
   * also where `testWith()` says which; with scope `test` and isolation `transaction` they share none, and sessions by it
   * are refused with that reason.
   */
  readonly databaseUrl?: string | false;
  /** Hosts that variables of the environment may lead to during tests. Default: none. */
  readonly allowHosts?: readonly string[];
  /** Adds the reporter. Default false. */
  readonly reporter?: boolean | PosternReporterOptions;
}

/** What the plugin hands to the setups. */
export interface PluginDefaults {
  readonly options: TestOptions;
  /** Variable to set; undefined: none. */
  readonly databaseUrl: string | undefined;
  /** Variables that must not be there. */
  readonly unset: readonly string[];
}
