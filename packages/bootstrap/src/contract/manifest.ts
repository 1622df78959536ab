import * as v from 'valibot';

/** The manifest's shape; a reader refuses another number. */
export const manifestVersion: 1 = 1;

/**
 * Where node-pg-migrate keeps its books: a schema of its own, which the declared roles have no grants in (in
 * `public` the default privileges would let the service rewrite its own history). Whoever runs migrations
 * without the Lambda, such as a test run with migrations that no artefact has, keeps them there too.
 */
export const migrationsTable: { readonly schema: string; readonly name: string } = {
  schema: 'postern',
  name: 'migrations',
};

/**
 * Beside it: the checksum of each migration as it was applied. Written in the migration's own transaction, so that the
 * two cannot disagree; a table of its own, because the other one's shape is node-pg-migrate's.
 */
export const checksumsTable: { readonly schema: string; readonly name: string } = {
  schema: 'postern',
  name: 'migration_checksums',
};

/** A migration in the artefact. */
export interface ManifestMigration {
  /** As node-pg-migrate records it: the file's name without extension. */
  readonly name: string;
  /** The file in the artefact's `migrations/<database>/`. */
  readonly file: string;
  /** The file in the repository's migrations folder. */
  readonly source: string;
  /**
   * SHA-256 of the source file with line ends as Git keeps them, so that neither a new compiler nor a checkout on Windows
   * looks like a changed migration.
   */
  readonly sha256: string;
}

/** A declared database as the artefact carries it: complete, validated, hashed. */
export interface ManifestDatabase {
  readonly name: string;
  readonly owner: string;
  readonly migrator: string;
  readonly roles: readonly { readonly name: string; readonly grant: 'readwrite' | 'readonly' }[];
  readonly schemas: readonly string[];
  readonly extensions: readonly string[];
  readonly migrations: readonly ManifestMigration[];
  /** Over the declaration without migrations. */
  readonly declarationHash: string;
  /** Over names and compiled contents of the migrations. */
  readonly migrationsHash: string;
  /** Names a template: changes with anything that changes what a fresh database holds. */
  readonly templateHash: string;
}

/** What an artefact contains. Client and Lambda read the same one. */
export interface Manifest {
  readonly version: typeof manifestVersion;
  readonly databases: readonly ManifestDatabase[];
  /** SHA-256 of the bundled handler. */
  readonly handler: string;
  /** Over everything above. */
  readonly hash: string;
}

const name: v.GenericSchema<unknown, string> = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_]{0,62}$/));
const hash: v.GenericSchema<unknown, string> = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const file: v.GenericSchema<unknown, string> = v.pipe(v.string(), v.regex(/^[\w.-]+$/));
const extension: v.GenericSchema<unknown, string> = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_-]{0,62}$/));

const manifest: v.GenericSchema<unknown, Manifest> = v.strictObject({
  version: v.literal(manifestVersion),
  databases: v.array(
    v.strictObject({
      name: name,
      owner: name,
      migrator: name,
      roles: v.array(v.strictObject({ name: name, grant: v.picklist(['readwrite', 'readonly']) })),
      schemas: v.array(name),
      extensions: v.array(extension),
      migrations: v.array(v.strictObject({ name: file, file: file, source: file, sha256: hash })),
      declarationHash: hash,
      migrationsHash: hash,
      templateHash: hash,
    }),
  ),
  handler: hash,
  hash: hash,
});

/** Reads a manifest; undefined when it is none of this version. */
export function parseManifest(text: string): Manifest | undefined {
  try {
    const result = v.safeParse(manifest, JSON.parse(text));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}
