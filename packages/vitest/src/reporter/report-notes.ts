import type { RecordedFile } from './recorded.ts';
import type { ReportFallback, ReportKept, ReportLeak, ReportRun } from './report.ts';

export interface Notes {
  readonly kept: readonly ReportKept[];
  readonly leaks: readonly ReportLeak[];
}

/** What the tests and hooks of a file left to be told one by one. */
export function notesOf({ file, meta, tests }: RecordedFile): Notes {
  const all = [{ meta, test: undefined }, ...tests.map((test) => ({ meta: test.meta, test: test.name }))].map(
    ({ meta: each, test }) => ({ each, where: { file, ...(test !== undefined && { test }) } }),
  );
  return {
    kept: all.flatMap(({ each, where }) =>
      each?.kept === undefined
        ? []
        : [
            {
              ...where,
              database: each.kept.database,
              ...(each.kept.until !== undefined && { until: new Date(each.kept.until).toISOString() }),
              ...(each.kept.open !== undefined && { open: each.kept.open }),
            },
          ],
    ),
    leaks: all.flatMap(({ each, where }) =>
      (each?.leaks ?? []).map(({ kind, role, stack }) => ({
        ...where,
        kind,
        ...(role !== undefined && { role }),
        stack,
      })),
    ),
  };
}

/** Reasons that are no fallback: somebody wanted it so, or the run was over. */
const WANTED: ReadonlySet<string> = new Set(['asked', 'kept', 'closed', 'strategy-reset']);

/** What the host had to do otherwise, while nobody waited for it. */
export function fallbacksOf({ host }: ReportRun): ReportFallback[] {
  return host.flatMap(({ reason, detail, database }) =>
    reason === undefined || WANTED.has(reason)
      ? []
      : [{ reason, ...(detail !== undefined && { detail }), ...(database !== undefined && { database }) }],
  );
}
