import * as v from 'valibot';

/** The manifest's shape; a reader refuses another number. */
export const manifestVersion: 2 = 2;

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
  /** As it is recorded: the file's name without extension, for folders of Prisma and Drizzle the folder's or the tag. */
  readonly name: string;
  /** The file in the artefact's `migrations/<database>/`. */
  readonly file: string;
  /** The file in the repository's migrations folder; with Prisma and drizzle-kit 1.0 `<name>/migration.sql`. */
  readonly source: string;
  /**
   * SHA-256 of the source file with line ends as Git keeps them, so that neither a new compiler nor a checkout on Windows
   * looks like a changed migration.
   */
  readonly sha256: string;
}

/** A declared role, complete. */
export interface ManifestRole {
  readonly name: string;
  readonly login: 'iam' | 'passwordless' | 'none';
  /** -1: no limit. */
  readonly connectionLimit: number;
  /** Values as PostgreSQL stores them. */
  readonly settings: Readonly<Record<string, string>>;
  readonly memberOf: readonly string[];
  /** Declared by other databases, too. */
  readonly shared: boolean;
  readonly intent: 'readwrite' | 'readonly' | 'migrator' | 'custom' | 'none';
  /** What the intent means. */
  readonly privileges: ManifestPrivileges;
}

/** Privileges that a role has in its database, spelt out. Empty lists mean none. */
export interface ManifestPrivileges {
  readonly database: readonly string[];
  /** Where the following hold; some or all of the database's schemas. */
  readonly schemas: readonly string[];
  readonly schema: readonly string[];
  readonly tables: readonly string[];
  readonly sequences: readonly string[];
  readonly functions: readonly string[];
}

/** What a database is made with. Missing: the cluster's default. */
export interface ManifestOptions {
  readonly encoding?: string;
  readonly locale?: { readonly provider: 'libc' | 'icu' | 'builtin'; readonly name: string };
  /** -1: no limit. */
  readonly connectionLimit: number;
  readonly settings: Readonly<Record<string, string>>;
}

/** A file of the artefact with the hash of its contents. */
export interface ManifestFile {
  /** Its path in the artefact. */
  readonly path: string;
  readonly sha256: string;
}

/** A declared database as the artefact carries it: complete, validated, hashed. */
export interface ManifestDatabase {
  readonly name: string;
  readonly owner: string;
  readonly migrator: string;
  readonly options: ManifestOptions;
  /** By name. */
  readonly roles: readonly ManifestRole[];
  readonly schemas: readonly string[];
  readonly extensions: readonly string[];
  /** What runs `migrations`: node-pg-migrate, our own for plain SQL files, or `migratorModule`. */
  readonly engine: 'node-pg-migrate' | 'sql' | 'module';
  /** In order. Empty with the engine `module`. */
  readonly migrations: readonly ManifestMigration[];
  /** With the engine `module`: the compiled module; `sha256` is over what its own `hash()` said at build time. */
  readonly migratorModule?: ManifestFile;
  /** Fills test databases. */
  readonly seed?: ManifestFile;
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
const source: v.GenericSchema<unknown, string> = v.pipe(
  v.string(),
  v.regex(/^[\w.-]+(?:\/migration\.sql)?$/),
);
const extension: v.GenericSchema<unknown, string> = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_-]{0,62}$/));

const path: v.GenericSchema<unknown, string> = v.pipe(
  v.string(),
  v.regex(/^(?:migrations\/[a-z0-9_]+\/migrator\.mjs|seeds\/[a-z0-9_]+\.sql)$/),
);
const limit: v.GenericSchema<unknown, number> = v.pipe(v.number(), v.integer(), v.minValue(-1));
const settings: v.GenericSchema<unknown, Record<string, string>> = v.record(
  v.pipe(v.string(), v.regex(/^[a-z_][a-z0-9_.]*$/)),
  v.string(),
);
const words: v.GenericSchema<unknown, string[]> = v.array(v.pipe(v.string(), v.regex(/^[A-Z]+$/)));
const packed: v.GenericSchema<unknown, ManifestFile> = v.strictObject({ path: path, sha256: hash });
const role: v.GenericSchema<unknown, ManifestRole> = v.strictObject({
  name: name,
  login: v.picklist(['iam', 'passwordless', 'none']),
  connectionLimit: limit,
  settings: settings,
  memberOf: v.array(name),
  shared: v.boolean(),
  intent: v.picklist(['readwrite', 'readonly', 'migrator', 'custom', 'none']),
  privileges: v.strictObject({
    database: words,
    schemas: v.array(name),
    schema: words,
    tables: words,
    sequences: words,
    functions: words,
  }),
});

const manifest: v.GenericSchema<unknown, Manifest> = v.strictObject({
  version: v.literal(manifestVersion),
  databases: v.array(
    v.strictObject({
      name: name,
      owner: name,
      migrator: name,
      options: v.strictObject({
        encoding: v.exactOptional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]+$/))),
        locale: v.exactOptional(
          v.strictObject({
            provider: v.picklist(['libc', 'icu', 'builtin']),
            name: v.pipe(v.string(), v.regex(/^[\w.@=;-]+$/)),
          }),
        ),
        connectionLimit: limit,
        settings: settings,
      }),
      roles: v.array(role),
      schemas: v.array(name),
      extensions: v.array(extension),
      engine: v.picklist(['node-pg-migrate', 'sql', 'module']),
      migrations: v.array(v.strictObject({ name: file, file: file, source: source, sha256: hash })),
      migratorModule: v.exactOptional(packed),
      seed: v.exactOptional(packed),
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
