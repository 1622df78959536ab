import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export interface CorpusCase {
  /** `found`: it broke a promise once. `reached`: it reaches code that little else does. */
  readonly kind: 'found' | 'reached';
  readonly hex: string;
  /** What was wrong, for those that were found. */
  readonly problem?: string;
}

const FOLDER = new URL('../../corpus/', import.meta.url);

export function readCorpus(target: string): readonly CorpusCase[] {
  const file = new URL(`${target}.json`, FOLDER);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as CorpusCase[]) : [];
}

/** Adds cases that are not there yet. */
export function addToCorpus(target: string, cases: readonly CorpusCase[]): void {
  const known = readCorpus(target);
  const seen = new Set(known.map(({ hex }) => hex));
  const added = cases.filter(({ hex }) => !seen.has(hex));
  if (added.length === 0) return;
  writeFileSync(new URL(`${target}.json`, FOLDER), `${JSON.stringify([...known, ...added], null, 2)}\n`);
}
