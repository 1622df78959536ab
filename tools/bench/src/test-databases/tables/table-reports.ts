import { median } from '../../median.ts';
import type { BenchResult } from '../../tunnel/report/report.ts';
import { percentile } from '../../tunnel/report/samples.ts';
import { figure } from '../../tunnel/report/table.ts';
import type { StrategyTimings } from './clone-strategies.ts';
import type { ColdStart } from './cold-start.ts';
import type { Timings } from './reset-and-clone.ts';
import { ratioTarget, type Target } from './targets.ts';

const HEAD = ['p50', 'p95', 'max'];

export function resetTable(timings: Timings): BenchResult {
  return {
    title: 'Back to the template: in place, or by another clone (ms)',
    head: ['', 'n', ...HEAD, 'server CPU p50'],
    rows: Object.entries(timings).map(([kind, { ms, cpuMs }]) => [
      kind,
      String(ms.length),
      ...spreadOf(ms),
      cpuMs.length === 0 ? '' : figure(median(cpuMs)),
    ]),
    notes: [
      'One session each, in turns. A file writes to four tables. Between the two files: what the triggers of the reset cost.',
      'Server CPU: of the process that does it, which what else the machine does hardly changes (Linux only).',
    ],
    data: timings,
  };
}

export function strategyTable(timings: readonly StrategyTimings[]): BenchResult {
  return {
    title: 'Clone and drop by strategy (ms)',
    head: ['', 'n', ...HEAD, 'drop p50'],
    rows: timings.map(({ settings, schema, strategy, cloneMs, dropMs }) => [
      `${schema}, ${strategy}, ${settings}`,
      String(cloneMs.length),
      ...spreadOf(cloneMs),
      figure(median(dropMs)),
    ]),
    notes: [
      'Tuned: the settings of a throw-away server (no fsync). Untuned: those that PostgreSQL comes with.',
    ],
    data: timings,
  };
}

export function coldTable(times: ColdStart): BenchResult {
  return {
    title: 'From nothing to a migrated database that answers (ms)',
    head: ['', 'n', ...HEAD],
    rows: [
      ['from scratch: initdb, migrations one by one', times.scratchMs],
      ['cached data directory, migrations in one batch, clone', times.cachedMs],
      ['of that, until the server answers', times.cachedServerMs],
    ].map(([name, list]) => [
      name as string,
      String((list as number[]).length),
      ...spreadOf(list as number[]),
    ]),
    notes: [],
    data: times,
  };
}

export function resetTargets(timings: Timings): Target[] {
  const [reset, clone] = [timings['reset, after a file'], timings['clone, FILE_COPY']];
  return [ratioTarget('reset after a file / clone, FILE_COPY', 0.15, median(reset.ms), median(clone.ms))];
}

export function strategyTargets(timings: readonly StrategyTimings[], schema: string): Target[] {
  const tuned = timings.filter((each) => each.settings === 'tuned' && each.schema === schema);
  const clone = (strategy: string): number =>
    median(tuned.find((each) => each.strategy === strategy)?.cloneMs ?? []);
  return [ratioTarget('clone FILE_COPY / WAL_LOG, tuned', 0.7, clone('FILE_COPY'), clone('WAL_LOG'))];
}

export function coldTargets({ cachedMs, scratchMs }: ColdStart): Target[] {
  return [ratioTarget('cold start, cached / from scratch', 0.2, median(cachedMs), median(scratchMs))];
}

function spreadOf(times: readonly number[]): string[] {
  return [figure(median(times)), figure(percentile(times, 0.95)), figure(percentile(times, 1))];
}
