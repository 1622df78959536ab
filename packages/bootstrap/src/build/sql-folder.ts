import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { OnInput } from './compile.ts';
import { shown } from './find-declarations.ts';
import { listFolder } from './list-folder.ts';
import { type CompiledMigration, checksum, nameProblem, type ReadMigrations, twinOf } from './migrations.ts';
import { decodeSql, migrationProblems } from './sql-problems.ts';

const instead = 'give it a file of its own, with "-- postern: no-transaction" as its first line';

/** A migration before it is read: the name it is recorded under, and its file within the folder. */
interface SqlFile {
  readonly name: string;
  readonly source: string;
}

/** A folder of `.sql` files, in the order of their names. */
export async function readSqlFolder(
  root: string,
  folder: string,
  onInput?: OnInput,
): Promise<ReadMigrations> {
  const { files } = await listFolder(folder, onInput);
  const problems: string[] = [];
  const found: SqlFile[] = [];
  for (const source of files) {
    if (source.endsWith('.sql')) found.push({ name: basename(source, '.sql'), source });
    else
      problems.push(
        `${shown(root, join(folder, source))}: is not an .sql file; keep it outside of the folder`,
      );
  }
  found.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const [index, { name, source }] of found.entries()) {
    const before = found[index - 1];
    // Without a number every comparison is false.
    if (before && numberOf(before.name) > numberOf(name)) {
      problems.push(
        `${shown(root, join(folder, source))}: comes after ${before.source} in the order of names, which counts; give all numbers the same length`,
      );
    }
  }
  return await readFiles(root, folder, found, problems, onInput);
}

/**
 * What drizzle-kit writes: files in the order of its journal, or, since drizzle-kit 1.0, a folder for each
 * migration without a journal.
 */
export async function readDrizzleFolder(
  root: string,
  folder: string,
  onInput?: OnInput,
): Promise<ReadMigrations> {
  const journal = join(folder, 'meta', '_journal.json');
  onInput?.(journal);
  const text = await readFile(journal, 'utf8').catch(() => undefined);
  const { files, folders } = await listFolder(folder, onInput);
  const at = shown(root, journal);
  if (text === undefined) {
    const sql = files.filter((file) => file.endsWith('.sql'));
    if (sql.length === 0)
      return await readFolders(
        root,
        folder,
        folders.filter((name) => name !== 'meta'),
        [],
        onInput,
      );
    return nothing([`${at}: is missing, so that the order of ${sql[0]} and others is not known`]);
  }
  const { tags, problems } = readJournal(text, at);
  const present = new Set(files);
  const found = tags
    .map((name) => ({ name, source: `${name}.sql` }))
    .filter(({ source }) => {
      if (present.has(source)) return true;
      problems.push(`${at}: names ${source}, which is not there`);
      return false;
    });
  const known = new Set(found.map(({ source }) => source));
  for (const file of files.filter((name) => name.endsWith('.sql') && !known.has(name))) {
    if (problems.length === 0 || tags.length > 0)
      problems.push(`${shown(root, join(folder, file))}: is not in the journal, so that it would never run`);
  }
  return await readFiles(root, folder, found, problems, onInput);
}

/** The `migrations` folder of Prisma. */
export async function readPrismaFolder(
  root: string,
  folder: string,
  onInput?: OnInput,
): Promise<ReadMigrations> {
  const { files, folders } = await listFolder(folder, onInput);
  const problems: string[] = [];
  const lock = 'migration_lock.toml';
  for (const file of files.filter((name) => name !== lock)) {
    problems.push(
      `${shown(root, join(folder, file))}: is no migration of Prisma: those are folders with a migration.sql`,
    );
  }
  if (files.includes(lock)) {
    onInput?.(join(folder, lock));
    const provider = /^\s*provider\s*=\s*"([^"]*)"/m.exec(await readFile(join(folder, lock), 'utf8'))?.[1];
    if (provider !== 'postgresql' && provider !== 'postgres')
      problems.push(
        `${shown(root, join(folder, lock))}: the provider is "${provider ?? ''}", not "postgresql"`,
      );
  }
  return await readFolders(root, folder, folders, problems, onInput);
}

/** `<name>/migration.sql`, in the order of the names. */
async function readFolders(
  root: string,
  folder: string,
  folders: readonly string[],
  problems: string[],
  onInput?: OnInput,
): Promise<ReadMigrations> {
  const found: SqlFile[] = [];
  for (const name of folders) {
    const { files } = await listFolder(join(folder, name), onInput);
    if (files.includes('migration.sql')) found.push({ name, source: `${name}/migration.sql` });
    else
      problems.push(
        `${shown(root, join(folder, name))}: has no migration.sql; remove the folder or restore the file`,
      );
  }
  return await readFiles(root, folder, found, problems, onInput);
}

async function readFiles(
  root: string,
  folder: string,
  found: readonly SqlFile[],
  problems: string[],
  onInput?: OnInput,
): Promise<ReadMigrations> {
  const migrations: CompiledMigration[] = [];
  const names = new Map<string, string>();
  for (const { name, source } of found) {
    const file = join(folder, source);
    const path = shown(root, file);
    const wrong = nameProblem(name);
    const twin = twinOf(names, name, source);
    if (wrong) problems.push(`${path}: ${wrong}`);
    if (twin) problems.push(`${path}: has the same name as ${twin}`);
    if (wrong || twin) continue;
    onInput?.(file);
    const { text, problem } = decodeSql(await readFile(file));
    problems.push(
      ...(problem ? [`${path}: ${problem}`] : migrationProblems(path, text, { instead, mark: true })),
    );
    migrations.push({
      name,
      file: `${name}.sql`,
      source,
      sha256: checksum(text),
      contents: Buffer.from(text),
    });
  }
  return { engine: 'sql', migrations, problems };
}

function readJournal(text: string, at: string): { tags: string[]; problems: string[] } {
  let journal: { dialect?: unknown; entries?: unknown };
  try {
    journal = Object(JSON.parse(text));
  } catch (error) {
    return { tags: [], problems: [`${at}: is not JSON: ${(error as Error).message}`] };
  }
  if (!Array.isArray(journal.entries)) return { tags: [], problems: [`${at}: has no list of "entries"`] };
  const problems: string[] = [];
  if (journal.dialect !== undefined && journal.dialect !== 'postgresql')
    problems.push(`${at}: the dialect is "${String(journal.dialect)}", not "postgresql"`);
  const tags: string[] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const [index, entry] of (journal.entries as unknown[]).entries()) {
    const { tag, idx } = Object(entry) as { tag?: unknown; idx?: unknown };
    if (typeof tag !== 'string' || typeof idx !== 'number' || nameProblem(tag)) {
      problems.push(`${at}: entry ${index} has no usable "tag" and "idx"`);
      continue;
    }
    if (idx <= last)
      problems.push(
        `${at}: entry "${tag}" is out of order (idx ${idx} after ${last}), perhaps after a merge`,
      );
    last = idx;
    tags.push(tag);
  }
  return { tags, problems };
}

function numberOf(name: string): number {
  return Number(/^[Vv]?(\d+)/.exec(name)?.[1] ?? Number.NaN);
}

function nothing(problems: string[]): ReadMigrations {
  return { engine: 'sql', migrations: [], problems };
}
