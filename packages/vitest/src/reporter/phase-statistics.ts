import type { PhaseTotals } from './report.ts';

/** The value that `share` of the sorted values do not exceed (nearest rank). 0 without values. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

export function phaseTotals(durations: readonly number[]): PhaseTotals {
  const sorted = durations.toSorted((a, b) => a - b);
  return {
    count: sorted.length,
    totalMs: rounded(sorted.reduce((sum, duration) => sum + duration, 0)),
    p50: rounded(percentile(sorted, 0.5)),
    p95: rounded(percentile(sorted, 0.95)),
    p99: rounded(percentile(sorted, 0.99)),
    max: rounded(sorted.at(-1) ?? 0),
  };
}

/** Hundredths of a millisecond: what is below says nothing. */
export function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}
