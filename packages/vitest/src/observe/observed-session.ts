/** What the worker knows about one session of the application with a test database. */
export interface ObservedSession {
  /** Name of the database on the cluster. */
  readonly database: string;
  /** The declared role. */
  readonly role: string;
  /** Process id of its backend; undefined until it is connected. */
  readonly pid: number | undefined;
  readonly state: SessionState;
  /**
   * True when statements have left something behind that the next user of the session would see: `SET`, `LISTEN`,
   * cursors, temporary tables, advisory locks.
   */
  readonly stateful: boolean;
  /** Handed out by a pool and not given back. Undefined for a session without an observed pool. */
  readonly checkedOut: boolean | undefined;
}

/**
 * `connecting` · `idle` · `busy` (a statement is under way) · `transaction` (idle in one) · `failed-transaction` (idle in
 * one that can only be rolled back) · `closed`.
 */
export type SessionState = 'connecting' | 'idle' | 'busy' | 'transaction' | 'failed-transaction' | 'closed';

/** A session that somebody did not finish with. */
export interface SessionLeak {
  readonly kind: 'transaction' | 'failed-transaction' | 'checked-out' | 'busy';
  readonly pid: number | undefined;
  readonly database: string;
  readonly role: string;
  /**
   * The caller's own frames, innermost first: of the statement that began the transaction, else of the first statement
   * after the check-out, else of what opened the session. Empty when only library code was on the stack.
   */
  readonly stack: readonly string[];
}

/** Totals since the observer was opened; differences of two of them belong to what ran between. */
export interface SessionCounters {
  readonly queries: number;
  readonly roundTrips: number;
  /** Sessions that reached the server's first "ready". */
  readonly connections: number;
  /** Sessions that ended before it. */
  readonly failedConnections: number;
  /** Error responses to statements. */
  readonly errors: number;
  /** Sum over connections, from connect() until ready. */
  readonly connectMs: number;
}

/** One statement in the query log. Never a value. */
export interface LoggedQuery {
  readonly database: string;
  readonly role: string;
  readonly pid: number | undefined;
  /** As sent, at most 10,000 characters; literals after PASSWORD are masked. */
  readonly text: string;
  /** Name of the prepared statement, if it has one. */
  readonly name: string | undefined;
  /** How many values were bound. */
  readonly values: number;
  /** Epoch milliseconds when it was sent. */
  readonly startedAt: number;
  /** Until the server was ready for the next one. */
  readonly durationMs: number;
  /** What the server says it did: `SELECT 3`, `INSERT 0 1`; several for a text of several statements. */
  readonly tags: readonly string[];
  /** Sum of the rows in `tags`. */
  readonly rows: number;
  /** SQLSTATE, when it was refused. */
  readonly error: string | undefined;
  /** After the statement: in no transaction, in one, in a failed one. */
  readonly transaction: 'idle' | 'transaction' | 'failed-transaction';
}
