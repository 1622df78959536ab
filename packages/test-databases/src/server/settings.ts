import { quoteIdentifier, quoteLiteral } from './names.ts';
import type { SqlClient } from './sql-client.ts';

/** One parameter of a database, for everybody or for one role. */
interface Setting {
  readonly role: string | null;
  readonly name: string;
  readonly value: string;
}

/** Their values are lists of quoted names; written as one text they would be one name (pg_dump: `variable_is_guc_list_quote`). */
const lists = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
]);

/**
 * What `ALTER DATABASE … SET` and `ALTER ROLE … IN DATABASE … SET` have made of a database: a copy does not inherit it, and
 * migrations do such things. Left out: what the session may not set.
 */
export async function readSettings(session: SqlClient, database: string): Promise<readonly Setting[]> {
  const { rows } = await session.query(
    `SELECT r.rolname AS role, split_part(c.config, '=', 1) AS name, substr(c.config, strpos(c.config, '=') + 1) AS value
       FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
            JOIN pg_roles me ON me.rolname = current_user,
            LATERAL unnest(s.setconfig) WITH ORDINALITY AS c (config, place)
      WHERE d.datname = $1
        AND (me.rolsuper OR s.setrole IN (0, me.oid)
             OR me.rolcreaterole AND NOT r.rolsuper AND (current_setting('server_version_num')::int < 160000
                                                         OR pg_has_role(s.setrole, 'MEMBER WITH ADMIN OPTION')))
        AND (me.rolsuper OR NOT EXISTS (SELECT FROM pg_settings p WHERE p.name = split_part(c.config, '=', 1) AND p.context <> 'user'))
      ORDER BY s.setrole, c.place`,
    [database],
  );
  return rows;
}

/** Statements that give a database these settings. */
export function settingStatements(database: string, settings: readonly Setting[]): string[] {
  const target = quoteIdentifier(database);
  return settings.map(({ role, name, value }) => {
    const whose =
      role === null ? `DATABASE ${target}` : `ROLE ${quoteIdentifier(role)} IN DATABASE ${target}`;
    const items = lists.has(name) ? elementsOf(value) : [value];
    return `ALTER ${whose} SET ${quoteIdentifier(name)} = ${items.map(quoteLiteral).join(', ')}`;
  });
}

/** The names in a list as the server reads it: those without quotes are folded to lower case. */
function elementsOf(list: string): string[] {
  const found = [...list.matchAll(/"((?:[^"]|"")*)"|[^\s,"]+/g)];
  const names = found.map(([bare, quoted]) => quoted?.replaceAll('""', '"') ?? bare.toLowerCase());
  return names.length === 0 ? [''] : names;
}
