/**
 * The report as data: what `report.json` holds and the page shows. Times are milliseconds; those named `start` count
 * from `startedAt` of the report. Fields are added without a new `version`; it grows when one changes or goes.
 */
export interface Report {
  readonly version: 1;
  /** ISO 8601, of the first thing that is told about. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly state: 'passed' | 'failed' | 'interrupted';
  readonly vitest: string;
  /** One for each vitest process; several after `vitest --merge-reports`. */
  readonly runs: readonly ReportRun[];
  readonly totals: ReportTotals;
  readonly files: readonly ReportFile[];
  /** Where something else was done than was asked for, and why. */
  readonly fallbacks: readonly ReportFallback[];
  /** Databases that wait for somebody to look at them. */
  readonly kept: readonly ReportKept[];
  readonly leaks: readonly ReportLeak[];
}

export interface ReportRun {
  readonly id: string;
  /** `1/3` with `--shard`, else empty. */
  readonly shard: string;
  readonly start: number;
  readonly durationMs: number;
  readonly host: readonly ReportHostStep[];
}

/** One step of the host's work. */
export interface ReportHostStep {
  readonly phase: string;
  readonly start: number;
  readonly durationMs: number;
  readonly state: 'done' | 'failed' | 'unfinished';
  readonly detail?: string;
  readonly counts?: Readonly<Record<string, number>>;
  readonly database?: string;
  readonly reason?: string;
}

/**
 * `environment` cloud, endpoint and tunnel · `template` artefact, deployment, migrations, template · `import` vitest loads
 * setup files and the file · `acquire` a test waits for its database · `connect` connections open · `reset` the database is
 * given back (that it is put back in the background is in `background`) · `body` the tests without these.
 */
export type ReportPhase = 'environment' | 'template' | 'import' | 'acquire' | 'connect' | 'reset' | 'body';

export interface PhaseTotals {
  readonly count: number;
  readonly totalMs: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export interface ReportTotals extends ReportCounters {
  readonly files: number;
  readonly tests: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Of all runs together. */
  readonly workers: number;
  readonly phases: Readonly<Partial<Record<ReportPhase, PhaseTotals>>>;
  /** What the host did while tests went on, by its own phases: `reset`, `pool`, `acquire`. */
  readonly background: Readonly<Record<string, PhaseTotals>>;
  /** How databases came. */
  readonly origins: { readonly clone: number; readonly reset: number; readonly held: number };
}

export interface ReportCounters {
  readonly queries: number;
  readonly roundTrips: number;
  readonly connections: number;
  readonly errors: number;
  readonly retries: number;
}

export type TestState = 'passed' | 'failed' | 'skipped' | 'pending';

export interface ReportFile extends ReportCounters {
  /** Relative to the root of its project. */
  readonly file: string;
  readonly project: string;
  /** Index in `runs`. */
  readonly run: number;
  /** Worker slot, from 1. */
  readonly worker: number;
  readonly start: number;
  readonly durationMs: number;
  readonly state: TestState;
  readonly databases: readonly string[];
  readonly phases: Readonly<Partial<Record<ReportPhase, number>>>;
  readonly spans: readonly ReportSpan[];
  readonly tests: readonly ReportTest[];
}

export interface ReportSpan {
  readonly phase: ReportPhase;
  readonly start: number;
  readonly durationMs: number;
}

export interface ReportTest {
  readonly name: string;
  readonly state: TestState;
  readonly start: number;
  readonly durationMs: number;
  /** Only where there is something to tell. */
  readonly counters?: Partial<ReportCounters>;
  readonly acquireMs?: number;
  readonly connectMs?: number;
  readonly database?: string;
  readonly origin?: string;
}

export interface ReportFallback {
  readonly database?: string;
  readonly reason: string;
  readonly detail?: string;
}

export interface ReportKept {
  readonly file: string;
  readonly test?: string;
  readonly database: string;
  /** ISO 8601. */
  readonly until?: string;
  readonly open?: string;
}

export interface ReportLeak {
  readonly file: string;
  readonly test?: string;
  readonly kind: string;
  readonly role?: string;
  readonly stack: readonly string[];
}
