import { dirname, resolve } from 'node:path';
import type { DatabaseDeclaration } from '../declaration/declaration.ts';
import { declarationProblems } from '../declaration/problems.ts';
import { BootstrapError, isBootstrapError } from '../errors.ts';
import { compile, type OnInput } from './compile.ts';
import { shown } from './find-declarations.ts';

/** Where a database's migrations are. */
export interface LocatedMigrations {
  readonly kind: 'folder' | 'sql' | 'drizzle' | 'prisma' | 'migrator';
  /** Absolute. */
  readonly path: string;
  /** Named by the declaration, so that it must be there. */
  readonly named: boolean;
}

export interface LoadedDeclaration {
  readonly declaration: DatabaseDeclaration;
  /** Absolute path of the declaration's file. */
  readonly file: string;
  readonly migrations: LocatedMigrations;
  /** Absolute path. */
  readonly seed?: string;
}

/**
 * Loads the declarations of a file. It is compiled in memory and imported from there: that works on every Node, inside
 * test runners, and sees the file as it is now, not as a module cache remembers it.
 */
export async function loadDeclarations(
  root: string,
  file: string,
  onInput?: OnInput,
): Promise<{ readonly loaded: LoadedDeclaration[]; readonly problems: string[] }> {
  const name = shown(root, file);
  const { code } = await compile({ file, root, as: 'declaration', onInput });
  let exported: unknown;
  try {
    const module = await import(
      /* @vite-ignore */ `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`
    );
    exported = module.default;
  } catch (cause) {
    if (isBootstrapError(cause) && cause.code === 'BOOTSTRAP_DECLARATION_INVALID')
      return { loaded: [], problems: prefixed(name, (cause.details['problems'] ?? []) as string[]) };
    throw new BootstrapError(
      'BOOTSTRAP_BUILD_FAILED',
      `${name}: ${(cause as Error)?.message ?? String(cause)}`,
      {
        hint: 'The declaration throws when it is loaded.',
        cause,
      },
    );
  }
  const declarations: unknown[] = Array.isArray(exported) ? exported : [exported];
  if (declarations.length === 0)
    return { loaded: [], problems: [`${name}: the default export is a list without a database`] };
  const problems: string[] = [];
  const loaded: LoadedDeclaration[] = [];
  for (const declaration of declarations) {
    const found = declarationProblems(declaration);
    if (found.length > 0) {
      problems.push(...prefixed(name, found));
      continue;
    }
    const valid = declaration as DatabaseDeclaration;
    if (declarations.length > 1 && valid.migrations === undefined) {
      problems.push(
        `${name}: database "${valid.name}": migrations: is required, because the file declares several databases and each has its own`,
      );
      continue;
    }
    loaded.push({
      declaration: valid,
      file,
      migrations: locate(dirname(file), valid),
      ...(valid.seed === undefined ? {} : { seed: resolve(dirname(file), valid.seed) }),
    });
  }
  return { loaded, problems };
}

function locate(folder: string, { migrations }: DatabaseDeclaration): LocatedMigrations {
  const at = (kind: LocatedMigrations['kind'], path: string): LocatedMigrations => ({
    kind,
    path: resolve(folder, path),
    named: migrations !== undefined,
  });
  if (migrations === undefined) return at('folder', 'migrations');
  if (typeof migrations === 'string') return at('folder', migrations);
  if ('folder' in migrations) return at('folder', migrations.folder);
  if ('sql' in migrations) return at('sql', migrations.sql);
  if ('drizzle' in migrations) return at('drizzle', migrations.drizzle);
  if ('prisma' in migrations) return at('prisma', migrations.prisma);
  return at('migrator', migrations.migrator);
}

function prefixed(name: string, problems: readonly string[]): string[] {
  return problems.map((problem) => `${name}: ${problem}`);
}
