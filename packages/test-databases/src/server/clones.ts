import {
  createDatabase,
  type DatabaseGrants,
  describeDatabase,
  dropDatabase,
  grantDatabase,
} from './databases.ts';
import { withLock } from './locks.ts';
import { cloneName } from './names.ts';
import { closeRun, openRun } from './runs.ts';
import type { SqlClient } from './sql-client.ts';
import { nameTaken } from './templates.ts';

export interface CloneRequest {
  readonly run: string;
  readonly hash: string;
  /** The declared database. */
  readonly database: string;
  readonly template: string;
  readonly owner: string;
  /** How many databases the run shall have of this template in all; those it has already count. */
  readonly count: number;
  readonly grants: DatabaseGrants;
  readonly lockTimeoutMs: number;
}

/** Clones a template until the run has `count` databases of it. Safe to repeat after any interruption. */
export async function ensureClones(
  session: SqlClient,
  request: CloneRequest,
): Promise<{ databases: string[]; created: number }> {
  return await withLock(session, `work:${request.run}`, request.lockTimeoutMs, async () => {
    await openRun(session, request.run);
    const databases: string[] = [];
    let created = 0;
    for (let n = 1; n <= request.count; n++) {
      const name = cloneName(request.hash, request.run, n);
      const made = await ensureDatabase(session, name, { ...request, n });
      databases.push(name);
      if (made) created++;
    }
    return { databases, created };
  });
}

export interface EmptyRequest extends Omit<CloneRequest, 'template' | 'count'> {
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
    readonly locale?: string;
    readonly grants: DatabaseGrants;
    fill?(name: string): Promise<void>;
  },
): Promise<boolean> {
  const { rows } = await session.query('SELECT state FROM postern.databases WHERE name = $1', [name]);
  const exists = (await describeDatabase(session, name)) !== undefined;
  if (rows[0]?.state === 'ready' && exists) return false;
  if (rows.length === 0) {
    if (exists) throw nameTaken(name);
    // Committed before the database exists: whatever happens next, a sweeper can attribute it.
    await session.query(
      `INSERT INTO postern.databases (name, run, hash, database, n, state) VALUES ($1, $2, $3, $4, $5, 'creating')`,
      [name, request.run, request.hash, request.database, request.n],
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
  if (exists || fill !== undefined) await grantDatabase(session, { name, ...grants });
  await session.query(`UPDATE postern.databases SET state = 'ready' WHERE name = $1`, [name]);
  return true;
}

/**
 * Drops databases of a run: all of them, which also closes the run, or those named. Only what the ledger lists
 * for this run is dropped. Safe to repeat; an unknown run has nothing to drop.
 */
export async function dropRun(
  session: SqlClient,
  request: { readonly run: string; readonly databases?: readonly string[]; readonly lockTimeoutMs: number },
): Promise<{ dropped: string[] }> {
  return await withLock(session, `work:${request.run}`, request.lockTimeoutMs, async () => {
    if (request.databases === undefined) await closeRun(session, request.run);
    return { dropped: await dropListed(session, request.run, request.databases) };
  });
}

/** Drops what the ledger lists for the run. The caller holds the run's work lock. */
export async function dropListed(
  session: SqlClient,
  run: string,
  only?: readonly string[],
): Promise<string[]> {
  const { rows } = await session.query('SELECT name FROM postern.databases WHERE run = $1 ORDER BY n, name', [
    run,
  ]);
  const dropped: string[] = [];
  for (const { name } of rows as { name: string }[]) {
    if (only && !only.includes(name)) continue;
    await dropDatabase(session, name);
    await session.query('DELETE FROM postern.databases WHERE name = $1', [name]);
    dropped.push(name);
  }
  return dropped;
}
