import type { Socket } from 'node:net';
import type { Handling } from './data-channel.ts';

/** One running port plugin: the session after its start, in mux or basic mode. */
export interface PortSession {
  /** Session data from the client. */
  input(payload: Uint8Array): Handling;
  /** A Flag message other than TerminateSession. */
  flag(flag: number): void;
  /** Goes on sending after a pause or a full socket. */
  kick(): void;
  /** Drops every connection at once. */
  stop(): void;
}

/** What a port session needs of the worker around it. */
export interface PortSessionHost {
  /** Connects to the session's destination. Counted and published. */
  dial(signal: AbortSignal): Promise<Socket>;
  sendData(payload: Buffer): void;
  sendFlag(flag: number): void;
  /** Whether session data may be sent now. */
  canSend(): boolean;
  /** The session is over; `output` says why, empty for success. */
  end(output: string): void;
  streamOpened(): void;
  streamReused(streamId: number): void;
  misused(problem: string): void;
  brokenSmux(problem: string): void;
  transferred(direction: 'up' | 'down', bytes: number): void;
  readonly pacing: boolean;
  readonly payloadBytes: number;
  readonly serialDial: boolean;
}
