import { dirname, resolve } from 'node:path';
import type { DatabaseDeclaration } from '../declaration/declaration.ts';
import { declarationProblems } from '../declaration/problems.ts';
import { BootstrapError, isBootstrapError } from '../errors.ts';
import { compile, type OnInput } from './compile.ts';
import { shown } from './find-declarations.ts';

export interface LoadedDeclaration {
  readonly declaration: DatabaseDeclaration;
  /** Absolute path of its migrations. */
  readonly migrations: string;
}

/**
 * Loads a declaration. It is compiled in memory and imported from there: that works on every Node, inside
 * test runners, and sees the file as it is now, not as a module cache remembers it.
 */
export async function loadDeclaration(
  root: string,
  file: string,
  onInput?: OnInput,
): Promise<
  | { readonly loaded: LoadedDeclaration; readonly problems?: never }
  | { readonly loaded?: never; readonly problems: string[] }
> {
  const name = shown(root, file);
  const code = await compile({ file, root, bundleEverything: true, onInput });
  let declaration: unknown;
  try {
    const module = await import(
      /* @vite-ignore */ `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`
    );
    declaration = module.default;
  } catch (cause) {
    if (isBootstrapError(cause)) return { problems: prefixed(name, cause.details['problems'] as string[]) };
    throw new BootstrapError('BOOTSTRAP_BUILD_FAILED', `${name}: ${(cause as Error).message}`, {
      hint: 'The declaration throws when it is loaded.',
      cause,
    });
  }
  const problems = declarationProblems(declaration);
  if (problems.length > 0) return { problems: prefixed(name, problems) };
  const valid = declaration as DatabaseDeclaration;
  return {
    loaded: { declaration: valid, migrations: resolve(dirname(file), valid.migrations ?? 'migrations') },
  };
}

function prefixed(name: string, problems: readonly string[]): string[] {
  return problems.map((problem) => `${name}: ${problem}`);
}
