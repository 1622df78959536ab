import { type HclFile, positionOf } from '../hcl/file.ts';

export interface Finding {
  /** A stable name of the rule, such as `unknown-argument`. */
  rule: string;
  file: string;
  line: number;
  column: number;
  message: string;
}

export class Findings {
  readonly list: Finding[] = [];

  add(rule: string, file: Pick<HclFile, 'path' | 'text'>, at: number, message: string): void {
    const finding = { rule, file: file.path, ...positionOf(file.text, at), message };
    // The same expression is seen twice where an output is read by the caller as well.
    if (!this.list.some((other) => sameFinding(other, finding))) this.list.push(finding);
  }
}

export function describeFinding({ file, line, column, message, rule }: Finding): string {
  return `${file}:${line}:${column} ${message} [${rule}]`;
}

function sameFinding(a: Finding, b: Finding): boolean {
  return a.file === b.file && a.line === b.line && a.column === b.column && a.message === b.message;
}

/** " Did you mean …?" for the nearest of the names, or nothing. */
export function meant(name: string, names: Iterable<string>): string {
  const limit = Math.max(2, Math.floor(name.length / 3));
  const all = [...names];
  const nearest = (distance: (candidate: string) => number): string | undefined =>
    all
      .map((candidate) => ({ candidate, distance: distance(candidate) }))
      .filter((one) => one.distance <= limit)
      .sort((a, b) => a.distance - b.distance)[0]?.candidate;
  const best =
    nearest((candidate) => editDistance(name, candidate)) ??
    nearest((candidate) =>
      candidate.includes(name) || name.includes(candidate) ? 0 : Number.POSITIVE_INFINITY,
    ) ??
    nearest((candidate) => (sameWords(candidate, name) ? 0 : Number.POSITIVE_INFINITY));
  return best === undefined ? '' : ` Did you mean "${best}"?`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** `kms_key_arn` for `key_arn`, `arn_of_key` for `key_arn`. */
function sameWords(a: string, b: string): boolean {
  const words = new Set(b.split('_'));
  return a.includes('_') && a.split('_').every((word) => words.has(word));
}
