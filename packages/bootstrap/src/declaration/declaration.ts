import { BootstrapError } from '../errors.ts';
import { declarationProblems } from './problems.ts';

/**
 * What a role may do with the objects of the database's schemas, present and future.
 *
 * - `readwrite`: SELECT, INSERT, UPDATE, DELETE on tables and views, use of sequences, temporary tables.
 * - `readonly`: SELECT.
 */
export type Grant = 'readwrite' | 'readonly';

/** A service's database, declared beside its migrations in `<service>/database/database.ts`. */
export interface DatabaseDeclaration {
  /**
   * Name on the cluster. From it follow `<name>_owner` (NOLOGIN, owns the database and its objects) and
   * `<name>_migrator` (IAM login that may become the owner). Lower-case letters, digits, `_`; at most 51 bytes,
   * so that every derived name fits PostgreSQL's 63.
   */
  readonly name: string;
  /** The logins of the service, by name, all by IAM token. Roles belong to the cluster: names are global. */
  readonly roles?: Readonly<Record<string, Grant>>;
  /** Extensions, created by the bootstrap. Default none. */
  readonly extensions?: readonly string[];
  /** Schemas, owned by the owner, in which `roles` get their grants. Created when missing. Default `['public']`. */
  readonly schemas?: readonly string[];
  /** Folder of migrations, relative to the declaration's file. Default `./migrations`. */
  readonly migrations?: string;
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
