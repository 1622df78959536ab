import { stat } from 'node:fs/promises';
import type { OnInput } from './compile.ts';
import { shown } from './find-declarations.ts';
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
  // A database without migrations is a database that somebody else fills.
  return without(engine, ...(named ? [`${field}: there is no folder ${shown(root, path)}`] : []));
}

function without(engine: ReadMigrations['engine'], ...problems: string[]): ReadMigrations {
  return { engine, migrations: [], problems };
}
