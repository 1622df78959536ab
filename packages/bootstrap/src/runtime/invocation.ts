import type { Artefact } from './artefact.ts';
import type { Config } from './config.ts';
import type { ConnectMaster } from './connection.ts';

/** What an action has to work with. */
export interface Invocation {
  readonly config: Config;
  readonly artefact: Artefact;
  readonly connect: ConnectMaster;
  /** What is left until Lambda ends the function. */
  remainingMs(): number;
  log(event: Readonly<Record<string, unknown>>): void;
}

/** How long to wait for a lock: what is left less a margin for an answer, at most two minutes. */
export function lockTimeoutMs(invocation: Invocation): number {
  return Math.min(120_000, Math.max(1_000, invocation.remainingMs() - 5_000));
}
