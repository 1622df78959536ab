import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { DependenciesContext, StaticDependency } from './nx-types.ts';

/** An import, re-export or dynamic import of a path that ends in `database/database`, with or without extension. */
const DATABASE_IMPORT =
  /(?:\bfrom|\bimport)\s*\(?\s*(['"])(?<specifier>[^'"\n]*\/database\/database(?:\.[cm]?[jt]s)?)\1/g;

/**
 * Finds projects that import the declaration of another project's database by a relative path. Nx passes the
 * files that changed since the last graph and keeps the edges of all others.
 */
export async function databaseDependencies(context: DependenciesContext): Promise<StaticDependency[]> {
  const owners = new Map(Object.entries(context.projects).map(([name, { root }]) => [root, name]));
  const found = await Promise.all(
    Object.entries(context.filesToProcess.projectFileMap).flatMap(([source, files]) =>
      files
        .filter(({ file }) => /\.[cm]?[jt]s$/.test(file))
        .map(async ({ file }) => {
          const text = await readIfThere(join(context.workspaceRoot, file));
          return ownersOfImports(text, file, owners)
            .filter((target) => target !== source)
            .map((target): StaticDependency => ({ source, target, sourceFile: file, type: 'static' }));
        }),
    ),
  );
  return found.flat();
}

function ownersOfImports(text: string, file: string, owners: ReadonlyMap<string, string>): string[] {
  if (!text.includes('database/database')) return [];
  const names = [...text.matchAll(DATABASE_IMPORT)]
    .map((match) => match.groups?.['specifier'] ?? '')
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => owners.get(posix.join(posix.dirname(file), specifier, '..', '..')))
    .filter((name) => name !== undefined);
  return [...new Set(names)];
}

/** A file that vanished between Nx's listing and this read has no imports. */
async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return '';
  }
}
