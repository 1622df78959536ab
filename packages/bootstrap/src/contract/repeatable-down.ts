import type { StatusResult } from './response.ts';

/**
 * Where a `down` begins that was asked for by its count only. With nothing applied it is the newest migration there is, of
 * which nothing is to be taken back; undefined where there is none, or the database could not be looked into.
 */
export function beginningOf({ databases }: StatusResult): string | undefined {
  const [database] = databases;
  return database?.applied.at(-1)?.name ?? database?.pending.at(-1);
}

/** How to say it once more; by its count alone it would begin at what is the newest by then. */
export function repeatedWith(named: string, count: number): string {
  return `Repeat it with ${named}: that takes back what is left of these ${count} and no more.`;
}

export const nothingToTakeBack: { readonly message: string; readonly hint: string } = {
  message: 'there is no migration that could be taken back',
  hint: 'The database has none, or could not be looked into: see the drift of status.',
};
