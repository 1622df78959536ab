import { createHash } from 'node:crypto';
import type { ManifestDatabase, ManifestMigration } from '../contract/manifest.ts';
import type { Compiled } from './compile.ts';

export interface CompiledMigration extends ManifestMigration {
  readonly contents: Uint8Array;
  /** What was compiled; not with SQL. */
  readonly compiled?: Compiled;
}

/** The migrations of one database, read and compiled. */
export interface ReadMigrations {
  readonly engine: ManifestDatabase['engine'];
  readonly migrations: readonly CompiledMigration[];
  /** With the engine `module`. */
  readonly module?: { readonly compiled: Compiled; readonly sha256: string };
  readonly problems: readonly string[];
}

/**
 * As requests and test runs name them (`to`, `from`, `publish`): what the build lets through, the function must be able to be asked
 * for. Shorter than what AWS Lambda's file system could hold.
 */
const maxNameChars = 200;

/** What is wrong with a name under which a migration is recorded and packed. */
export function nameProblem(name: string): string | undefined {
  if (!/^[\w.-]+$/.test(name)) return 'must consist of letters, digits, "_", "-" and "."';
  if (!/^\w/.test(name)) return 'must begin with a letter, a digit or "_"';
  if (name === 'migrator') return 'has a name that is reserved';
  if (name.length > maxNameChars)
    return `is too long: names of migrations have at most ${maxNameChars} characters`;
  return undefined;
}

/** The first of two names that become one, on the server or where file systems know no case. */
export function twinOf(names: Map<string, string>, name: string, file: string): string | undefined {
  const twin = names.get(name.toLowerCase());
  names.set(name.toLowerCase(), file);
  return twin;
}

/** A source file's checksum does not depend on how a checkout writes line ends. */
export function checksum(text: string): string {
  return createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex');
}
