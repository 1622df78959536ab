import type { ManifestDatabase } from '../contract/manifest.ts';

/** What is to be run, and how. */
export interface MigrationRun {
  /** The database's name in the declaration, for messages. */
  readonly database: string;
  /** Absolute path of the folder with the artefact's files of this database. */
  readonly folder: string;
  readonly definition: Pick<ManifestDatabase, 'engine' | 'migrations' | 'migratorModule'>;
  /** How long another run of migrations is waited for. */
  readonly lockTimeoutMs: number;
  /** For each statement of a migration that sets nothing else itself. Missing or 0: as the server has it. */
  readonly timeouts?: {
    /** `lock_timeout`: how long it waits for a table that somebody else uses. */
    readonly lockMs?: number;
    /** `statement_timeout`. */
    readonly statementMs?: number;
  };
  /** Up to and with this migration. */
  readonly to?: string;
  /** Run everything in one transaction that is rolled back. */
  readonly dryRun?: boolean;
  /** Asked before each migration but the first: whether to leave it and the rest for another time. */
  readonly stop?: () => boolean;
  /** Told what happens while it happens. Must not throw. */
  readonly onProgress?: (event: MigrationEvent) => void;
}

export type MigrationEvent =
  | {
      readonly event: 'migration';
      readonly name: string;
      readonly state: 'started' | 'applied' | 'reverted';
      readonly durationMs?: number;
    }
  | {
      readonly event: 'notice';
      readonly migration: string;
      /** As the server names it: NOTICE, WARNING, INFO. */
      readonly severity: string;
      readonly message: string;
    };

/** What the server said beside its answers. */
export interface MigrationNotice {
  readonly migration: string;
  readonly severity: string;
  readonly message: string;
}

export interface MigrationOutcome {
  /** In the order in which they ran; in a dry run those that would have been applied. */
  readonly applied: string[];
  /** The first 200. */
  readonly notices: MigrationNotice[];
  /** What `stop` left for another time; in a dry run what could not be tried. */
  readonly pending: string[];
}

export interface RevertOutcome {
  /** In the order in which they were taken back. */
  readonly reverted: string[];
  /** The first 200. */
  readonly notices: MigrationNotice[];
  /** False when `stop` left some for another time, or a dry run could not try them all. */
  readonly done: boolean;
}
