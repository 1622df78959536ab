import { createHash } from 'node:crypto';
import { type Manifest, type ManifestDatabase, manifestVersion } from '../contract/manifest.ts';
import { completeDeclaration } from '../declaration/complete.ts';
import type { DatabaseDeclaration } from '../declaration/declaration.ts';
import type { ReadMigrations } from './migrations.ts';

/** Changes when templates of the same declaration and migrations would come out differently. */
const templateEngine = 3;

/** Where the parts of a database lie in the artefact. */
export function migrationPath(database: string, file: string): string {
  return `migrations/${database}/${file}`;
}

export function seedPath(database: string): string {
  return `seeds/${database}.sql`;
}

export const migratorFile = 'migrator.mjs';

/** A declaration with its migrations, completed and hashed. */
export function describeDatabase(
  declaration: DatabaseDeclaration,
  { engine, migrations, module }: ReadMigrations,
  seed?: Uint8Array,
): ManifestDatabase {
  const declared = completeDeclaration(declaration);
  const declarationHash = hashOf(declared);
  const migrationsHash = hashOf([
    engine,
    migrations.map(({ name, file, contents }) => [name, file, sha256(contents)]),
    module?.sha256 ?? null,
  ]);
  const seedHash = seed === undefined ? undefined : sha256(seed);
  return {
    ...declared,
    engine,
    migrations: migrations.map(({ name, file, source, sha256 }) => ({ name, file, source, sha256 })),
    ...(module === undefined
      ? {}
      : { migratorModule: { path: migrationPath(declared.name, migratorFile), sha256: module.sha256 } }),
    ...(seedHash === undefined ? {} : { seed: { path: seedPath(declared.name), sha256: seedHash } }),
    declarationHash,
    migrationsHash,
    templateHash: hashOf([templateEngine, declarationHash, migrationsHash, seedHash ?? null]),
  };
}

export function createManifest(
  databases: readonly ManifestDatabase[],
  handler: Readonly<Record<string, Uint8Array>>,
): Manifest {
  const content = {
    version: manifestVersion,
    databases: [...databases].sort((a, b) => (a.name < b.name ? -1 : 1)),
    handler: hashOf(
      Object.keys(handler)
        .sort()
        .map((name) => [name, sha256(handler[name] as Uint8Array)]),
    ),
  };
  return { ...content, hash: hashOf(content) };
}

export function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The values are built here, in a fixed order of keys: their JSON is canonical. */
function hashOf(value: unknown): string {
  return sha256(JSON.stringify(value));
}
