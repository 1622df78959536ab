import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { transform } from 'esbuild';
import { shown } from './find-declarations.ts';

/** How a module asks where it lies. */
const places = ['__dirname', '__filename', 'import.meta.dirname', 'import.meta.filename', 'import.meta.url'];

/** Stands in for the place with that index. */
const mark = (index: number | string): string => `__postern_place_${index}`;

/**
 * Problems of what a migration is made of: in the function it is one file, and what lay beside its sources is not there. Packages
 * may ask; they have their ways around it.
 */
export async function placeProblems(root: string, inputs: readonly string[]): Promise<string[]> {
  const problems: string[] = [];
  for (const input of inputs) {
    const kind = /^\.[cm]?([jt]sx?)$/.exec(extname(input))?.[1];
    if (kind === undefined || /[\\/]node_modules[\\/]/.test(input)) continue;
    const text = await readFile(input, 'utf8');
    if (!/__(?:dir|file)name\b|\bimport\.meta\b/.test(text)) continue;
    // The compiler knows a comment, a text or a variable of that name from the thing itself.
    const { code } = await transform(text, {
      loader: kind as 'js' | 'ts',
      define: Object.fromEntries(places.map((place, index) => [place, mark(index)])),
      logLevel: 'silent',
    });
    const used = places.find((_, index) => code.includes(mark(index)));
    if (used !== undefined) {
      problems.push(
        `${shown(root, input)}: uses ${used}, but in the function there are no files beside a migration: import what it reads, as in import sql from '../a.sql' with { type: 'text' }`,
      );
    }
  }
  return problems;
}
