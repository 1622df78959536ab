import { TestDatabaseError } from '../errors.ts';
import { quoteLiteral } from './names.ts';
import type { SqlClient } from './sql-client.ts';

/**
 * Advisory locks of the maintenance database. The key is computed by the server from a name, so that every
 * client and version agrees on it.
 *
 * - `run:<id>`: the lease; held by the run's own session as long as it lives.
 * - `work:<id>`: somebody creates or drops databases of the run.
 * - `template:<key>`: somebody builds or retires the template.
 * - `claims`: somebody claims connections (in the ledger's own function).
 * - `sweep`: one sweeper at a time.
 */
type LockName = `run:${string}` | `work:${string}` | `template:${string}` | 'sweep';

/** SQL expression for the key of the lock whose name is the text expression `name`. */
export function lockKey(name: string): string {
  return `hashtextextended('postern.' || ${name}, 0)`;
}

/** Takes the lock if it is free now. */
export async function tryLock(session: SqlClient, name: LockName): Promise<boolean> {
  const { rows } = await session.query(`SELECT pg_try_advisory_lock(${lockKey('$1::text')}) AS held`, [name]);
  return rows[0]?.held === true;
}

export async function unlock(session: SqlClient, name: LockName): Promise<void> {
  await session.query(`SELECT pg_advisory_unlock(${lockKey('$1::text')})`, [name]);
}

/**
 * Holds the lock while `work` runs. Waits at most `timeoutMs` (then `TESTDB_BUSY`). The lock belongs to the
 * session that also does the work, so a caller that dies keeps it until the server has finished its
 * statement: nobody meets a half-created database.
 */
export async function withLock<T>(
  session: SqlClient,
  name: LockName,
  timeoutMs: number,
  work: () => Promise<T>,
): Promise<T> {
  try {
    // One round trip. The transaction that it is ends with it: what follows sees what the one before has left.
    await session.query(
      `SELECT set_config('lock_timeout', '${Math.max(1, Math.round(timeoutMs))}ms', false);
SELECT pg_advisory_lock(${lockKey(`${quoteLiteral(name)}::text`)});
SELECT set_config('lock_timeout', '0', false)`,
    );
  } catch (error) {
    if ((error as { code?: string }).code === '55P03') {
      throw new TestDatabaseError('TESTDB_BUSY', `the lock "${name}" was not free within ${timeoutMs} ms`, {
        kind: 'unavailable',
        hint: 'Another process works on the same thing. Try again; if it stays so, look for a stuck session in pg_stat_activity.',
        cause: error,
      });
    }
    throw error;
  }
  try {
    return await work();
  } finally {
    // A broken session has lost its locks already.
    await unlock(session, name).catch(() => undefined);
  }
}
