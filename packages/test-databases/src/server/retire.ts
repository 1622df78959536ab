import { dropDatabase, refusalOf, type Undropped } from './drop-database.ts';
import { tryLock, unlock } from './locks.ts';
import { buildingName } from './names.ts';
import type { SqlClient } from './sql-client.ts';
import { engineVersion } from './template-key.ts';

/** How long a template stays without being used, by the server's clock. */
export const unusedDays = 14;

/** How many templates each declared database keeps whatever their age: those used last. */
export const newestKept = 5;

/**
 * Drops templates that nobody has used for {@link unusedDays} days, but for the {@link newestKept} of each declared database that were
 * used last; of another engine or server version, which nothing here can use, all of them.
 */
export async function retireTemplates(
  session: SqlClient,
  options: { readonly dryRun: boolean },
): Promise<{ retired: string[]; failed: Undropped[] }> {
  const { rows } = await session.query(
    `SELECT hash, name FROM (
       SELECT hash, name, used_at, usable,
              row_number() OVER (PARTITION BY database, usable ORDER BY used_at DESC, created_at DESC, hash) AS place
         FROM (SELECT *, state = 'ready' AND coalesce(engine = $1 AND server = current_setting('server_version_num')::int / 10000, false)
                      AS usable FROM postern.templates) AS judged) AS ranked
      WHERE used_at < now() - make_interval(days => $2) AND NOT (usable AND place <= $3)
      ORDER BY name`,
    [engineVersion, unusedDays, newestKept],
  );
  const retired: string[] = [];
  const failed: Undropped[] = [];
  for (const { hash, name } of rows as { hash: string; name: string }[]) {
    try {
      if (options.dryRun || (await retire(session, hash, name))) retired.push(name);
    } catch (error) {
      const reason = refusalOf(error);
      if (reason === undefined) throw error;
      failed.push({ name, reason });
    }
  }
  return { retired, failed };
}

async function retire(session: SqlClient, key: string, name: string): Promise<boolean> {
  // Somebody builds it anew this very moment.
  if (!(await tryLock(session, `template:${key}`))) return false;
  try {
    // Whoever finds it marks it as used in the same statement: either they are first and it stays, or it is not found any more.
    const { rows } = await session.query(
      `UPDATE postern.templates SET state = 'building' WHERE hash = $1 AND used_at < now() - make_interval(days => $2) RETURNING name`,
      [key, unusedDays],
    );
    if (rows.length === 0) return false;
    await dropDatabase(session, name);
    await dropDatabase(session, buildingName(key));
    await session.query('DELETE FROM postern.templates WHERE hash = $1', [key]);
    return true;
  } finally {
    await unlock(session, `template:${key}`);
  }
}
