import { readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { compile, type OnInput } from './compile.ts';
import { placeProblems } from './file-places.ts';
import { shown } from './find-declarations.ts';
import { listFolder } from './list-folder.ts';
import { type CompiledMigration, checksum, nameProblem, type ReadMigrations, twinOf } from './migrations.ts';
import { decodeSql, migrationProblems } from './sql-problems.ts';

const compiled = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'];
const instead = 'write a .ts migration that calls pgm.noTransaction()';

/**
 * Reads a migrations folder as node-pg-migrate would, and compiles what is not SQL. Files that it would stumble
 * over only in the Lambda are problems here: every file counts as a migration there.
 */
export async function readNodePgMigrateFolder(
  root: string,
  folder: string,
  onInput?: OnInput,
): Promise<ReadMigrations> {
  const problems: string[] = [];
  const migrations: CompiledMigration[] = [];
  const names = new Map<string, string>();
  const { files } = await listFolder(folder, onInput);
  for (const file of files) {
    const path = shown(root, join(folder, file));
    const problem = problemOf(file);
    if (problem) {
      problems.push(`${path}: ${problem}`);
      continue;
    }
    const extension = extname(file);
    const name = basename(file, extension);
    const twin = twinOf(names, name, file);
    if (twin)
      problems.push(`${path}: has the same name as ${twin}; migrations are recorded without extension`);
    onInput?.(join(folder, file));
    const source = await readFile(join(folder, file));
    if (extension === '.sql') {
      const { text, problem } = decodeSql(source);
      problems.push(
        ...(problem ? [`${path}: ${problem}`] : migrationProblems(path, text, { instead, mark: false })),
      );
      migrations.push({ name, file, source: file, sha256: checksum(text), contents: Buffer.from(text) });
    } else {
      const result = await compile({ file: join(folder, file), root, onInput });
      problems.push(...(await placeProblems(root, result.inputs)));
      if (!result.exports.includes('up') && !result.exports.includes('default'))
        problems.push(`${path}: exports no function "up"${listed(result.exports)}`);
      migrations.push({
        name,
        file: `${name}.mjs`,
        source: file,
        sha256: checksum(source.toString('utf8')),
        contents: result.code,
        compiled: result,
      });
    }
  }
  return {
    engine: 'node-pg-migrate',
    migrations: migrations.sort(byNumber),
    problems: [...new Set(problems)],
  };
}

function listed(exports: readonly string[]): string {
  return exports.length === 0 ? '' : `, only ${exports.map((name) => `"${name}"`).join(', ')}`;
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
  return nameProblem(basename(file, extension));
}

/**
 * As node-pg-migrate sorts: by the number in front (17 digits are a UTC date), then by the file's name as people would. Its
 * own collation is that of the machine's language, which must not decide here.
 */
const collator = new Intl.Collator('en', { numeric: true, ignorePunctuation: true });

function byNumber(a: CompiledMigration, b: CompiledMigration): number {
  return prefixOf(a.name) - prefixOf(b.name) || collator.compare(a.source, b.source);
}

function prefixOf(name: string): number {
  const digits = /^\d+/.exec(name)?.[0] ?? '0';
  if (digits.length !== 17) return Number(digits);
  const [, year, month, day, hour, minute, second, ms] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})$/.exec(digits) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
}
