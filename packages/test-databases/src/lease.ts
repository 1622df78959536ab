import { channel } from 'node:diagnostics_channel';
import { TestDatabaseError } from './errors.ts';
import type { SqlClient } from './server/sql-client.ts';

const leaseEvents = channel('postern:test-databases:lease');

/** A session that tells when it ends. `pg.Client` is one. */
export interface LeaseSession extends SqlClient {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
}

export interface LeaseOptions {
  /** Opens a session as the lease role in the maintenance database. */
  connect(): Promise<LeaseSession>;
  readonly run: string;
  /** How often an empty query tells the server that we live. Default 15 s. */
  readonly heartbeatMs?: number;
  /**
   * The server ends the session, and with it the lease, after this long without a heartbeat. Default 60 s:
   * four missed beats. This is what frees the lock when a machine or a tunnel vanishes without a word.
   */
  readonly idleTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The lease of a run. As long as it is held nobody sweeps the run's databases. */
export interface Lease extends AsyncDisposable {
  readonly run: string;
  /** Fulfils when the lease is over; `reason` is undefined after `close()`, else what ended it. */
  readonly closed: Promise<{ readonly reason: unknown }>;
  /** Gives the lease back. The run's databases stay until they are dropped or swept. */
  close(): Promise<void>;
}

/**
 * Takes the lease of a run: a session advisory lock in the maintenance database, kept by a heartbeat and ended
 * by the server's `idle_session_timeout` when the heartbeat stops. No clocks are compared. Taking the lease
 * again after a lost session clears the run's orphan mark.
 *
 * @throws TestDatabaseError `TESTDB_RUN_HELD` while another session (perhaps our own lost one, until the server
 * notices) holds it, `TESTDB_RUN_CLOSED` when the run is over, `TESTDB_LEDGER_MISSING` before the bootstrap.
 */
export async function holdLease(options: LeaseOptions): Promise<Lease> {
  const { run, heartbeatMs = 15_000, idleTimeoutMs = 60_000, signal } = options;
  signal?.throwIfAborted();
  const session = await options.connect();
  let end: (reason: unknown) => void = () => undefined;
  const ended = new Promise<{ reason: unknown }>((resolve) => {
    end = (reason) => resolve({ reason });
  });
  session.on('error', (error) => end(lost(run, error)));
  session.on('end', () => end(lost(run)));
  try {
    signal?.throwIfAborted();
    // What is read after waiting for a lock must be what the one before has left, whatever the server's default is.
    await session.query(
      `SELECT set_config('idle_session_timeout', $1, false), set_config('default_transaction_isolation', 'read committed', false)`,
      [`${Math.round(idleTimeoutMs)}ms`],
    );
    await session.query('SELECT postern.register_run($1)', [run]);
    signal?.throwIfAborted();
  } catch (error) {
    await session.end().catch(() => undefined);
    throw translate(error, run);
  }
  leaseEvents.publish({ event: 'held', run });

  const beat = setInterval(() => {
    session.query('').catch((error: unknown) => end(lost(run, error)));
  }, heartbeatMs);
  beat.unref();
  const closed = ended.then((result) => {
    clearInterval(beat);
    leaseEvents.publish({ event: 'ended', run, reason: result.reason });
    return result;
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      end(undefined);
      await session.end().catch(() => undefined);
    })();
    return closing;
  };
  return { run, closed, close, [Symbol.asyncDispose]: close };
}

function lost(run: string, cause?: unknown): TestDatabaseError {
  return new TestDatabaseError('TESTDB_LEASE_LOST', `the session that holds the lease of run ${run} ended`, {
    kind: 'unavailable',
    hint: 'Take the lease again at once: the databases are kept for a grace period.',
    cause,
  });
}

function translate(error: unknown, run: string): unknown {
  switch ((error as { code?: string } | null)?.code) {
    case '55P03':
      return new TestDatabaseError('TESTDB_RUN_HELD', `another session holds the lease of run ${run}`, {
        kind: 'conflict',
        hint: 'If it is our own lost session, the server ends it after its idle time-out; try again until then.',
        cause: error,
      });
    case '55000':
      return new TestDatabaseError('TESTDB_RUN_CLOSED', `run ${run} is closed: its databases are gone`, {
        kind: 'closed',
        hint: 'Start a new run.',
        cause: error,
      });
    case '22023':
      return new TestDatabaseError(
        'TESTDB_NAME_INVALID',
        'the run id is not 8 to 20 characters of a-z and 0-9',
        {
          kind: 'invalid',
          hint: 'Use newRunId().',
          cause: error,
        },
      );
    case '3F000':
    case '42883':
      return new TestDatabaseError('TESTDB_LEDGER_MISSING', 'the maintenance database has no ledger', {
        kind: 'conflict',
        hint: 'Run the bootstrap with test databases switched on (POSTERN_TEST_DATABASES=true, action apply).',
        cause: error,
      });
    default:
      return error;
  }
}
