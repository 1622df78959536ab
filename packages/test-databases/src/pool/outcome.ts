/** A session that a reset ended because it was not known to be idle and clean. */
export interface EndedSession {
  readonly pid: number;
  readonly applicationName: string;
  readonly user: string;
  readonly state: string;
  readonly advisoryLocks: number;
}

/** Why a reset refuses: what happened in the database is not undone by rows and sequences. */
export type DiscardReason =
  | 'not-installed'
  | 'not-resettable'
  | 'ddl'
  | 'temporary-objects'
  | 'large-objects'
  | 'prepared-transactions'
  | 'materialised-view'
  | 'big-seed'
  | 'foreign-table'
  | 'old-template'
  | 'sessions';

/** What a reset came to. */
export type ResetOutcome =
  | {
      readonly status: 'reset';
      readonly tables: number;
      readonly sequences: number;
      readonly ended: readonly EndedSession[];
    }
  | {
      readonly status: 'discard';
      readonly reason: DiscardReason;
      readonly detail: string;
      readonly ended: readonly EndedSession[];
    };
