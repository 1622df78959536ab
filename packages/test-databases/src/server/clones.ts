import { TestDatabaseError } from '../errors.ts';
import { createDatabase, type DatabaseGrants, grantDatabase } from './databases.ts';
import { withLock } from './locks.ts';
import { cloneName } from './names.ts';
import { openRun } from './runs.ts';
import type { SqlClient } from './sql-client.ts';
import { nameTaken } from './templates.ts';

export interface CloneRequest {
  readonly run: string;
  readonly hash: string;
  /** The declared database. */
  readonly database: string;
  /** What is cloned: a published template, or a branch of the run. */
  readonly template: string;
  /** The branch that `template` is, see {@link findBranch}. */
  readonly source?: string;
  readonly owner: string;
  /** How many: the run shall have number `first` to `first + count - 1` of the hash; those it has already count. */
  readonly count: number;
  /** Default 1. */
  readonly first?: number;
  readonly grants: DatabaseGrants;
  readonly lockTimeoutMs: number;
}

/** Clones a template until the run has these databases of it. Safe to repeat after any interruption. */
export async function ensureClones(
  session: SqlClient,
  request: CloneRequest,
): Promise<{ databases: string[]; created: number }> {
  return await withLock(session, `work:${request.run}`, request.lockTimeoutMs, async () => {
    await openRun(session, request.run);
    const databases: string[] = [];
    let created = 0;
    const { first = 1, count } = request;
    for (let n = first; n < first + count; n++) {
      const name = cloneName(request.hash, request.run, n);
      const made = await ensureDatabase(session, name, { ...request, n });
      databases.push(name);
      if (made) created++;
    }
    return { databases, created };
  });
}

export interface EmptyRequest extends Omit<CloneRequest, 'template' | 'source' | 'count' | 'first'> {
  /** As {@link TemplateRecipe.locale}. */
  readonly locale?: string;
  /** Prepares the empty database (schemas, extensions, default privileges). */
  fill(name: string): Promise<void>;
}

/** The empty database that a run migrates itself, number 0. */
export async function ensureEmpty(
  session: SqlClient,
  request: EmptyRequest,
): Promise<{ database: string; created: boolean }> {
  return await withLock(session, `work:${request.run}`, request.lockTimeoutMs, async () => {
    await openRun(session, request.run);
    const database = cloneName(request.hash, request.run, 0);
    const created = await ensureDatabase(session, database, { ...request, n: 0 });
    return { database, created };
  });
}

async function ensureDatabase(
  session: SqlClient,
  name: string,
  request: {
    readonly run: string;
    readonly hash: string;
    readonly database: string;
    readonly n: number;
    readonly owner: string;
    readonly template?: string;
    readonly source?: string;
    readonly locale?: string;
    readonly grants: DatabaseGrants;
    fill?(name: string): Promise<void>;
  },
): Promise<boolean> {
  const { rows } = await session.query(
    `SELECT d.oid IS NOT NULL AS exists, l.name, l.state, l.hash, l.source, l.branch
       FROM (VALUES ($1)) AS wanted (name) LEFT JOIN pg_database d ON d.datname = wanted.name
            LEFT JOIN postern.databases l ON l.name = wanted.name`,
    [name],
  );
  const { exists, ...row } = rows[0];
  const listed = row.name !== null;
  const source = request.source ?? null;
  // A name has eight digits of the hash. Who asks for one thing must not get another that is called alike.
  if (listed && (row.hash !== request.hash || row.source !== source || row.branch !== null)) {
    throw notTheSame(name);
  }
  if (row.state === 'ready' && exists) return false;
  if (!listed) {
    if (exists) throw nameTaken(name);
    // Committed before the database exists: whatever happens next, a sweeper can attribute it.
    await session.query(
      `INSERT INTO postern.databases (name, run, hash, database, n, state, source) VALUES ($1, $2, $3, $4, $5, 'creating', $6)`,
      [name, request.run, request.hash, request.database, request.n, source],
    );
  }
  const { owner, template, locale, grants, fill } = request;
  // Nobody gets in while the master fills it: what they made there would meet the master's statements.
  const closed = fill === undefined ? grants : { ...grants, connect: [], temporary: [], create: [] };
  if (!exists) {
    await createDatabase(session, {
      name,
      owner,
      ...(template === undefined ? {} : { template }),
      ...(locale === undefined ? {} : { locale }),
      ...closed,
    });
  }
  await fill?.(name);
  // An earlier attempt may have died after CREATE DATABASE, which is all or nothing: only the grants are missing.
  if (exists || fill !== undefined) {
    await grantDatabase(session, { name, ...grants, ...(template === undefined ? {} : { template }) });
  }
  await session.query(`UPDATE postern.databases SET state = 'ready' WHERE name = $1`, [name]);
  return true;
}

function notTheSame(name: string): TestDatabaseError {
  return new TestDatabaseError('TESTDB_NAME_TAKEN', `the run has "${name}" of something else already`, {
    kind: 'conflict',
    hint: 'It is a branch, a copy of another branch, or of a hash with the same first eight digits. Take other numbers or another branch hash.',
  });
}
