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
}

export interface ApplyResult {
  /** The statements that were run. Empty when everything was as declared. */
  readonly statements: readonly PlannedStatement[];
  readonly migrations: readonly { readonly database: string; readonly applied: readonly string[] }[];
  /** Hash of the manifest that now holds. */
  readonly manifest: string;
}

export interface StatusResult {
  readonly manifest: string;
  /** Statements that an apply would run now. */
  readonly outstanding: number;
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

export interface MigrateResult {
  readonly migrations: readonly { readonly database: string; readonly applied: readonly string[] }[];
}

export type PrepareResult =
  | {
      readonly status: 'ready';
      readonly template: string;
      readonly databases: readonly string[];
      /** How many of them are new. */
      readonly created: number;
      /** Whether this call built the template. */
      readonly built: boolean;
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

export interface DropResult {
  readonly dropped: readonly string[];
}

export interface ResultOf {
  readonly ping: PingResult;
  readonly plan: PlanResult;
  readonly apply: ApplyResult;
  readonly status: StatusResult;
  readonly migrate: MigrateResult;
  readonly prepare: PrepareResult;
  readonly publish: PublishResult;
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
