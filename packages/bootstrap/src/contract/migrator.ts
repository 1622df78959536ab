import type { SqlClient } from '@postern/test-databases/server';

/**
 * Runs a service's migrations, whatever they are written in. The default export of the file that `migrations: { migrator }` names;
 * compiled into the artefact with all it imports, so it must import its migrations instead of reading a folder.
 */
export interface Migrator {
  /**
   * Changes when the migrations do. Asked once, when the artefact is built, with the declaration's folder as the working folder:
   * templates are named by it, and an apply leaves out a migrator whose hash the database has already.
   */
  hash(): string | Promise<string>;
  /**
   * Brings the database up to date; called again after any failure, and never twice at a time. `connection` is the one session
   * there is, a `pg.Client` of the owner: its `end()` does nothing. Begin and commit transactions as you like, but leave none
   * open. Keep your tool's own tables in the schema `postern`, where no declared role has grants. Name what was applied, in
   * order, if you know it.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a migrator may return nothing
  migrate(connection: SqlClient): Promise<readonly string[] | void>;
}
