import type { DiscardReason, EndedSession, ResetOutcome } from '../../pool/outcome.ts';
import type { SqlClient } from '../sql-client.ts';
import { resetSchema } from './names.ts';

const call = `SELECT ${resetSchema}.reset_database($1::pg_catalog.int4[]) AS outcome`;

const qualify =
  'checks, indexes and generated columns run with search_path = pg_catalog here: let their functions name the schema, or SET search_path';

/** What the function answers; `isolation`: the session's transactions see an old state. */
type Answer =
  | { readonly status: 'isolation' }
  | {
      readonly status: 'reset';
      readonly tables: number;
      readonly sequences: number;
      readonly ended: EndedSession[];
    }
  | {
      readonly status: 'discard';
      readonly reason: DiscardReason;
      readonly detail: string;
      readonly ended: EndedSession[];
    };

/**
 * Gives a database what its template holds: rows and sequences, in one round trip, or says why it cannot. Whatever is in
 * doubt is 'discard': then the database is used up.
 *
 * The other sessions of the database are ended and reported, except those of `keep` that are idle. `session` belongs to a
 * caller named at the installation and is used for resets only, outside a transaction: code of the database's owner can
 * change its settings (though not its user), and triggers stay switched off in it.
 *
 * Not put back: what is not in the database (roles, tablespaces), statistics, the order in which rows come without ORDER BY, and what
 * sessions of `keep` know. Owner, rights and limits of the database itself are compared with what they were at the first call
 * in it ({@link warmReset} is one).
 *
 * Rejects only when the session breaks.
 */
export async function resetDatabase(
  session: SqlClient,
  options: { readonly keep?: readonly number[] } = {},
): Promise<ResetOutcome> {
  const keep = [...(options.keep ?? [])];
  try {
    let answer = await ask(session, keep);
    if (answer.status === 'isolation') {
      // The database has a default of its own. Once for each session.
      await session.query(
        'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE',
      );
      answer = await ask(session, keep);
    }
    if (answer.status === 'isolation') {
      return discard('not-resettable', 'the session is in a transaction');
    }
    return answer;
  } catch (error) {
    const code = sqlState(error);
    if (code === undefined) throw error;
    const message = messageOf(error);
    const missing = code === '3F000' || code === '42883';
    if (missing && message.includes(resetSchema)) return discard('not-installed', message);
    // Code of the owner: resets run with a path of their own.
    const hint = missing || code === '42P01' || code === '42704' ? `; ${qualify}` : '';
    return discard('not-resettable', `the reset failed: ${message}${hint}`);
  }
}

/**
 * Makes a session one for resets, and lets it do what only its first reset would have to do (10 ms and more). It
 * remembers the rights of the database itself, and changes nothing else; triggers are off in the session from here on. Rejects only when the session breaks.
 */
export async function warmReset(session: SqlClient): Promise<void> {
  try {
    await session.query(call, [null]);
  } catch (error) {
    if (sqlState(error) === undefined) throw error;
  }
}

async function ask(session: SqlClient, keep: number[]): Promise<Answer> {
  const { rows } = await session.query(call, [keep]);
  return rows[0].outcome;
}

function discard(reason: DiscardReason, detail: string): ResetOutcome {
  return { status: 'discard', reason, detail, ended: [] };
}

/** The server's code of an error after which the session goes on; undefined when the session is broken. */
function sqlState(error: unknown): string | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return undefined;
  if (severity !== 'ERROR' || code.startsWith('57P') || code.startsWith('08')) return undefined;
  return code;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
