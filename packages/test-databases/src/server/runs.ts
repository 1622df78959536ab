import { TestDatabaseError } from '../errors.ts';
import { isRunId } from './names.ts';
import type { SqlClient } from './sql-client.ts';

/** Makes sure that the run has a row and is not over. The lease may be taken before or after. */
export async function openRun(session: SqlClient, run: string): Promise<void> {
  if (!isRunId(run)) {
    throw new TestDatabaseError(
      'TESTDB_NAME_INVALID',
      'the run id is not 8 to 20 characters of a-z and 0-9',
      {
        kind: 'invalid',
        hint: 'Use newRunId().',
      },
    );
  }
  // A row that it inserts itself it does not see.
  const { rows } = await session.query(
    `WITH missing AS (INSERT INTO postern.runs (run) VALUES ($1) ON CONFLICT (run) DO NOTHING)
     SELECT closed_at FROM postern.runs WHERE run = $1`,
    [run],
  );
  if (rows[0]?.closed_at != null) throw runClosed(run);
}

/** From here on the run gets no more databases. True when it was open until now. */
export async function closeRun(session: SqlClient, run: string): Promise<boolean> {
  const { rows } = await session.query(
    'UPDATE postern.runs SET closed_at = now() WHERE run = $1 AND closed_at IS NULL RETURNING run',
    [run],
  );
  return rows.length > 0;
}

function runClosed(run: string): TestDatabaseError {
  return new TestDatabaseError(
    'TESTDB_RUN_CLOSED',
    `run ${run} is closed: its databases were released or swept`,
    {
      kind: 'closed',
      hint: 'Start a new run. A run is swept when its lease was lost for longer than the grace period.',
    },
  );
}
