import type { LocalCloud } from '@postern/local-cloud';
import type { AwsCli, Identity } from './aws-cli.ts';

/** What every check works with. */
export interface Bench {
  readonly cloud: LocalCloud;
  readonly aws: AwsCli;
  /** May do everything. */
  readonly admin: Identity;
  /** Known, but no policy allows anything. */
  readonly nobody: Identity;
  /** Its credentials have expired. */
  readonly expired: Identity;
  /** A right key id with a wrong secret. */
  readonly forger: Identity;
  /** A key that nobody issued. */
  readonly stranger: Identity;
  /** A folder for files of the checks; removed at the end. */
  readonly folder: string;
}

/** One row of the table: passes unless it throws. */
export interface Check {
  readonly area: string;
  readonly name: string;
  run(bench: Bench): Promise<void>;
}

/** Throws with both values in the message. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== should) throw new Error(`${what} is ${is}, expected ${should}`);
}

export function expectMatch(actual: string, pattern: RegExp, what: string): void {
  if (!pattern.test(actual))
    throw new Error(`${what} is ${JSON.stringify(actual.slice(0, 400))}, expected ${pattern}`);
}
