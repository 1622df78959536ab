import { createHash } from 'node:crypto';
import { quoteIdentifier } from '../names.ts';
import { type SqlClient, transaction } from '../sql-client.ts';
import { quoteLiteral, userSchemas } from './names.ts';
import { textSettings } from './restore-table.ts';

/**
 * A hash over what users' tables, materialised views and sequences hold, independent of object identifiers and of the order
 * of rows: two databases with the same hash hold the same. For tests and benches. The session may read everything, best as a superuser,
 * and is in no transaction; values are written by their types' output functions, so no code of the database's owner runs.
 */
export async function hashContents(session: SqlClient): Promise<string> {
  return await transaction(session, async () => {
    const settings = ['search_path = pg_catalog, pg_temp', ...textSettings, `timezone = 'UTC'`];
    await session.query(settings.map((one) => `SET LOCAL ${one}`).join('; '));
    return await hashed(session);
  });
}

async function hashed(session: SqlClient): Promise<string> {
  const { rows } = await session.query(
    `SELECT (SELECT count(*)::int FROM pg_largeobject_metadata) AS large, c.relkind AS kind, n.nspname AS schema, c.relname AS name,
            ARRAY(SELECT quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS columns
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'm', 'S', 'v') AND (c.relkind <> 'm' OR c.relispopulated) AND ${userSchemas}
      ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`,
  );
  const hash = createHash('sha256');
  const contents: string[] = [];
  const largeObjects: number = rows[0]?.large ?? 0;
  for (const { kind, schema, name, columns } of rows) {
    hash.update(JSON.stringify([kind, schema, name, columns]));
    const relation = `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
    const label = quoteLiteral(relation);
    if (kind === 'S') {
      contents.push(`SELECT ${label} AS name, last_value || ' ' || is_called AS content FROM ${relation}`);
    } else if (kind === 'r' || kind === 'm') {
      contents.push(
        `SELECT ${label} AS name, md5(string_agg(textin(record_out(t.*)), E'\\n' ORDER BY textin(record_out(t.*)) COLLATE "C")) AS content FROM ONLY ${relation} t`,
      );
    }
  }
  if (contents.length > 0) {
    const found = await session.query(contents.join('\nUNION ALL '));
    // Read in the order in which it was asked for, which UNION ALL does not promise.
    const lines = found.rows.map((row) => JSON.stringify([row.name, row.content])).sort();
    hash.update(lines.join('\n'));
  }
  return hash.update(`large objects: ${largeObjects}`).digest('hex');
}
