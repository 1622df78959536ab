import { readFile } from 'node:fs/promises';
import type { ManifestDatabase } from '../contract/manifest.ts';
import { clashes } from '../declaration/clashes.ts';
import { declarationInvalid } from '../declaration/declaration.ts';
import type { Compiled, OnInput } from './compile.ts';
import { findDeclarations, shown } from './find-declarations.ts';
import { type LoadedDeclaration, loadDeclarations } from './load-declaration.ts';
import { describeDatabase, migrationPath, migratorFile, seedPath } from './manifest.ts';
import type { ReadMigrations } from './migrations.ts';
import { readMigrations } from './read-migrations.ts';
import { decodeSql, sqlProblems } from './sql-problems.ts';

/** Declarations and their migrations, read and compiled. */
export interface CollectedParts {
  readonly databases: readonly ManifestDatabase[];
  /** Path in the artefact → contents. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Path in the artefact → what was compiled. */
  readonly compiled: Readonly<Record<string, Compiled>>;
}

/** @throws BootstrapError `BOOTSTRAP_DECLARATION_INVALID` with all problems of all declarations and migrations */
export async function collect(
  root: string,
  folders: readonly string[] | undefined,
  onInput: OnInput | undefined,
): Promise<CollectedParts> {
  const problems: string[] = [];
  const loaded: LoadedDeclaration[] = [];
  for (const file of await findDeclarations(root, folders, onInput)) {
    const result = await loadDeclarations(root, file, onInput);
    loaded.push(...result.loaded);
    problems.push(...result.problems);
  }
  problems.push(
    ...clashes(
      loaded.map(({ declaration }) => declaration),
      problems.length > 0,
    ),
  );
  problems.push(...sharedMigrations(root, loaded));
  const databases: ManifestDatabase[] = [];
  const files: Record<string, Uint8Array> = {};
  const compiled: Record<string, Compiled> = {};
  for (const one of loaded) {
    const { name } = one.declaration;
    const read = await readMigrations(root, one, onInput);
    const seed = await readSeed(root, one, onInput);
    problems.push(...read.problems, ...seed.problems);
    databases.push(describeDatabase(one.declaration, read, seed.contents));
    for (const [file, contents, from] of partsOf(read)) {
      files[migrationPath(name, file)] = contents;
      if (from) compiled[migrationPath(name, file)] = from;
    }
    if (seed.contents) files[seedPath(name)] = seed.contents;
  }
  if (problems.length > 0) throw declarationInvalid(problems);
  return { databases, files, compiled };
}

function partsOf({ migrations, module }: ReadMigrations): [string, Uint8Array, Compiled | undefined][] {
  return [
    ...migrations.map(({ file, contents, compiled }): [string, Uint8Array, Compiled | undefined] => [
      file,
      contents,
      compiled,
    ]),
    ...(module
      ? [[migratorFile, module.compiled.code, module.compiled] as [string, Uint8Array, Compiled]]
      : []),
  ];
}

async function readSeed(
  root: string,
  { declaration, file, seed }: LoadedDeclaration,
  onInput?: OnInput,
): Promise<{ readonly contents?: Uint8Array; readonly problems: string[] }> {
  if (seed === undefined) return { problems: [] };
  onInput?.(seed);
  const path = shown(root, seed);
  const source = await readFile(seed).catch(() => undefined);
  if (!source) {
    return {
      problems: [`${shown(root, file)}: database "${declaration.name}": seed: there is no file ${path}`],
    };
  }
  const { text, problem } = decodeSql(source);
  if (problem) return { problems: [`${path}: ${problem}`] };
  return {
    contents: Buffer.from(text),
    problems: sqlProblems(path, text, { instead: 'move it to a migration', transaction: true }),
  };
}

/** The books of a database say what was applied there; two databases of one folder are most likely a slip. */
function sharedMigrations(root: string, loaded: readonly LoadedDeclaration[]): string[] {
  const users = new Map<string, string>();
  const problems: string[] = [];
  for (const { declaration, migrations } of loaded) {
    const other = users.get(migrations.path);
    users.set(migrations.path, declaration.name);
    if (other !== undefined && other !== declaration.name) {
      problems.push(
        `databases "${other}" and "${declaration.name}" have the same migrations, ${shown(root, migrations.path)}: give each its own`,
      );
    }
  }
  return problems;
}
