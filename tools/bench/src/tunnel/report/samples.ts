import { median } from '../../median.ts';

/** What is left of the repetitions of one measurement: their middle, and how far they lie apart. */
export interface Samples {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly repetitions: number;
}

export function summarise(values: readonly number[]): Samples {
  return {
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    repetitions: values.length,
  };
}

/** The value that a share (0 to 1) of all values does not exceed (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
