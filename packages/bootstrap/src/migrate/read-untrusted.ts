import type { SqlClient } from '@postern/test-databases/server';
import { migrationsTable } from '../contract/manifest.ts';

/**
 * The migrations that a database claims to hold, when code that nobody has reviewed has filled it. The session is
 * the master's, so nothing in there may run because it is read: TABLESAMPLE takes tables only (a view would call its
 * functions with the reader's rights), row_security = off refuses policies instead of asking them, and there is
 * neither a cast nor an operator nor a function that a type of theirs could bring along. Books that do not bear
 * such a reading count as empty.
 */
export async function readUntrusted(session: SqlClient): Promise<string[]> {
  const { schema, name } = migrationsTable;
  await session.query(
    `SELECT pg_catalog.set_config('search_path', 'pg_catalog', false), pg_catalog.set_config('row_security', 'off', false)`,
  );
  try {
    const { rows } = await session.query(
      `SELECT id, name FROM ${schema}.${name} TABLESAMPLE pg_catalog.system (100)`,
    );
    return rows.sort((a, b) => Number(a.id) - Number(b.id)).map((row: { name: unknown }) => String(row.name));
  } catch (error) {
    // Class 42: no such table or column, not a table, row-level security.
    if ((error as { code?: string }).code?.startsWith('42')) return [];
    throw error;
  }
}
