import { TestDatabaseError } from '../errors.ts';
import { closeDatabase, describeDatabase, evict, preparedIn } from './databases.ts';
import { withLock } from './locks.ts';
import { openRun } from './runs.ts';
import type { SqlClient } from './sql-client.ts';
import type { Template } from './templates.ts';

export interface BranchRequest {
  readonly run: string;
  /** The declared database. */
  readonly database: string;
  /** What the copies are named by. */
  readonly hash: string;
  /** The run's own database that becomes the branch. */
  readonly from: string;
  readonly lockTimeoutMs: number;
  /**
   * Makes of the database what its copies are to be: reset machinery, statistics. Nobody else is in it by then. `owner` is that of
   * its objects. Its sessions must be closed on return; it may be called again after an interruption.
   */
  seal(name: string, owner: string): Promise<void>;
}

/** Seals one of the run's own databases as the source of further ones of the same run. Safe to repeat after any interruption. */
export async function sealBranch(session: SqlClient, request: BranchRequest): Promise<void> {
  const { run, hash, from } = request;
  await withLock(session, `work:${run}`, request.lockTimeoutMs, async () => {
    await openRun(session, run);
    const row = await findRow(session, request);
    if (row?.branch === hash) return;
    const found = await describeDatabase(session, from);
    const problem = problemOf(row, found !== undefined, request);
    if (problem !== undefined || !row || !found)
      throw invalid(from, problem ?? 'the run has no such database');
    const owner = row.owner ?? found.owner;
    // Noted before it changes: whoever repeats this has to know whose objects are in it.
    await session.query('UPDATE postern.databases SET owner = $2 WHERE name = $1', [from, owner]);
    // One that the master has closed has been sealed, and only the rest is late. Its owner could close it, too.
    if (found.allowsConnections || found.owner !== row.master) {
      await evict(session, from);
      const prepared = await preparedIn(session, from);
      if (prepared !== undefined) throw invalid(from, prepared);
      await request.seal(from, owner);
    }
    await closeDatabase(session, from, false);
    await session.query('UPDATE postern.databases SET branch = $2 WHERE name = $1', [from, hash]);
  });
}

/** The sealed branch of a run, as something to clone. */
export async function findBranch(
  session: SqlClient,
  request: Pick<BranchRequest, 'run' | 'database' | 'hash' | 'from'>,
): Promise<Template> {
  const row = await findRow(session, request);
  if (!row || row.branch !== request.hash || row.owner === null) {
    throw invalid(request.from, 'it is not sealed as a branch of this run and hash');
  }
  return { name: request.from, owner: row.owner };
}

interface BranchRow {
  readonly hash: string;
  readonly n: number;
  readonly state: string;
  readonly branch: string | null;
  readonly owner: string | null;
  readonly master: string;
}

async function findRow(
  session: SqlClient,
  request: Pick<BranchRequest, 'run' | 'database' | 'from'>,
): Promise<BranchRow | undefined> {
  const { rows } = await session.query(
    `SELECT hash, n, state, branch, owner, current_user AS master FROM postern.databases
      WHERE name = $1 AND run = $2 AND database = $3`,
    [request.from, request.run, request.database],
  );
  return rows[0];
}

function problemOf(
  row: BranchRow | undefined,
  exists: boolean,
  { hash }: Pick<BranchRequest, 'hash'>,
): string | undefined {
  if (!row || !exists || row.state !== 'ready') return 'the run has no such database';
  if (row.branch !== null) return 'it is a branch of another hash already';
  if (row.n === 0) return 'it has not been published yet';
  // Its copies would be named like its brothers.
  if (row.hash.startsWith(hash.slice(0, 8)))
    return 'the hash of a branch must not be that of what it grew from';
  return undefined;
}

function invalid(from: string, why: string): TestDatabaseError {
  return new TestDatabaseError('TESTDB_BRANCH_INVALID', `"${from}" cannot be a branch: ${why}`, {
    kind: 'conflict',
    hint: 'Seal a database that prepare gave to this run, with a hash of its own, and clone it by that hash.',
  });
}
