import { notDropped, tryDropDatabase, type Undropped } from './drop-database.ts';
import { withLock } from './locks.ts';
import { closeRun } from './runs.ts';
import type { Connect, SqlClient } from './sql-client.ts';

/** How long a database outlives its run unless it is said. */
export const defaultKeepMs = 600_000;

export interface KeptDatabase {
  readonly database: string;
  /** ISO 8601, by the server's clock. */
  readonly until: string;
}

export interface DropRequest {
  readonly run: string;
  /** Default: all of the run, which is then over. */
  readonly databases?: readonly string[];
  /** Of those that go with the run, these stay for `keepMs`; the sweep drops them after that. */
  readonly keep?: readonly string[];
  /** Default {@link defaultKeepMs}. */
  readonly keepMs?: number;
  readonly lockTimeoutMs: number;
  /** Opens a session of the master in a database that is to be dropped, to roll back what was prepared in there. */
  readonly connect?: Connect;
}

/**
 * Drops databases of a run: all of them, which also closes the run, or those named. Only what the ledger lists
 * for this run is dropped. Safe to repeat: what is kept is kept no longer for it. An unknown run has nothing to drop.
 *
 * @throws TestDatabaseError `TESTDB_NOT_DROPPED` when everything else has been done
 */
export async function dropRun(
  session: SqlClient,
  request: DropRequest,
): Promise<{ dropped: string[]; kept: KeptDatabase[] }> {
  const { run, databases, keep = [], keepMs = defaultKeepMs, connect } = request;
  return await withLock(session, `work:${run}`, request.lockTimeoutMs, async () => {
    // Before the run is closed: the sweep drops whatever a closed run still has and does not keep.
    const kept = databases === undefined ? await keepListed(session, run, keep, keepMs) : [];
    if (databases === undefined) await closeRun(session, run);
    const except = kept.map(({ database }) => database);
    const { dropped, failed } = await dropListed(session, run, {
      ...(databases && { only: databases }),
      except,
      ...(connect && { connect }),
    });
    if (failed.length > 0) throw notDropped(failed);
    return { dropped, kept };
  });
}

async function keepListed(
  session: SqlClient,
  run: string,
  keep: readonly string[],
  keepMs: number,
): Promise<KeptDatabase[]> {
  if (keep.length === 0) return [];
  const { rows } = await session.query(
    `UPDATE postern.databases SET kept_until = coalesce(kept_until, now() + make_interval(secs => $3::float8 / 1000))
      WHERE run = $1 AND name = ANY ($2) AND state = 'ready' AND branch IS NULL
      RETURNING name, kept_until`,
    [run, keep, keepMs],
  );
  return rows.map((row) => ({ database: row.name, until: new Date(row.kept_until).toISOString() }));
}

/** Drops what the ledger lists for the run, or of that only some, or all but some. The caller holds the run's work lock. */
export async function dropListed(
  session: SqlClient,
  run: string,
  {
    only,
    except = [],
    connect,
  }: {
    readonly only?: readonly string[];
    readonly except?: readonly string[];
    readonly connect?: Connect;
  } = {},
): Promise<{ dropped: string[]; failed: Undropped[] }> {
  const { rows } = await session.query('SELECT name FROM postern.databases WHERE run = $1 ORDER BY n, name', [
    run,
  ]);
  const dropped: string[] = [];
  const failed: Undropped[] = [];
  for (const { name } of rows as { name: string }[]) {
    if ((only && !only.includes(name)) || except.includes(name)) continue;
    const refused = await tryDropDatabase(session, name, connect);
    if (refused) {
      failed.push(refused);
      continue;
    }
    await session.query('DELETE FROM postern.databases WHERE name = $1', [name]);
    dropped.push(name);
  }
  return { dropped, failed };
}
