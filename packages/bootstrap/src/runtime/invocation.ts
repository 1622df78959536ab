import type { ProgressEvent } from '../contract/progress.ts';
import type { Artefact } from './artefact.ts';
import type { Config } from './config.ts';
import type { ConnectMaster } from './connection.ts';

/** What an action has to work with. */
export interface Invocation {
  readonly config: Config;
  readonly artefact: Artefact;
  readonly connect: ConnectMaster;
  /** What is left until Lambda ends the function; infinite in a shell. */
  remainingMs(): number;
  /** Asked before each migration: whether to stop here and answer `done: false`. */
  stop(): boolean;
  /** Told of every statement and migration as it is done; from then on {@link stop} may say yes. */
  progress(event: ProgressEvent): void;
}

/**
 * How long to wait for a lock: at most two minutes, and so that twice the reserve is left to work with. Whoever gets it later would
 * begin what cannot be finished.
 */
export function lockTimeoutMs(invocation: Pick<Invocation, 'remainingMs'>): number {
  const left = invocation.remainingMs();
  return Math.min(120_000, Math.max(1_000, left - 2 * reserveMs(left)));
}

/**
 * What is kept for the migration that is begun last: a quarter of the function's time, at least 5 s and at most a minute.
 * A migration that takes longer than that and is begun late is killed with the function, rolls back, and is the first one
 * of the next invocation, with all of its time.
 */
export function reserveMs(wholeMs: number): number {
  return Math.min(60_000, Math.max(5_000, wholeMs / 4));
}

/**
 * Says when to stop: when the budget is used up or only the reserve is left, but never before something was done, so that
 * every invocation of a run brings it on.
 */
export function createStop(clock: {
  remainingMs(): number;
  elapsedMs(): number;
  budgetMs: number | undefined;
  progressed(): boolean;
}): () => boolean {
  const reserve = reserveMs(clock.remainingMs());
  const { budgetMs = Number.POSITIVE_INFINITY } = clock;
  return () => clock.progressed() && (clock.elapsedMs() >= budgetMs || clock.remainingMs() <= reserve);
}
