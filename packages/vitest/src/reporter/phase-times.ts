import type { PosternMeta, PosternSpan } from './meta.ts';
import type { RecordedTest } from './recorded.ts';
import type { ReportPhase } from './report.ts';

/** In the order in which people read them: that of a run. */
export const reportPhases: readonly ReportPhase[] = [
  'environment',
  'template',
  'import',
  'acquire',
  'connect',
  'reset',
  'body',
];

/** Where a step of the host belongs. Those it does beside the tests (`acquire`, `reset`, `pool`) are in no sum. */
export const hostPhases: Readonly<Record<string, ReportPhase>> = {
  cloud: 'environment',
  resolve: 'environment',
  tunnel: 'environment',
  build: 'template',
  deploy: 'template',
  bootstrap: 'template',
  prepare: 'template',
};

export function phaseOfSpan({ phase }: PosternSpan): ReportPhase {
  return phase === 'release' ? 'reset' : phase;
}

/**
 * What a test or file spent in our phases. Only a wait counts as `acquire`: a database that was fetched while the file was
 * imported has a span and cost nobody anything. Connections opened side by side count once.
 */
export function phasesOf(meta: PosternMeta): Partial<Record<ReportPhase, number>> {
  const spent = (phase: ReportPhase): number =>
    meta.spans
      ?.filter((span) => phaseOfSpan(span) === phase)
      .reduce((sum, { durationMs }) => sum + durationMs, 0) ?? 0;
  return {
    acquire: meta.acquireMs ?? 0,
    connect: covered(meta.spans?.filter(({ phase }) => phase === 'connect')) ?? meanConnect(meta),
    reset: spent('reset'),
  };
}

/** How long at least one of the spans lasted. Undefined without any. */
function covered(spans: readonly PosternSpan[] = []): number | undefined {
  if (spans.length === 0) return undefined;
  let end = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (const { startedAt, durationMs } of spans.toSorted((a, b) => a.startedAt - b.startedAt)) {
    sum += Math.max(0, startedAt + durationMs - Math.max(end, startedAt));
    end = Math.max(end, startedAt + durationMs);
  }
  return sum;
}

function meanConnect({ connectMs = 0, connections = 1 }: PosternMeta): number {
  return connectMs / Math.max(1, connections);
}

/** How much of the test's own time these took; what ran ahead of it or after it does not count. */
export function insideTest({ meta, startedAt, durationMs }: RecordedTest): number {
  if (meta === undefined) return 0;
  const { acquire = 0, connect = 0 } = phasesOf(meta);
  const others = (meta.spans ?? []).filter(({ phase }) => phase !== 'acquire' && phase !== 'connect');
  return others.reduce((sum, span) => {
    const from = Math.max(span.startedAt, startedAt);
    const to = Math.min(span.startedAt + span.durationMs, startedAt + durationMs);
    return sum + Math.max(0, to - from);
  }, acquire + connect);
}
