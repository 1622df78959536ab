import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** The configuration as far as it can be seen without running it. */
export interface ConfigFiles {
  /** The configuration and every file that it imports by a relative path, first the configuration itself. */
  readonly files: ReadonlyArray<{
    /** Relative to the workspace root, with `/`. */
    readonly path: string;
    readonly text: string;
  }>;
  /** False when the answer may depend on more: the process's environment, other packages, computed imports. */
  readonly selfContained: boolean;
}

const EXTENSIONS = ['ts', 'mts', 'js', 'mjs'];
const CONFIG_FILES = EXTENSIONS.map((extension) => `postern.config.${extension}`);

/** An import, re-export or dynamic import with a literal path. */
const IMPORT = /\b(?:from|import|require)\s*\(?\s*(['"])(?<specifier>[^'"\n]+)\1/g;

/** Whatever lets a configuration see more than its files. */
const LOOKS_FURTHER = /\bprocess\b|\bglobalThis\b|\bimport\s*\(\s*[^'"\s]|\bimport\.meta\b|\brequire\b/;

/** Finds the files that the configuration consists of. None when there is no configuration. */
export async function readConfigFiles(workspaceRoot: string): Promise<ConfigFiles> {
  const first = configFile(workspaceRoot);
  const files: { path: string; text: string }[] = [];
  let selfContained = true;
  const seen = new Set<string>();
  const queue = first === undefined ? [] : [first];
  for (const file of queue) {
    if (seen.has(file)) continue;
    seen.add(file);
    const text = await readFile(file, 'utf8').catch(() => '');
    files.push({ path: relative(workspaceRoot, file).split(sep).join('/'), text });
    if (LOOKS_FURTHER.test(text)) selfContained = false;
    for (const match of text.matchAll(IMPORT)) {
      const specifier = match.groups?.['specifier'] ?? '';
      const imported = specifier.startsWith('.')
        ? importedFile(resolve(dirname(file), specifier))
        : undefined;
      if (imported !== undefined) queue.push(imported);
      else if (!specifier.startsWith('@postern/')) selfContained = false;
    }
  }
  return { files, selfContained };
}

/** As `@postern/connect` finds it from the workspace root: POSTERN_CONFIG, or the file at the root. */
function configFile(workspaceRoot: string): string | undefined {
  const named = process.env['POSTERN_CONFIG'];
  const names = named === undefined || named === '' ? CONFIG_FILES : [named];
  return names.map((name) => resolve(workspaceRoot, name)).find((path) => existsSync(path));
}

/** A file by the path that an import names, as TypeScript and Node write it. */
function importedFile(path: string): string | undefined {
  const bare = path.replace(/\.[cm]?js$/, '');
  const candidates = [
    path,
    ...EXTENSIONS.flatMap((extension) => [`${bare}.${extension}`, join(bare, `index.${extension}`)]),
  ];
  return candidates.find((candidate) => /\.[cm]?[jt]s(?:on)?$/.test(candidate) && existsSync(candidate));
}
