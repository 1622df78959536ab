import { PosternVitestError } from './errors.ts';
import type { Seed } from './seed.ts';

/**
 * Who shares a database: `run` all workers of the run · `worker` the files that run in one slot, one after another ·
 * `file` the tests of a file (default) · `test` nobody.
 */
export type Scope = 'run' | 'worker' | 'file' | 'test';

/**
 * How a database comes to be as new: `reset` dirty rows are put back in place (default; falls back to a clone where that
 * cannot be done) · `clone` always a new one · `transaction` each test's `client` and `sql` are in a transaction that is
 * rolled back.
 */
export type IsolationMode = 'reset' | 'clone' | 'transaction';

/** Whether a database outlives its test or file, so that a person can look into it. */
export type Keep = 'on-failure' | 'always' | 'never';

export interface TestOptions<S extends Scope = Scope, I extends IsolationMode = IsolationMode> {
  readonly scope?: S;
  readonly isolation?: I;
  /** The declared role of `pool`, `client`, `sql` and `databaseUrl`. Default: the only one that may read and write. */
  readonly role?: string;
  /** Fills the database once for the run; every file and test gets a clone of the result. See `defineSeed`. */
  readonly seed?: Seed;
  /** Default: `on-failure`, and `never` where the environment variable `CI` is set. */
  readonly keep?: Keep;
  /** Prints the statements of a test that fails. Default false. The fixture `queries` has them without this, too. */
  readonly queryLog?: boolean;
  /** What a session means that is in a transaction or checked out when its scope ends. Default: `report`. */
  readonly leaks?: 'report' | 'fail';
}

/** What holds for tests that do not say otherwise. */
export interface SuiteDefaults {
  readonly scope: Scope;
  readonly isolation: IsolationMode;
  readonly keep: Keep;
  readonly queryLog: boolean;
  readonly leaks: 'report' | 'fail';
  readonly role?: string | undefined;
}

/** The settings of one `test`. */
export interface TestSettings extends SuiteDefaults {
  readonly seed: Seed | undefined;
}

/** Whether a database stays after a test or file that ended like this. */
export function keeps({ keep }: Pick<SuiteDefaults, 'keep'>, failed: boolean): boolean {
  return keep === 'always' || (keep === 'on-failure' && failed);
}

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  scope: ['run', 'worker', 'file', 'test'],
  isolation: ['reset', 'clone', 'transaction'],
  keep: ['on-failure', 'always', 'never'],
  leaks: ['report', 'fail'],
};

/** The defaults of a suite: those that are given, and ours. `ci` as the variable of that name says it. */
export function suiteDefaults(given: TestOptions, ci: string | undefined): SuiteDefaults {
  checkChoices(given);
  const { scope = 'file', isolation = 'reset', queryLog = false, leaks = 'report', role } = given;
  const keep = given.keep ?? (ci === undefined || ci === '' || ci === 'false' ? 'on-failure' : 'never');
  const defaults = { scope, isolation, keep, queryLog, leaks, ...(role === undefined ? {} : { role }) };
  checkTogether(defaults);
  return defaults;
}

/**
 * What holds for one `test`.
 *
 * @throws PosternVitestError `VITEST_OPTIONS_INVALID`
 */
export function testSettings(given: TestOptions, defaults: SuiteDefaults): TestSettings {
  checkChoices(given);
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  // Whoever asks for a database per test wants it instead of the suite's transactions, and the other way round.
  const isolation =
    given.isolation ??
    (given.scope === 'test' && defaults.isolation === 'transaction' ? 'reset' : defaults.isolation);
  const scope =
    given.scope ?? (given.isolation === 'transaction' && defaults.scope === 'test' ? 'file' : defaults.scope);
  const settings = { ...defaults, ...said, scope, isolation, seed: given.seed };
  checkTogether(settings);
  return settings;
}

/** What `testWith()` knows. */
const KNOWN = ['scope', 'isolation', 'role', 'seed', 'keep', 'queryLog', 'leaks'];

/** Refuses what nobody would notice to have no effect: configurations are often not type-checked. */
export function checkKnown(given: object, known: readonly string[] = KNOWN): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw invalid(
    `There is no option ${JSON.stringify(unknown)}; there are ${known.join(', ')}.`,
    'Use one of them, or leave it out.',
  );
}

function checkChoices(given: TestOptions): void {
  checkKnown(given);
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value: unknown = given[name as keyof TestOptions];
    if (value === undefined || choices.includes(value as string)) continue;
    throw invalid(
      `${name} is ${JSON.stringify(value)}; it is one of ${choices.join(', ')}.`,
      `Correct \`${name}\`.`,
    );
  }
  // Said in one place. What a file says of its scope goes with a suite that clones elsewhere.
  const { scope, isolation } = given;
  if ((scope === 'run' || scope === 'worker') && isolation === 'clone') {
    throw invalid(
      `scope '${scope}' keeps one database until the run is over: there is no next use that isolation 'clone' could be for.`,
      "Leave out one of the two: scope 'file' with isolation 'clone' gives each file a new database.",
    );
  }
}

function checkTogether({ scope, isolation }: SuiteDefaults): void {
  if (scope !== 'test' || isolation !== 'transaction') return;
  throw invalid(
    "scope 'test' gives each test a database of its own; isolation 'transaction' is for tests that share one.",
    "Leave out one of the two: scope 'file' with isolation 'transaction' is the fastest, scope 'test' the strictest.",
  );
}

function invalid(message: string, hint: string): PosternVitestError {
  return new PosternVitestError('VITEST_OPTIONS_INVALID', { kind: 'invalid', message, hint });
}
