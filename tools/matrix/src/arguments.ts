import { builtIn, pinned } from './servers.ts';

/** The major versions to test with: those of the command line, or every one that `npm cit` does not use. */
export function parseMajors(args: readonly string[]): number[] {
  const known = [...pinned.keys(), builtIn].sort();
  const unknown = args.filter((arg) => !known.includes(Number(arg)));
  if (unknown.length > 0)
    throw new RangeError(
      `Unknown version: ${unknown.join(', ')}. Known are ${known.join(', ')}. Example: npm run matrix -- 15 16 18`,
    );
  return args.length > 0 ? [...new Set(args.map(Number))] : [...pinned.keys()];
}
