import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MigrationBuilder } from 'node-pg-migrate/migrationBuilder';
import type { ManifestMigration } from '../contract/manifest.ts';
import { migrationFailed } from './failure.ts';
import type { MigrationRun } from './run.ts';

/** Short names for types of columns. */
type ColumnDefinitions = NonNullable<ConstructorParameters<typeof MigrationBuilder>[1]>;

/** A function of a migration, in one of the shapes that node-pg-migrate takes. */
export type Action = (pgm: MigrationBuilder, done?: (error?: unknown) => void) => unknown;

/** What one direction of a migration is. */
export type Part =
  | {
      readonly kind: 'sql';
      readonly text: string;
      /** Where in the file it begins. */
      readonly firstLine: number;
      readonly transaction: boolean;
    }
  | { readonly kind: 'code'; readonly action: Action }
  /** The reverse of this `up`. */
  | { readonly kind: 'inferred'; readonly action: Action };

/** A migration, ready to run. */
export interface Unit {
  readonly migration: ManifestMigration;
  /** Missing where the file has disabled it. */
  readonly up?: Part;
  readonly down?: Part;
  /** Its own and those of all before it, as node-pg-migrate hands them on. */
  readonly shorthands: ColumnDefinitions;
}

/**
 * Loads the named migrations: `.mjs` (everything that was TypeScript or JavaScript, compiled at build time) by native import,
 * `.sql` by the rules of node-pg-migrate's classic SQL migrations. Modules before them are loaded, too, for their shorthands.
 */
export async function loadUnits(run: MigrationRun, names: ReadonlySet<string>): Promise<Unit[]> {
  const { migrations } = run.definition;
  const last = migrations.findLastIndex(({ name }) => names.has(name));
  const units: Unit[] = [];
  let shorthands: ColumnDefinitions = {};
  for (const migration of migrations.slice(0, last + 1)) {
    const wanted = names.has(migration.name);
    const sql = migration.file.endsWith('.sql');
    if (sql && !wanted) continue;
    try {
      const parts = sql ? await loadSql(migration, run) : await loadModule(migration, run);
      shorthands = { ...shorthands, ...parts.shorthands };
      if (wanted) units.push({ migration, ...parts, shorthands });
    } catch (error) {
      throw migrationFailed(error, run, { file: migration.source, transaction: true });
    }
  }
  return units;
}

interface Parts {
  readonly up?: Part;
  readonly down?: Part;
  readonly shorthands?: ColumnDefinitions;
}

interface MigrationModule {
  readonly up?: Action | false;
  readonly down?: Action | false;
  readonly shorthands?: ColumnDefinitions;
}

async function loadModule(migration: ManifestMigration, run: MigrationRun): Promise<Parts> {
  const url = pathToFileURL(join(run.folder, migration.file)).href;
  const namespace = await import(/* @vite-ignore */ url);
  const module: MigrationModule = 'up' in namespace ? namespace : (namespace.default ?? namespace);
  const { up, down, shorthands } = module;
  return {
    ...(typeof up === 'function' ? { up: { kind: 'code', action: up } } : {}),
    // A `down` that is missing means "the reverse of up", `false` means "there is none".
    ...(typeof down === 'function' ? { down: { kind: 'code', action: down } } : {}),
    ...(down === undefined && typeof up === 'function' ? { down: { kind: 'inferred', action: up } } : {}),
    ...(shorthands === undefined ? {} : { shorthands }),
  };
}

async function loadSql({ file }: ManifestMigration, run: MigrationRun): Promise<Parts> {
  const content = (await readFile(join(run.folder, file), 'utf8')).replace(/^\uFEFF/, '');
  const { up, down } = splitSql(content);
  const whole = run.definition.engine === 'sql' && declinesTransaction(content);
  const part = ({ text, start }: { text: string; start: number }): Part => ({
    kind: 'sql',
    text,
    firstLine: content.slice(0, start).split('\n').length,
    transaction: !whole && !(run.definition.engine === 'sql' && declinesTransaction(text)),
  });
  return { up: part(up), ...(down === undefined ? {} : { down: part(down) }) };
}

/**
 * Whether an SQL file, or its part for one direction, has the line `-- postern: no-transaction` among the comments that it
 * begins with.
 */
export function declinesTransaction(sql: string): boolean {
  for (const line of sql.split('\n')) {
    if (/^\s*--\s*postern:\s*no-transaction\s*$/i.test(line)) return true;
    if (!/^\s*(--.*)?$/.test(line)) return false;
  }
  return false;
}

/** `-- Up Migration` and `-- Down Migration` lines split a file; without a marker everything is up. */
export function splitSql(content: string): {
  readonly up: { readonly text: string; readonly start: number };
  readonly down: { readonly text: string; readonly start: number } | undefined;
} {
  const up = content.search(/^\s*--[\s-]*up\s+migration/im);
  const down = content.search(/^\s*--[\s-]*down\s+migration/im);
  const part = (start: number, other: number): { text: string; start: number } => ({
    text: content.slice(start, other > start ? other : undefined),
    start,
  });
  return {
    up: up >= 0 ? part(up, down) : { text: content, start: 0 },
    down: down >= 0 ? part(down, up) : undefined,
  };
}
