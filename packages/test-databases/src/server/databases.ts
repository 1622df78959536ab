import { quoteIdentifier } from './names.ts';
import { readSettings, settingStatements } from './settings.ts';
import type { SqlClient } from './sql-client.ts';

/** Who may do what with a test database as a whole, and what its sessions start with; copies inherit neither. */
export interface DatabaseGrants {
  /** Logins that may connect. */
  readonly connect: readonly string[];
  /** Roles that may make temporary tables. */
  readonly temporary: readonly string[];
  /** Roles that may create schemas. Default none. */
  readonly create?: readonly string[];
  /** For `ALTER DATABASE … SET`: SQL such as `search_path = 'app'`, quoted. Default none. A copy has those of its template instead. */
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
  // PostgreSQL 14 knows no strategies: it copies files.
  const { rows } = await session.query(
    `SELECT current_setting('fsync') = 'off' AND current_setting('server_version_num')::int >= 150000 AS throwaway`,
  );
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
  options: DatabaseGrants & { readonly name: string; readonly template?: string },
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
  if (options.template !== undefined)
    statements.push(...settingStatements(options.name, await readSettings(session, options.template)));
  else for (const setting of options.settings ?? []) statements.push(`ALTER DATABASE ${name} SET ${setting}`);
  await session.query(statements.join('; '));
}

/**
 * Ends everybody else's sessions in a database and waits until they are gone, at most 5 s for each. Those that the master may not
 * end stay, superusers' say: who needs the database for itself is told by the server, after a while. Autovacuum's workers leave
 * to whoever wants to copy, rename or drop; nobody else may end them.
 */
export async function endSessions(session: SqlClient, name: string): Promise<void> {
  await session.query(
    `SELECT pg_terminate_backend(a.pid, 5000)
       FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid JOIN pg_roles me ON me.rolname = current_user
      WHERE a.datname = $1 AND a.pid <> pg_backend_pid() AND a.backend_type IN ('client backend', 'walsender')
        AND (me.rolsuper OR NOT r.rolsuper AND (pg_has_role(r.oid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE')))`,
    [name],
  );
}

/** Ends everybody's sessions in a database and lets nobody in but its owner and the master. Safe to repeat. */
export async function evict(session: SqlClient, name: string): Promise<void> {
  const { rows } = await session.query(
    `SELECT DISTINCT coalesce(quote_ident(r.rolname), 'PUBLIC') AS grantee
       FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a LEFT JOIN pg_roles r ON r.oid = a.grantee
      WHERE d.datname = $1 AND a.grantee <> d.datdba`,
    [name],
  );
  const grantees = rows.map((row) => row.grantee as string).join(', ');
  if (grantees)
    await session.query(`REVOKE ALL ON DATABASE ${quoteIdentifier(name)} FROM ${grantees} CASCADE`);
  await endSessions(session, name);
}

/** Why a database cannot be copied, if it holds prepared transactions: they keep every copy from being made, and no session shows them. */
export async function preparedIn(session: SqlClient, name: string): Promise<string | undefined> {
  const { rows } = await session.query('SELECT gid FROM pg_prepared_xacts WHERE database = $1 LIMIT 1', [
    name,
  ]);
  return rows.length === 0 ? undefined : 'it holds prepared transactions';
}

/** Closes a database for good, as something to copy: the master owns it, so that nobody else can change, drop or open it. */
export async function closeDatabase(session: SqlClient, name: string, isTemplate: boolean): Promise<void> {
  const quoted = quoteIdentifier(name);
  await session.query(`ALTER DATABASE ${quoted} OWNER TO CURRENT_USER`);
  await session.query(`ALTER DATABASE ${quoted} ALLOW_CONNECTIONS false IS_TEMPLATE ${isTemplate}`);
  await endSessions(session, name);
}
