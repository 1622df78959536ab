import { stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { OnInput } from './compile.ts';
import { shown } from './find-declarations.ts';
import { listFolder } from './list-folder.ts';
import type { LoadedDeclaration, LocatedMigrations } from './load-declaration.ts';
import type { ReadMigrations } from './migrations.ts';
import { readMigratorModule } from './migrator-module.ts';
import { readNodePgMigrateFolder } from './node-pg-migrate-folder.ts';
import { readDrizzleFolder, readPrismaFolder, readSqlFolder } from './sql-folder.ts';

const folders: Readonly<Record<Exclude<LocatedMigrations['kind'], 'migrator'>, typeof readSqlFolder>> = {
  folder: readNodePgMigrateFolder,
  sql: readSqlFolder,
  drizzle: readDrizzleFolder,
  prisma: readPrismaFolder,
};

/** Reads and compiles the migrations of a declaration, whatever they are written in. */
export async function readMigrations(
  root: string,
  { declaration, file, migrations: { kind, path, named } }: LoadedDeclaration,
  onInput?: OnInput,
): Promise<ReadMigrations> {
  onInput?.(path);
  const found = await stat(path).catch(() => undefined);
  const field = `${shown(root, file)}: database "${declaration.name}": migrations`;
  if (kind === 'migrator') {
    if (found?.isFile()) return await readMigratorModule(root, path, file, onInput);
    return without('module', `${field}: there is no file ${shown(root, path)}`);
  }
  const engine = kind === 'folder' ? 'node-pg-migrate' : 'sql';
  if (found?.isDirectory()) return await folders[kind](root, path, onInput);
  if (named) return without(engine, `${field}: there is no folder ${shown(root, path)}`);
  const meant = await likelyFolder(root, dirname(file), onInput);
  // A database without migrations is a database that somebody else fills.
  if (meant === undefined) return without(engine);
  return without(
    engine,
    `${field}: is not given and there is no folder ${shown(root, path)}, but ${shown(root, meant)} looks like it: name it, or if the database shall have no migrations make the folder, empty but for a .gitkeep`,
  );
}

const numbered = /^\d+[\w.-]*\.(?:sql|[cm]?[jt]s)$/;
const code = /\.(?:sql|[cm]?[jt]s)$/;

/** A folder that is most likely the migrations, misnamed or one too high: otherwise they would never run, and nobody be told. */
async function likelyFolder(root: string, folder: string, onInput?: OnInput): Promise<string | undefined> {
  const parents = relative(root, folder) !== '' && basename(folder) === 'database' ? [dirname(folder)] : [];
  for (const parent of [folder, ...parents]) {
    for (const name of (await listFolder(parent, onInput)).folders) {
      if (name === 'node_modules') continue;
      const called = /migrat/i.test(name);
      if (!called && parent !== folder) continue;
      const { files } = await listFolder(join(parent, name), onInput);
      if (files.some((file) => (called ? code : numbered).test(file))) return join(parent, name);
    }
  }
  return undefined;
}

function without(engine: ReadMigrations['engine'], ...problems: string[]): ReadMigrations {
  return { engine, migrations: [], problems };
}
