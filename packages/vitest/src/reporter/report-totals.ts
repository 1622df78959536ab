import { phaseTotals } from './phase-statistics.ts';
import { hostPhases, insideTest, phasesOf, reportPhases } from './phase-times.ts';
import type { RecordedRun } from './recorded.ts';
import type { ReportCounters, ReportFile, ReportPhase, ReportRun, ReportTotals } from './report.ts';

export const counterNames = ['queries', 'roundTrips', 'connections', 'errors', 'retries'] as const;

export function sumOfCounters(all: ReadonlyArray<Partial<ReportCounters>>): ReportCounters {
  const sum = { queries: 0, roundTrips: 0, connections: 0, errors: 0, retries: 0 };
  for (const each of all) for (const name of counterNames) sum[name] += each[name] ?? 0;
  return sum;
}

export function totalsOf(
  recorded: RecordedRun,
  files: readonly ReportFile[],
  runs: readonly ReportRun[],
): ReportTotals {
  const tests = files.flatMap((file) => file.tests);
  const metas = recorded.files.flatMap(({ meta, tests: own }) => [meta, ...own.map((test) => test.meta)]);
  const count = (state: string): number => tests.filter((test) => test.state === state).length;
  const came = (origin: string): number => metas.filter((meta) => meta?.origin === origin).length;
  return {
    files: files.length,
    tests: tests.length,
    passed: count('passed'),
    failed: count('failed'),
    skipped: count('skipped'),
    workers: new Set(files.map(({ run, worker }) => `${run}:${worker}`)).size,
    phases: phaseSums(recorded, files, runs),
    background: backgroundOf(runs),
    origins: { clone: came('clone'), reset: came('reset'), held: came('held') },
    ...sumOfCounters(files),
  };
}

function backgroundOf(runs: readonly ReportRun[]): ReportTotals['background'] {
  const durations = new Map<string, number[]>();
  for (const { phase, durationMs, state } of runs.flatMap(({ host }) => host)) {
    if (state !== 'done' || durationMs === 0 || !['acquire', 'reset', 'pool'].includes(phase)) continue;
    const known = durations.get(phase);
    if (known === undefined) durations.set(phase, [durationMs]);
    else known.push(durationMs);
  }
  return Object.fromEntries([...durations].map(([phase, values]) => [phase, phaseTotals(values)]));
}

function phaseSums(
  recorded: RecordedRun,
  files: readonly ReportFile[],
  runs: readonly ReportRun[],
): ReportTotals['phases'] {
  const durations: Partial<Record<ReportPhase, number[]>> = {};
  const add = (phase: ReportPhase, ms: number): void => {
    durations[phase] ??= [];
    durations[phase].push(ms);
  };
  for (const { phase, durationMs } of runs.flatMap(({ host }) => host)) {
    const of = hostPhases[phase];
    if (of !== undefined) add(of, durationMs);
  }
  for (const file of files) if (file.phases.import !== undefined) add('import', file.phases.import);
  for (const { meta, tests } of recorded.files) {
    for (const each of [meta, ...tests.map((test) => test.meta)]) {
      if (each === undefined) continue;
      const spent = phasesOf(each);
      // A wait of nothing is a wait, too: what was fetched ahead is what the percentiles are about.
      if (each.acquireMs !== undefined) add('acquire', each.acquireMs);
      for (const phase of ['connect', 'reset'] as const) if (spent[phase]) add(phase, spent[phase]);
    }
    for (const test of tests) {
      if (test.startedAt > 0) add('body', Math.max(0, test.durationMs - insideTest(test)));
    }
  }
  return Object.fromEntries(
    reportPhases.flatMap((phase) => {
      const values = durations[phase];
      return values === undefined ? [] : [[phase, phaseTotals(values)]];
    }),
  );
}
