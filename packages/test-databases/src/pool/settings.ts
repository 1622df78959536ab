import { availableParallelism } from 'node:os';
import { TestDatabaseError } from '../errors.ts';
import type { PoolOptions } from './types.ts';

export interface PoolSettings {
  readonly depth: number;
  /** Ready databases beyond those that will come back. */
  readonly spare: number;
  readonly producers: number;
  readonly batch: number;
  readonly maxResets: number;
  readonly maxDiscarded: number;
  /** Discarded databases from which on disk space is more urgent than those who wait. */
  readonly mostDiscarded: number;
}

/** The options of a pool with their defaults, checked. */
export function poolSettings(options: PoolOptions): PoolSettings {
  const workers = whole('workers', options.workers, 1);
  const depth = whole('depth', options.depth ?? workers + 2, 0);
  const { initial = [] } = options;
  const twice = initial.find((name, index) => initial.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`initial names ${twice} twice`, 'each name once');
  const maxDiscarded = whole('maxDiscarded', options.maxDiscarded ?? discardable(options.databaseBytes), 0);
  return {
    depth,
    spare: Math.min(depth, Math.max(1, depth - workers)),
    producers: whole('producers', options.producers ?? (availableParallelism() < 8 ? 1 : 2), 1),
    batch: whole('batch', options.batch ?? 1, 1),
    maxResets: whole('maxResets', options.maxResets ?? 200, 0),
    maxDiscarded,
    mostDiscarded: Math.max(2 * maxDiscarded, 4),
  };
}

/** 256 MiB of them: twice as many may come together. */
function discardable(databaseBytes: number | undefined): number {
  return databaseBytes === undefined ? 20 : Math.min(20, Math.floor(2 ** 28 / Math.max(1, databaseBytes)));
}

function whole(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw invalid(`${name} is ${value}`, `an integer from ${least} on`);
}

function invalid(what: string, expected: string): TestDatabaseError {
  return new TestDatabaseError('TESTDB_OPTION_INVALID', what, {
    kind: 'invalid',
    hint: `Expected ${expected}.`,
  });
}
