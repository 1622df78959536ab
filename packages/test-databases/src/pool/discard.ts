import type { ReleaseOutcome, ReleaseReason } from './types.ts';

/** Why a released database is not handed out again. */
export type Discard = Extract<ReleaseOutcome, { status: 'discard' }>;

export function discard(reason: ReleaseReason, detail: string): Discard {
  return { status: 'discard', reason, detail, ended: [] };
}
