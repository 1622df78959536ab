import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** The environment variable by which tests take another server than the built-in one. */
export const variable = 'POSTERN_TEST_POSTGRES';

/**
 * The test files of a package that would run on another server: those that read the variable, themselves or in a file
 * that they import. Relative to the package.
 */
export function databaseTests(folder: string): string[] {
  return ['src', 'test'].flatMap((part) =>
    filesOf(join(folder, part))
      .filter((file) => file.endsWith('.test.ts') && readsVariable(file))
      .map((file) => relative(folder, file))
      .sort(),
  );
}

function filesOf(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return []; // not every package has both
  }
}

function readsVariable(file: string, seen: Set<string> = new Set()): boolean {
  if (seen.has(file) || !existsSync(file)) return false; // the text of a test may hold imports of files that it makes
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  if (text.includes(variable)) return true;
  const imported = [...text.matchAll(/ from '(\.{1,2}\/[^']+\.ts)'/g)].map(([, path = '']) => path);
  return imported.some((path) => readsVariable(join(dirname(file), path), seen));
}
