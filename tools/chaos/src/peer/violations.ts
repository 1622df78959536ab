import type { Violation } from '@postern/ssm-simulator';

/** One line for each kind of violation, with its first example. */
export function violationLines(violations: readonly Violation[]): string[] {
  const kinds = new Map<string, { first: string; count: number }>();
  for (const { kind, detail } of violations) {
    const known = kinds.get(kind);
    if (known === undefined) kinds.set(kind, { first: detail, count: 1 });
    else known.count++;
  }
  return [...kinds].map(([kind, { first, count }]) => `${count} violations, ${kind}: ${first}`);
}
