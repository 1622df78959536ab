import type { ErrorKind, SweepReport } from '@postern/test-databases/server';
import type { BootstrapErrorCode } from '../errors.ts';
import type { Action } from './request.ts';

/** One SQL statement of a plan, with its reason. */
export interface PlannedStatement {
  /** What the statement belongs to; a group is applied in one transaction where PostgreSQL allows. */
  readonly group: string;
  /** Where it runs. */
  readonly database: string;
  readonly sql: string;
  readonly why: string;
}

/** A statement that was run. */
export interface AppliedStatement extends PlannedStatement {
  readonly durationMs: number;
  /** What the server said beside it: NOTICE, WARNING. */
  readonly notices?: readonly string[];
}

/** Something on the cluster that nobody declared. Reported, never corrected by `apply`. */
export interface DriftItem {
  readonly kind:
    | 'role' // one of ours that is declared no longer
    | 'attribute' // of a declared role: CREATEDB, CREATEROLE, BYPASSRLS, REPLICATION, VALID UNTIL …
    | 'setting' // of a declared role or database
    | 'member' // of or in a declared role
    | 'grant' // on a database, schema or object
    | 'owner' // of a schema or object
    | 'database'; // one of ours that is declared no longer, or one that could not be looked into
  /** Where it was found; missing for what belongs to the cluster. */
  readonly database?: string;
  /** What it is about, such as `role "ledger_app"` or `table public.entries`. */
  readonly object: string;
  /** What was found, in words. */
  readonly found: string;
  /** Whether `prune` would take it away. */
  readonly prunable: boolean;
  /** The statement that would take it away, for a person to run; missing where there is none. */
  readonly sql?: string;
}

/** Said by the server while a migration ran. */
export interface MigrationNotice {
  readonly migration: string;
  /** As the server names it: NOTICE, WARNING, INFO. */
  readonly severity: string;
  readonly message: string;
}

/** One database's part of a run of migrations. */
export interface MigratedDatabase {
  readonly database: string;
  /** Names, in the order in which they ran. */
  readonly applied: readonly string[];
  /** What the server said beside its answers; the first 200. */
  readonly notices?: readonly MigrationNotice[];
  /** Still to do: the run stopped in time, or a dry run could not try them. Missing when nothing is left. */
  readonly pending?: readonly string[];
}

export interface PingResult {
  readonly manifest: string;
  readonly databases: readonly { readonly name: string; readonly templateHash: string }[];
  readonly actions: readonly Action[];
  readonly testDatabases: boolean;
  readonly server: { readonly version: number; readonly user: string };
}

export interface PlanResult {
  readonly statements: readonly PlannedStatement[];
  readonly migrations: readonly {
    readonly database: string;
    readonly pending: readonly string[];
    /** Applied, but the file has changed since: `apply` will refuse it. */
    readonly changed: readonly string[];
  }[];
  readonly drift: readonly DriftItem[];
}

export interface ApplyResult {
  /** The statements that were run. Empty when everything was as declared. */
  readonly statements: readonly AppliedStatement[];
  readonly migrations: readonly MigratedDatabase[];
  /** False when the run stopped in time, between two migrations: apply again. The client does so by itself. */
  readonly done: boolean;
  /** Hash of the manifest that now holds. */
  readonly manifest: string;
}

export interface StatusResult {
  readonly manifest: string;
  /** Statements that an apply would run now. */
  readonly outstanding: number;
  readonly drift: readonly DriftItem[];
  readonly server: { readonly version: number };
  /** Declared roles, those of test runs included where they are allowed. */
  readonly roles: readonly RoleStatus[];
  readonly databases: readonly {
    readonly name: string;
    readonly exists: boolean;
    /** `sha256` is that of the source file as it was applied; missing until a later apply has recorded it. */
    readonly applied: readonly { readonly name: string; readonly at: string; readonly sha256?: string }[];
    /** Applied, but the file has changed since: `apply` and `migrate` refuse it. */
    readonly changed: readonly string[];
    readonly pending: readonly string[];
    /** Applied, but not in this artefact: the database is ahead of it. */
    readonly unknown: readonly string[];
  }[];
}

export interface RoleStatus {
  readonly name: string;
  readonly exists: boolean;
  readonly login: boolean;
  /** Whether it logs in by IAM token. */
  readonly iam: boolean;
  /** Created by the bootstrap, so that `prune` may drop it once it is declared no longer. */
  readonly managed: boolean;
  readonly memberOf: readonly string[];
}

export interface MigrateResult {
  readonly migrations: readonly MigratedDatabase[];
  /** False when the run stopped in time, between two migrations: migrate again. The client does so by itself. A dry run never stops. */
  readonly done: boolean;
  /** True when everything was rolled back again. */
  readonly dryRun: boolean;
}

export interface DownResult {
  readonly database: string;
  /** Names, in the order in which they were taken back. */
  readonly reverted: readonly string[];
  /** What the server said beside its answers; the first 200. */
  readonly notices?: readonly MigrationNotice[];
  readonly done: boolean;
  readonly dryRun: boolean;
}

export interface FakeResult {
  readonly database: string;
  readonly recorded: readonly string[];
}

export interface PruneResult {
  /** What was run, or would be with `dryRun`. */
  readonly statements: readonly AppliedStatement[];
  readonly dropped: { readonly roles: readonly string[]; readonly databases: readonly string[] };
  /** What is ours and declared no longer, and stays; with the reason. */
  readonly kept: readonly { readonly object: string; readonly why: string }[];
  readonly dryRun: boolean;
}

export type PrepareResult =
  | {
      readonly status: 'ready';
      /** What was cloned: the template, or with `from` the branch. */
      readonly template: string;
      /** Number `first` to `first + count - 1`, in order. */
      readonly databases: readonly string[];
      /** How many of them are new. */
      readonly created: number;
      /** Whether this call built the template. */
      readonly built: boolean;
      /** Size of what was cloned, with the first databases of a run. */
      readonly bytes?: number;
      /** Declared role → the login that acts as it in test databases. */
      readonly logins: Readonly<Record<string, string>>;
    }
  | {
      /** No deployed artefact has these migrations: run them in `database` as `login`, then `publish`. */
      readonly status: 'unknown';
      readonly database: string;
      readonly login: string;
      /**
       * The declaration that the database was made for. Another one (roles, schemas, extensions) has to be deployed
       * first: migrations alone do not make a template of it.
       */
      readonly declarationHash: string;
    };

export type PublishResult = Extract<PrepareResult, { status: 'ready' }>;

/** The database is what `prepare` with `from` clones from now on. */
export interface BranchResult {
  readonly status: 'sealed';
  readonly database: string;
}

export interface DropResult {
  readonly dropped: readonly string[];
  /** What stays although the run is over, until when, as ISO 8601. Missing without `keep`. */
  readonly kept?: readonly { readonly database: string; readonly until: string }[];
}

export interface ResultOf {
  readonly ping: PingResult;
  readonly plan: PlanResult;
  readonly apply: ApplyResult;
  readonly status: StatusResult;
  readonly migrate: MigrateResult;
  readonly down: DownResult;
  readonly fake: FakeResult;
  readonly prune: PruneResult;
  readonly prepare: PrepareResult;
  readonly publish: PublishResult;
  readonly branch: BranchResult;
  readonly drop: DropResult;
  readonly sweep: SweepReport;
}

/** An expected failure as it travels: no stack, no secret. */
export interface ErrorResponse {
  readonly code: BootstrapErrorCode;
  readonly kind: ErrorKind;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * What the function returns. Expected failures are returned, not thrown: a thrown error would lose its code,
 * kind and details on the way through Lambda. What Lambda itself reports (time-out, crash) stays a function error.
 */
export type Response<A extends Action = Action> =
  | { readonly ok: true; readonly result: ResultOf[A] }
  | { readonly ok: false; readonly error: ErrorResponse };
