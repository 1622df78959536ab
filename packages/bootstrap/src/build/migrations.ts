import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { ManifestMigration } from '../contract/manifest.ts';
import { splitSql } from '../migrate/loader.ts';
import { compile, type OnInput } from './compile.ts';
import { shown } from './find-declarations.ts';
import { transactionEnd } from './transaction-control.ts';

export interface CompiledMigration extends ManifestMigration {
  readonly contents: Uint8Array;
}

const compiled = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'];

/**
 * Reads a migrations folder as node-pg-migrate would, and compiles what is not SQL. Files that it would stumble
 * over only in the Lambda are problems here: every file counts as a migration there.
 */
export async function readMigrations(
  root: string,
  folder: string,
  onInput?: OnInput,
): Promise<{ migrations: CompiledMigration[]; problems: string[] }> {
  const problems: string[] = [];
  const migrations: CompiledMigration[] = [];
  onInput?.(folder);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
  // A database without migrations is a database that somebody else fills.
  if (!entries) return { migrations, problems };
  const names = new Map<string, string>();
  for (const file of entries
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .sort()) {
    if (file.startsWith('.')) continue;
    const path = shown(root, join(folder, file));
    const problem = problemOf(file);
    if (problem) {
      problems.push(`${path}: ${problem}`);
      continue;
    }
    const extension = extname(file);
    const name = basename(file, extension);
    const twin = names.get(name);
    if (twin)
      problems.push(`${path}: has the same name as ${twin}; migrations are recorded without extension`);
    names.set(name, file);
    onInput?.(join(folder, file));
    const source = await readFile(join(folder, file));
    if (extension === '.sql') problems.push(...sqlProblems(path, source.toString('utf8')));
    const contents =
      extension === '.sql' ? source : await compile({ file: join(folder, file), root, onInput });
    migrations.push({
      name,
      file: extension === '.sql' ? file : `${name}.mjs`,
      source: file,
      sha256: createHash('sha256').update(source.toString('utf8').replaceAll('\r\n', '\n')).digest('hex'),
      contents,
    });
  }
  return { migrations: migrations.sort(byNumber), problems };
}

function sqlProblems(path: string, sql: string): string[] {
  const problems: string[] = [];
  if (/^\s*--[\s-]*down\s+migration/im.test(sql) && !/^\s*--[\s-]*up\s+migration/im.test(sql)) {
    problems.push(
      `${path}: has "-- Down Migration" but no "-- Up Migration": all of it, the down part too, would run as up`,
    );
  }
  const { up } = splitSql(sql);
  const end = transactionEnd(up.text);
  if (end) {
    const line = sql.slice(0, up.start).split('\n').length + end.line - 1;
    problems.push(
      `${path}:${line}: "${end.word}" ends the migration's transaction, so that a later error would leave half of it: remove it, or write a .ts migration that calls pgm.noTransaction()`,
    );
  }
  return problems;
}

function problemOf(file: string): string | undefined {
  const extension = extname(file);
  if (extension !== '.sql' && !compiled.includes(extension)) {
    return 'is not a migration (.sql, .ts, .js); keep other files outside of the folder';
  }
  if (file.endsWith('.d.ts')) return 'declaration files do not belong into the folder';
  if (/\.(up|down)\.sql$/.test(file)) {
    return 'pairs of .up.sql and .down.sql would run as two migrations; use one file with "-- Up Migration" and "-- Down Migration"';
  }
  if (!/^\d+[\w.-]*$/.test(file))
    return 'must start with a number and consist of letters, digits, "_", "-" and "."';
  return undefined;
}

/** As node-pg-migrate sorts: by the number in front, then by name. 17 digits are a UTC date. */
function byNumber(a: CompiledMigration, b: CompiledMigration): number {
  return prefixOf(a.name) - prefixOf(b.name) || (a.file < b.file ? -1 : 1);
}

function prefixOf(name: string): number {
  const digits = /^\d+/.exec(name)?.[0] ?? '0';
  if (digits.length !== 17) return Number(digits);
  const [, year, month, day, hour, minute, second, ms] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})$/.exec(digits) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
}
