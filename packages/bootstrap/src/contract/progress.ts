import type { AppliedStatement } from './response.ts';

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
  /** A NOTICE or WARNING of a migration. */
  | {
      readonly event: 'notice';
      readonly database: string;
      readonly migration: string;
      readonly message: string;
    };
