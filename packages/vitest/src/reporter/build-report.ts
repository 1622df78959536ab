import type { PosternMeta, TimedHostEvent } from './meta.ts';
import { rounded } from './phase-statistics.ts';
import { insideTest, phaseOfSpan, phasesOf } from './phase-times.ts';
import type { RecordedFile, RecordedRun, RecordedTest } from './recorded.ts';
import type {
  Report,
  ReportFile,
  ReportHostStep,
  ReportPhase,
  ReportRun,
  ReportSpan,
  ReportTest,
} from './report.ts';
import { fallbacksOf, notesOf } from './report-notes.ts';
import { counterNames, sumOfCounters, totalsOf } from './report-totals.ts';
import { withSlots } from './worker-slots.ts';

/** More of them tell nothing that their totals do not; a run of 2,000 files has three for each. */
const MAX_HOST_STEPS = 4_000;

/** Puts together what was recorded. Pure. */
export function buildReport(run: RecordedRun): Report {
  const recorded = { ...run, files: withSlots(run.files) };
  const origin = firstMoment(recorded);
  const runIds = [...new Set([...recorded.files.map(({ run }) => run.run), ...recorded.host.keys()])];
  const files = recorded.files
    .map((file) => fileOf(file, runIds.indexOf(file.run.run), origin))
    .toSorted((a, b) => a.start - b.start);
  const runs = runIds.map((id) => runOf(id, recorded, origin));
  const notes = recorded.files.map(notesOf);
  return {
    version: 1,
    startedAt: new Date(origin).toISOString(),
    durationMs: rounded(Math.max(0, ...runs.map(({ start, durationMs }) => start + durationMs))),
    state: recorded.state,
    vitest: recorded.vitest,
    runs,
    totals: totalsOf(recorded, files, runs),
    files,
    fallbacks: runs.flatMap(fallbacksOf),
    kept: notes.flatMap(({ kept }) => kept),
    leaks: notes.flatMap(({ leaks }) => leaks),
  };
}

function firstMoment({ files, host, endedAt }: RecordedRun): number {
  let first = endedAt;
  for (const file of files) first = Math.min(first, workBegan(file));
  for (const events of host.values()) {
    for (const { at, durationMs = 0 } of events) first = Math.min(first, at - durationMs);
  }
  return first;
}

function runOf(id: string, { files, host, endedAt }: RecordedRun, origin: number): ReportRun {
  const own = files.filter(({ run }) => run.run === id);
  const steps = hostSteps(host.get(id) ?? [], origin, endedAt);
  const start = Math.min(...own.map((file) => workBegan(file) - origin), ...steps.map((step) => step.start));
  const ends = [...own.map(({ run }) => run.endedAt - origin), ...steps.map((s) => s.start + s.durationMs)];
  return {
    id,
    shard: own[0]?.run.shard ?? '',
    start: rounded(start),
    durationMs: rounded(Math.max(...ends) - start),
    host: steps,
  };
}

/** Steps from their events: each has one at its end, which tells how long it took; some have one at their start. */
function hostSteps(events: readonly TimedHostEvent[], origin: number, endedAt: number): ReportHostStep[] {
  const steps: ReportHostStep[] = [];
  const open = new Map<string, number[]>();
  for (const { phase, state, at, durationMs, detail, counts, database, reason } of events) {
    const started = open.get(phase) ?? [];
    if (state === 'started') {
      open.set(phase, [...started, at]);
      continue;
    }
    const since = started.shift();
    const took = durationMs ?? (since === undefined ? 0 : at - since);
    steps.push({
      phase,
      start: rounded(at - took - origin),
      durationMs: rounded(took),
      state,
      ...(detail !== undefined && { detail }),
      ...(counts !== undefined && { counts }),
      ...(database !== undefined && { database }),
      ...(reason !== undefined && { reason }),
    });
  }
  for (const [phase, starts] of open) {
    for (const at of starts) {
      steps.push({
        phase,
        start: rounded(at - origin),
        durationMs: rounded(endedAt - at),
        state: 'unfinished',
      });
    }
  }
  return steps.toSorted((a, b) => a.start - b.start).slice(0, MAX_HOST_STEPS);
}

function fileOf(recorded: RecordedFile, run: number, origin: number): ReportFile {
  const { file, project, state, meta, importMs, tests } = recorded;
  const { slot, endedAt } = recorded.run;
  const metas = [meta, ...tests.map((test) => test.meta)].filter((each) => each !== undefined);
  const startedAt = workBegan(recorded);
  const spans: ReportSpan[] = metas
    .flatMap(({ spans: all = [] }) => all)
    .map((span) => ({
      phase: phaseOfSpan(span),
      start: rounded(span.startedAt - origin),
      durationMs: rounded(span.durationMs),
    }));
  if (importMs > 0) {
    const start = rounded(testsBegan(recorded) - importMs - origin);
    spans.unshift({ phase: 'import', start, durationMs: rounded(importMs) });
  }
  return {
    file,
    project,
    run,
    worker: slot,
    start: rounded(startedAt - origin),
    durationMs: rounded(endedAt - startedAt),
    state,
    databases: [...new Set(metas.map(({ database }) => database).filter((name) => name !== undefined))],
    phases: filePhases(recorded, metas),
    spans,
    tests: tests.map((test) => testOf(test, origin)),
    ...sumOfCounters(metas),
  };
}

/** The first test tells by the worker's own clock; that a file starts is heard of a little later. */
function testsBegan({ run, tests }: RecordedFile): number {
  return Math.min(run.startedAt, ...tests.map(({ startedAt }) => startedAt).filter((at) => at > 0));
}

/** vitest tells of a file when its setup files have run, and its database may have been asked for before. */
function workBegan(file: RecordedFile): number {
  const spans = [file.meta, ...file.tests.map(({ meta }) => meta)].flatMap((meta) => meta?.spans ?? []);
  const asked = spans.map(({ startedAt }) => startedAt);
  return Math.min(file.run.queuedAt, testsBegan(file) - file.importMs, ...asked);
}

function filePhases(
  { tests, importMs }: RecordedFile,
  metas: readonly PosternMeta[],
): Partial<Record<ReportPhase, number>> {
  const phases: Partial<Record<ReportPhase, number>> = {};
  const add = (phase: ReportPhase, ms: number): void => {
    if (ms > 0) phases[phase] = rounded((phases[phase] ?? 0) + ms);
  };
  add('import', importMs);
  for (const meta of metas) {
    for (const [phase, ms] of Object.entries(phasesOf(meta))) add(phase as ReportPhase, ms);
  }
  for (const test of tests) add('body', Math.max(0, test.durationMs - insideTest(test)));
  return phases;
}

function testOf({ name, state, startedAt, durationMs, meta }: RecordedTest, origin: number): ReportTest {
  const counters = Object.fromEntries(
    counterNames.map((counter) => [counter, meta?.[counter] ?? 0] as const).filter(([, count]) => count > 0),
  );
  const { acquireMs, connectMs, database, origin: from } = meta ?? {};
  return {
    name,
    state,
    start: startedAt === 0 ? 0 : rounded(startedAt - origin),
    durationMs: rounded(durationMs),
    ...(Object.keys(counters).length > 0 && { counters }),
    ...(acquireMs !== undefined && { acquireMs: rounded(acquireMs) }),
    ...(connectMs !== undefined && { connectMs: rounded(connectMs) }),
    ...(database !== undefined && { database }),
    ...(from !== undefined && { origin: from }),
  };
}
