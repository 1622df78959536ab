import { figure } from '../../tunnel/report/table.ts';

/** A ratio that was promised, and what came out. */
export interface Target {
  readonly name: string;
  readonly limit: number;
  readonly measured: number;
  /** What the ratio is made of, for people. */
  readonly figures: string;
}

/** A target about the ratio of two times. */
export function ratioTarget(name: string, limit: number, ours: number, theirs: number): Target {
  const figures = `${ours < 1 ? ours.toFixed(3) : figure(ours)} / ${figure(theirs)}`;
  return { name, limit, measured: ours / theirs, figures };
}

export function isMet({ limit, measured }: Target): boolean {
  return measured <= limit;
}

export function targetRow(target: Target): string[] {
  const { name, limit, measured, figures } = target;
  const ratio = measured < 0.01 ? measured.toFixed(4) : measured.toFixed(2);
  const verdict = Number.isNaN(measured) ? 'not measured' : isMet(target) ? 'met' : 'NOT MET';
  return [name, `<= ${limit}`, ratio, verdict, figures];
}

export const TARGET_HEAD: readonly string[] = ['target', 'limit', 'measured', '', 'figures, ms'];
