import { tryDropDatabase, type Undropped } from './drop-database.ts';
import { tryLock, unlock } from './locks.ts';
import { buildingName } from './names.ts';
import type { SqlClient } from './sql-client.ts';

/**
 * Drops what a builder of the template of `key` has left, who is gone when the template's lock is free. Undefined: nothing is left,
 * or somebody is at work.
 */
export async function dropHalfBuilt(
  session: SqlClient,
  key: string,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<{ readonly name: string; readonly refused?: Undropped } | undefined> {
  if (!(await tryLock(session, `template:${key}`))) return undefined;
  try {
    const name = buildingName(key);
    const { rows } = await session.query(
      `SELECT 1 FROM postern.templates t JOIN pg_database d ON d.datname = $2 WHERE t.hash = $1 AND t.state = 'building'`,
      [key, name],
    );
    if (rows.length === 0) return undefined;
    const refused = dryRun ? undefined : await tryDropDatabase(session, name);
    return { name, ...(refused && { refused }) };
  } finally {
    await unlock(session, `template:${key}`);
  }
}
