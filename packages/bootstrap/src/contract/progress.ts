import type { AppliedStatement, MigrationNotice } from './response.ts';

/** What a run tells while it is under way. */
export type ProgressEvent =
  | ({ readonly event: 'statement' } & AppliedStatement)
  | {
      readonly event: 'migration';
      readonly database: string;
      readonly name: string;
      readonly state: 'started' | 'applied' | 'reverted' | 'recorded';
      /** Missing when it is told only after the invocation. */
      readonly durationMs?: number;
    }
  /** Said by the server while a migration ran. */
  | ({ readonly event: 'notice'; readonly database: string } & MigrationNotice);
