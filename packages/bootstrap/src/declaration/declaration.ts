import { BootstrapError } from '../errors.ts';
import { declarationProblems } from './problems.ts';

/**
 * What a role may do with the objects of the database's schemas, present and future.
 *
 * - `readwrite`: SELECT, INSERT, UPDATE, DELETE on tables and views, use of sequences, temporary tables.
 * - `readonly`: SELECT.
 * - `migrator`: may become the owner (`SET ROLE`), as `<name>_migrator` may; nothing before that.
 */
export type Intent = 'readwrite' | 'readonly' | 'migrator';

/** Privileges by name, for what no intent says. Each holds for what exists and for what the owner will create. */
export interface CustomPrivileges {
  /** On tables, views and foreign tables. */
  readonly tables?: readonly TablePrivilege[];
  readonly sequences?: readonly SequencePrivilege[];
  /** On functions and procedures. PostgreSQL gives EXECUTE to everybody unless a migration revokes it. */
  readonly functions?: readonly 'EXECUTE'[];
  /** Beside USAGE on the schemas, which every grant brings along. */
  readonly schemas?: readonly 'CREATE'[];
  /** Beside CONNECT, which every login gets. */
  readonly database?: readonly ('TEMPORARY' | 'CREATE')[];
  /** Only in these of the database's `schemas`. Default all. */
  readonly in?: readonly string[];
}

export type TablePrivilege =
  | 'SELECT'
  | 'INSERT'
  | 'UPDATE'
  | 'DELETE'
  | 'TRUNCATE'
  | 'REFERENCES'
  | 'TRIGGER';
export type SequencePrivilege = 'USAGE' | 'SELECT' | 'UPDATE';

export type Grant = Intent | { readonly custom: CustomPrivileges };

/** A role in full. The short form, an intent, is `{ grant: intent }`. */
export interface RoleDeclaration {
  /** Default: none; the role then has what `memberOf` brings. */
  readonly grant?: Grant;
  /**
   * How the role logs in. `'iam'` (default): with a token of AWS IAM and nothing else. `'passwordless'`: the role may log
   * in, but Postern gives it neither a password nor IAM, for Kerberos (`rds_ad`) or a password that somebody else
   * manages. `false`: not at all, a group for others to be members of.
   */
  readonly login?: 'iam' | 'passwordless' | false;
  /** Concurrent sessions of this login, cluster-wide. Default -1: no limit of its own. */
  readonly connectionLimit?: number;
  /**
   * What each session of this login starts with (`ALTER ROLE … SET`), such as `{ statement_timeout: '30s' }`. Numbers and
   * booleans as PostgreSQL reads them.
   */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Declared roles whose privileges this one inherits. They must not log in. */
  readonly memberOf?: readonly string[];
  /**
   * The same role in several databases: each of them declares it with `shared: true`, the same attributes, and a grant of
   * its own. Default false: a role belongs to one database.
   */
  readonly shared?: boolean;
}

/** Where migrations come from; the short form, a path, is `{ folder: path }`. Paths are relative to the declaration's file. */
export type MigrationsSource =
  /** node-pg-migrate 9: `.sql`, `.ts`, `.js`. */
  | { readonly folder: string }
  /** Plain `.sql` files in the order of their names, each in a transaction. */
  | { readonly sql: string }
  /** The output folder of drizzle-kit: `meta/_journal.json` and its `.sql` files. */
  | { readonly drizzle: string }
  /** The `migrations` folder of Prisma: `<time>_<name>/migration.sql`. */
  | { readonly prisma: string }
  /** A module whose default export is a {@link Migrator}: Kysely, Knex, TypeORM, or your own. */
  | { readonly migrator: string };

/** The collation of a database. It cannot be changed later. */
export interface Locale {
  /** `builtin` needs PostgreSQL 17. Default `libc`. */
  readonly provider?: 'libc' | 'icu' | 'builtin';
  /** Such as `C.UTF-8`, `en_US.UTF-8` or, for ICU, `de-DE`. */
  readonly name: string;
}

/** A service's database, declared beside its migrations in `<service>/database/database.ts`. */
export interface DatabaseDeclaration {
  /**
   * Name on the cluster. From it follow `<name>_owner` (NOLOGIN, owns the database and its objects) and
   * `<name>_migrator` (IAM login that may become the owner). Lower-case letters, digits, `_`; at most 51 bytes,
   * so that every derived name fits PostgreSQL's 63.
   */
  readonly name: string;
  /** The role that owns the database and its objects, never a login. Default `<name>_owner`. Databases may have one in common. */
  readonly owner?: string;
  /** The roles of the service by name, logins by IAM token unless they say otherwise. Roles belong to the cluster: names are global. */
  readonly roles?: Readonly<Record<string, Intent | RoleDeclaration>>;
  /** Extensions, created by the bootstrap. Default none. */
  readonly extensions?: readonly string[];
  /** Schemas, owned by the owner, in which `roles` get their grants. Created when missing. Default `['public']`. */
  readonly schemas?: readonly string[];
  /** Default: the cluster's, UTF8 on RDS. Cannot be changed later. */
  readonly encoding?: string;
  /** Default: the cluster's. Cannot be changed later. */
  readonly locale?: Locale;
  /** Concurrent sessions in the database. Default -1: no limit. */
  readonly connectionLimit?: number;
  /** What each session in the database starts with (`ALTER DATABASE … SET`). Test databases get them too. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Default `./migrations`, of node-pg-migrate. */
  readonly migrations?: string | MigrationsSource;
  /**
   * An SQL file, relative to the declaration's file, that fills test databases after their migrations, as the owner. Never run in
   * the database itself: what production needs belongs into a migration. Default none.
   */
  readonly seed?: string;
}

/** Declares a service's database. Throws `BOOTSTRAP_DECLARATION_INVALID` with all problems at once. */
export function defineDatabase(declaration: DatabaseDeclaration): DatabaseDeclaration {
  const problems = declarationProblems(declaration);
  if (problems.length > 0) throw declarationInvalid(problems);
  return declaration;
}

/** All problems of one or more declarations as one error. */
export function declarationInvalid(problems: readonly string[]): BootstrapError {
  return new BootstrapError('BOOTSTRAP_DECLARATION_INVALID', problems.join('\n'), {
    hint: 'Correct the fields named above in database.ts.',
    details: { problems },
  });
}
