import type { FaultName, PeerOptions, PeerReport } from './peer.ts';

/** What can be asked of the peer's process: a method, what it takes, what it answers. */
export interface PeerCalls {
  start: { takes: PeerOptions; answers: { endpoint: string; port: number } };
  fault: { takes: { name: FaultName; sessionId: string }; answers: null };
  report: { takes: null; answers: PeerReport };
  close: { takes: null; answers: { leaks: readonly string[] } };
}

export type PeerMethod = keyof PeerCalls;

export interface PeerCall {
  readonly id: number;
  readonly method: PeerMethod;
  readonly input: unknown;
}

export type PeerAnswer = { readonly id: number } & (
  | { readonly output: unknown }
  | { readonly error: string }
);
