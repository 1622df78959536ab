import { quoteIdentifier } from './names.ts';
import type { SqlClient } from './sql-client.ts';

/** Who may do what with a test database as a whole, and what its sessions start with; copies inherit neither. */
export interface DatabaseGrants {
  /** Logins that may connect. */
  readonly connect: readonly string[];
  /** Roles that may make temporary tables. */
  readonly temporary: readonly string[];
  /** Roles that may create schemas. Default none. */
  readonly create?: readonly string[];
  /** For `ALTER DATABASE … SET`: SQL such as `search_path = 'app'`, quoted. Default none. */
  readonly settings?: readonly string[];
}

/** What the server knows about a database; undefined when there is none of this name. */
export async function describeDatabase(
  session: SqlClient,
  name: string,
): Promise<{ owner: string; isTemplate: boolean; allowsConnections: boolean } | undefined> {
  const { rows } = await session.query(
    `SELECT pg_get_userbyid(datdba) AS owner, datistemplate, datallowconn FROM pg_database WHERE datname = $1`,
    [name],
  );
  const row = rows[0];
  return row && { owner: row.owner, isTemplate: row.datistemplate, allowsConnections: row.datallowconn };
}

/**
 * Creates a database and closes it to PUBLIC. A copy takes neither grants nor settings along (they live in
 * shared catalogs), so whoever may connect is named here. FILE_COPY is chosen only where fsync is off, i.e. on
 * throw-away servers; elsewhere its two checkpoints cost more than they save, so the server decides.
 */
export async function createDatabase(
  session: SqlClient,
  options: DatabaseGrants & {
    readonly name: string;
    readonly owner: string;
    readonly template?: string;
    /** SQL of encoding and locale, with the template that they need. Default: the cluster's. */
    readonly locale?: string;
  },
): Promise<void> {
  const { rows } = await session.query(`SELECT current_setting('fsync') = 'off' AS throwaway`);
  const name = quoteIdentifier(options.name);
  const parts = [`CREATE DATABASE ${name} OWNER ${quoteIdentifier(options.owner)}`];
  if (options.template !== undefined) parts.push(`TEMPLATE ${quoteIdentifier(options.template)}`);
  else if (options.locale) parts.push(options.locale);
  if (rows[0]?.throwaway) parts.push('STRATEGY FILE_COPY');
  await session.query(parts.join(' '));
  await grantDatabase(session, options);
}

/** The database-level grants and settings of a test database; safe to repeat. */
export async function grantDatabase(
  session: SqlClient,
  options: DatabaseGrants & { readonly name: string },
): Promise<void> {
  const name = quoteIdentifier(options.name);
  const statements = [`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`];
  const list = (roles: readonly string[]): string => roles.map(quoteIdentifier).join(', ');
  if (options.connect.length > 0) {
    statements.push(`GRANT CONNECT ON DATABASE ${name} TO ${list(options.connect)}`);
  }
  if (options.temporary.length > 0) {
    statements.push(`GRANT TEMPORARY ON DATABASE ${name} TO ${list(options.temporary)}`);
  }
  if (options.create && options.create.length > 0) {
    statements.push(`GRANT CREATE ON DATABASE ${name} TO ${list(options.create)}`);
  }
  for (const setting of options.settings ?? []) statements.push(`ALTER DATABASE ${name} SET ${setting}`);
  await session.query(statements.join('; '));
}

/** Drops a database whoever is connected, template or not. Missing is fine. */
export async function dropDatabase(session: SqlClient, name: string): Promise<boolean> {
  const found = await describeDatabase(session, name);
  if (!found) return false;
  if (found.isTemplate) await session.query(`ALTER DATABASE ${quoteIdentifier(name)} IS_TEMPLATE false`);
  await session.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`);
  return true;
}
