import { createHash } from 'node:crypto';
import { type Manifest, type ManifestDatabase, manifestVersion } from '../contract/manifest.ts';
import { completeDeclaration } from '../declaration/complete.ts';
import type { DatabaseDeclaration } from '../declaration/declaration.ts';
import type { CompiledMigration } from './migrations.ts';

/** Changes when templates of the same declaration and migrations would come out differently. */
const templateEngine = 2;

/** A declaration with its migrations, completed and hashed. */
export function describeDatabase(
  declaration: DatabaseDeclaration,
  migrations: readonly CompiledMigration[],
): ManifestDatabase {
  const declared = completeDeclaration(declaration);
  const declarationHash = hashOf(declared);
  const migrationsHash = hashOf(migrations.map(({ file, contents }) => [file, sha256(contents)]));
  return {
    ...declared,
    engine: 'node-pg-migrate',
    migrations: migrations.map(({ name, file, source, sha256 }) => ({ name, file, source, sha256 })),
    declarationHash,
    migrationsHash,
    templateHash: hashOf([templateEngine, declarationHash, migrationsHash]),
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
