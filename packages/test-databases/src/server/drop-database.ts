import { TestDatabaseError } from '../errors.ts';
import { describeDatabase, endSessions } from './databases.ts';
import { quoteIdentifier } from './names.ts';
import { type Connect, type SqlClient, withSession } from './sql-client.ts';

/** A database that the server does not let go of. */
export interface Undropped {
  readonly name: string;
  /** In the words of the server. */
  readonly reason: string;
}

/**
 * Drops a database whoever is connected, template or not. Missing is fine. With `connect`, which opens a session of the master,
 * transactions that somebody has prepared in it and left are rolled back: no other test waits for them.
 */
export async function dropDatabase(session: SqlClient, name: string, connect?: Connect): Promise<boolean> {
  const found = await describeDatabase(session, name);
  if (!found) return false;
  if (found.isTemplate) await session.query(`ALTER DATABASE ${quoteIdentifier(name)} IS_TEMPLATE false`);
  const drop = `DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`;
  try {
    await session.query(drop);
  } catch (error) {
    // FORCE does not help against replication (55006), nor against what was prepared.
    if ((error as { code?: string }).code !== '55006') throw error;
    await endSessions(session, name);
    if (connect) await rollBackPrepared(session, name, connect).catch(() => undefined);
    await session.query(drop);
  }
  return true;
}

/** As {@link dropDatabase}, but a refusal of the server is an answer, so that others can be dropped all the same. */
export async function tryDropDatabase(
  session: SqlClient,
  name: string,
  connect?: Connect,
): Promise<Undropped | undefined> {
  try {
    await dropDatabase(session, name, connect);
    return undefined;
  } catch (error) {
    const reason = refusalOf(error);
    if (reason === undefined) throw error;
    return { name, reason };
  }
}

/** What the server says about one statement that it refuses; undefined when it is the session that is over, or no answer came. */
export function refusalOf(error: unknown): string | undefined {
  const { code, message, detail } = error as { code?: unknown; message?: unknown; detail?: unknown };
  // PostgreSQL, appendix A: five characters; 08 and 57 are about connections and operators.
  if (typeof code !== 'string' || !/^(?!08|57)[0-9A-Z]{5}$/.test(code)) return undefined;
  return [message, detail].filter((part) => typeof part === 'string').join(': ');
}

/** Only who has prepared a transaction may roll it back, and only in its database. */
async function rollBackPrepared(session: SqlClient, name: string, connect: Connect): Promise<void> {
  const { rows } = await session.query(
    `SELECT 'SET ROLE ' || quote_ident(owner) AS role, 'ROLLBACK PREPARED ' || quote_literal(gid) AS rollback
       FROM pg_prepared_xacts WHERE database = $1`,
    [name],
  );
  if (rows.length === 0) return;
  await withSession(connect, name, async (inside) => {
    for (const { role, rollback } of rows as { role: string; rollback: string }[]) {
      await inside.query('RESET ROLE');
      // One that cannot be had leaves the others; the next DROP says what is left.
      await inside.query(role).then(
        () => inside.query(rollback).catch(() => undefined),
        () => undefined,
      );
    }
  });
}

/** Says so to whoever has to know, after everything else was done. */
export function notDropped(failed: readonly Undropped[]): TestDatabaseError {
  const list = failed.map(({ name, reason }) => `"${name}" (${reason})`).join(', ');
  return new TestDatabaseError('TESTDB_NOT_DROPPED', `the server does not let go of ${list}`, {
    kind: 'conflict',
    hint: 'End what holds it: prepared transactions (SELECT gid FROM pg_prepared_xacts; ROLLBACK PREPARED …), replication slots, subscriptions, or an owner that is not ours. Everything else was dropped; the next sweep tries again.',
  });
}
