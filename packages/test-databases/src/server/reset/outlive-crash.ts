import { type SqlClient, transaction } from '../sql-client.ts';
import { userSchemas } from './names.ts';

interface Unlogged {
  readonly oid: string;
  readonly name: string;
  readonly kind: 'r' | 'p' | 'S';
  readonly written: boolean;
  /** Unlogged tables that its foreign keys refer to. */
  readonly refers: readonly string[];
}

/**
 * Makes unlogged tables that hold rows, and unlogged sequences, ordinary ones. PostgreSQL empties unlogged tables when it recovers from a crash
 * (reference of CREATE TABLE), in templates and waiting clones as well: whoever got one after that would miss rows and never
 * know. Empty tables stay unlogged, and so does everything where the server refuses, as an event trigger may.
 *
 * Nobody else is in the database. Rebuilding indexes runs code of the tables' owner, as the owner: the server sees to it.
 */
export async function outliveCrash(session: SqlClient): Promise<void> {
  try {
    await transaction(session, () => setLogged(session));
  } catch (error) {
    if ((error as { severity?: unknown }).severity !== 'ERROR') throw error;
  }
}

async function setLogged(session: SqlClient): Promise<void> {
  await session.query('SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE');
  await session.query('SET LOCAL search_path = pg_catalog, pg_temp');
  const { rows } = await session.query(
    `SELECT c.oid::text, format('%I.%I', n.nspname, c.relname) AS name, c.relkind AS kind,
            c.relkind = 'r' AND pg_relation_size(c.oid) > 0 AS written,
            ARRAY(SELECT r.oid::text FROM pg_constraint f JOIN pg_class r ON r.oid = f.confrelid
                   WHERE f.conrelid = c.oid AND f.contype = 'f' AND r.relpersistence = 'u' AND r.oid <> c.oid) AS refers
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relpersistence = 'u' AND c.relkind IN ('r', 'p', 'S') AND pg_has_role(c.relowner, 'USAGE') AND ${userSchemas}
      ORDER BY c.oid`,
  );
  const statements = inOrder(rows).map(
    ({ kind, name }) => `ALTER ${kind === 'S' ? 'SEQUENCE' : 'TABLE'} ${name} SET LOGGED`,
  );
  if (statements.length === 0) return;
  // Indexes may call functions that look for others by the path of the database.
  await session.query(`SET LOCAL search_path TO DEFAULT; ${statements.join('; ')}`);
}

/**
 * What is to be logged, those first that others refer to: a logged table cannot refer to an unlogged one. Left out are tables
 * that refer to each other in a circle, or to a partitioned table, which cannot be altered so.
 */
function inOrder(all: readonly Unlogged[]): Unlogged[] {
  const needed = new Set(all.filter(({ written }) => written).map(({ oid }) => oid));
  for (const oid of needed)
    for (const other of all.find((one) => one.oid === oid)?.refers ?? []) needed.add(other);
  const tables = all.filter(({ oid, kind }) => kind === 'r' && needed.has(oid));
  const ordered: Unlogged[] = [];
  for (let before = -1; before < ordered.length; ) {
    before = ordered.length;
    const done = new Set(ordered.map(({ oid }) => oid));
    ordered.push(
      ...tables.filter(({ oid, refers }) => !done.has(oid) && refers.every((other) => done.has(other))),
    );
  }
  return [...ordered, ...all.filter(({ kind }) => kind === 'S')];
}
