import { readdir, stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { BootstrapError } from '../errors.ts';
import type { OnInput } from './compile.ts';

/** Folders of a workspace whose children are looked at for `<child>/database/database.ts`. */
const conventional = ['apps', 'packages'];

const fileNames = ['database.ts', 'database.mts', 'database.js', 'database.mjs'];

/** Absolute paths of declaration files, sorted. Given folders are a service's or its `database` folder. */
export async function findDeclarations(
  root: string,
  folders?: readonly string[],
  onInput?: OnInput,
): Promise<string[]> {
  if (folders !== undefined) {
    const found: string[] = [];
    const problems: string[] = [];
    for (const folder of folders) {
      const absolute = resolve(root, folder);
      const file =
        (await declarationIn(join(absolute, 'database'), onInput)) ??
        (await declarationIn(absolute, onInput));
      if (file) found.push(file);
      else problems.push(`no database/database.ts in ${shown(root, absolute)}`);
    }
    if (problems.length > 0) throw notFound(problems.join('\n'));
    return [...new Set(found)].sort();
  }
  // A repository that is one service declares its database at the root.
  const own = await declarationIn(join(root, 'database'), onInput);
  const found: string[] = own ? [own] : [];
  for (const parent of conventional) {
    onInput?.(join(root, parent));
    const children = await readdir(join(root, parent), { withFileTypes: true }).catch(() => []);
    for (const child of children) {
      if (!child.isDirectory()) continue;
      const file = await declarationIn(join(root, parent, child.name, 'database'), onInput);
      if (file) found.push(file);
    }
  }
  if (found.length === 0)
    throw notFound(
      `no database/database.ts at the root or in ${conventional.map((folder) => `${folder}/*`).join(', ')}`,
    );
  return found.sort();
}

/** A path as people write it, relative to the root. */
export function shown(root: string, path: string): string {
  return relative(root, path).split(sep).join('/') || '.';
}

async function declarationIn(folder: string, onInput?: OnInput): Promise<string | undefined> {
  for (const name of fileNames) {
    const file = join(folder, name);
    onInput?.(file);
    if ((await stat(file).catch(() => undefined))?.isFile()) return file;
  }
  return undefined;
}

function notFound(message: string): BootstrapError {
  return new BootstrapError('BOOTSTRAP_BUILD_FAILED', message, {
    hint: 'Declare a database in <service>/database/database.ts with defineDatabase(), or name the folders.',
  });
}
