import { isTestDatabaseError } from '../errors.ts';
import { refusalOf, type Undropped } from './drop-database.ts';
import { dropListed } from './drops.ts';
import { dropHalfBuilt } from './half-built.ts';
import { tryLock, unlock, withLock } from './locks.ts';
import { retireTemplates } from './retire.ts';
import { closeRun } from './runs.ts';
import type { Connect, SqlClient } from './sql-client.ts';

/** How long a run's lock must stay free after the mark before its databases go. Server clock. */
export const orphanGraceMs = 90_000;

export interface SweepReport {
  /** `busy`: another sweeper is at work; nothing was done. */
  readonly status: 'swept' | 'busy';
  /** Runs whose lock was found free for the first time; they get the grace period. */
  readonly marked: string[];
  /** Runs that were marked before and are still within the grace period. */
  readonly waiting: string[];
  /** Databases dropped, or with `dryRun` those that would be. */
  readonly dropped: string[];
  /** Templates dropped because nobody used them any more, or with `dryRun` those that would be. */
  readonly retired: string[];
  /** Databases that stay although their run is over, because somebody wants to look into them; dropped when their time is up. */
  readonly kept: string[];
  /** Databases with a name like ours and no row in the ledger. Reported, never dropped. */
  readonly unknown: string[];
  /** What the server did not let go of, and runs that could not be looked at, with its words; tried again by the next sweep. */
  readonly failed: Undropped[];
}

interface SweepOptions {
  readonly dryRun: boolean;
  readonly lockTimeoutMs: number;
  /** As {@link DropRequest.connect}. */
  readonly connect?: Connect;
}

/**
 * Removes what was kept long enough, templates that nobody uses, and what dead runs left behind, the last in two steps: a free
 * lease lock marks the run as orphaned; only if the lock is still free {@link orphanGraceMs} later, by the server's clock, are
 * its databases dropped, while the sweeper itself holds the lock. An owner that comes back in between takes its lock and thereby
 * clears the mark. What the server refuses is reported, and holds up nothing else.
 */
export async function sweep(
  session: SqlClient,
  request: Partial<SweepOptions> & Pick<SweepOptions, 'lockTimeoutMs'>,
): Promise<SweepReport> {
  const options: SweepOptions = { ...request, dryRun: request.dryRun === true };
  const { dryRun } = options;
  const report: { -readonly [K in keyof SweepReport]: SweepReport[K] } = {
    status: 'swept',
    marked: [],
    waiting: [],
    dropped: [],
    retired: [],
    kept: [],
    unknown: [],
    failed: [],
  };
  if (!(await tryLock(session, 'sweep'))) return { ...report, status: 'busy' };
  try {
    const { rows } = await session.query(
      `SELECT r.run, r.closed_at IS NOT NULL AS closed FROM postern.runs r
        WHERE r.closed_at IS NULL OR EXISTS (SELECT FROM postern.databases d WHERE d.run = r.run)
        ORDER BY r.opened_at, r.run`,
    );
    for (const { run, closed } of rows as { run: string; closed: boolean }[]) {
      // What one run holds up must not keep the rest of the cluster from being swept.
      await sweepRun(session, run, closed, options, report).catch((error: unknown) => {
        const reason = refusalOf(error);
        if (reason === undefined) throw error;
        report.failed.push({ name: run, reason });
      });
    }
    await sweepHalfBuilt(session, dryRun, report);
    const { retired, failed } = await retireTemplates(session, { dryRun });
    report.retired.push(...retired);
    report.failed.push(...failed);
    report.unknown = await unlisted(session);
    if (!dryRun) {
      await session.query(
        `DELETE FROM postern.runs r WHERE closed_at < now() - interval '1 day'
           AND NOT EXISTS (SELECT FROM postern.databases d WHERE d.run = r.run)`,
      );
    }
    return report;
  } finally {
    await unlock(session, 'sweep').catch(() => undefined);
  }
}

async function sweepRun(
  session: SqlClient,
  run: string,
  closed: boolean,
  options: SweepOptions,
  report: SweepReport,
): Promise<void> {
  // A closed run was given up by its owner: what is left of it needs no grace, whoever still holds the lease.
  if (!closed && !(await tryLock(session, `run:${run}`))) return;
  try {
    const drop = async (): Promise<void> => {
      if (options.dryRun) {
        const kept = await keptOf(session, run);
        const { rows } = await session.query('SELECT name FROM postern.databases WHERE run = $1 ORDER BY n', [
          run,
        ]);
        report.dropped.push(...rows.map(({ name }) => name as string).filter((name) => !kept.includes(name)));
        report.kept.push(...kept);
        return;
      }
      try {
        await withLock(session, `work:${run}`, options.lockTimeoutMs, async () => {
          await closeRun(session, run);
          const kept = await keptOf(session, run);
          const { connect } = options;
          const { dropped, failed } = await dropListed(session, run, {
            except: kept,
            ...(connect && { connect }),
          });
          report.dropped.push(...dropped);
          report.failed.push(...failed);
          report.kept.push(...kept);
        });
      } catch (error) {
        if (!isTestDatabaseError(error) || error.code !== 'TESTDB_BUSY') throw error;
        // Somebody works for this run right now; the next sweep looks again.
        report.waiting.push(run);
      }
    };
    if (closed) return await drop();
    // Read under the lock: an owner that came and went since the list was made has cleared the mark.
    const { rows } = await session.query(
      `SELECT orphaned_at IS NOT NULL AS marked,
              coalesce(orphaned_at <= now() - make_interval(secs => $2), false) AS due
         FROM postern.runs WHERE run = $1`,
      [run, orphanGraceMs / 1000],
    );
    if (rows[0]?.due) return await drop();
    if (rows[0]?.marked) report.waiting.push(run);
    else {
      report.marked.push(run);
      if (!options.dryRun) {
        await session.query('UPDATE postern.runs SET orphaned_at = now() WHERE run = $1', [run]);
      }
    }
  } finally {
    if (!closed) await unlock(session, `run:${run}`);
  }
}

/** What outlives its run for now. */
async function keptOf(session: SqlClient, run: string): Promise<string[]> {
  const { rows } = await session.query(
    'SELECT name FROM postern.databases WHERE run = $1 AND kept_until > now() ORDER BY n, name',
    [run],
  );
  return rows.map(({ name }) => name as string);
}

/** The next prepare starts afresh anyway. */
async function sweepHalfBuilt(session: SqlClient, dryRun: boolean, report: SweepReport): Promise<void> {
  const { rows } = await session.query(
    `SELECT hash FROM postern.templates WHERE state = 'building' ORDER BY hash`,
  );
  for (const { hash } of rows as { hash: string }[]) {
    const left = await dropHalfBuilt(session, hash, { dryRun });
    if (left?.refused) report.failed.push(left.refused);
    else if (left) report.dropped.push(left.name);
  }
}

async function unlisted(session: SqlClient): Promise<string[]> {
  const { rows } = await session.query(
    `SELECT datname FROM pg_database d
      WHERE datname ~ '^pt[tb]?_'
        AND NOT EXISTS (SELECT FROM postern.databases l WHERE l.name = d.datname)
        AND NOT EXISTS (SELECT FROM postern.templates t
                         WHERE d.datname IN (t.name, 'ptb_' || left(t.hash, 16)))
      ORDER BY datname`,
  );
  return rows.map((row) => row.datname as string);
}
