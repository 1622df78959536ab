import type { StreamCarrier, TunnelStream } from './tunnel-stream.ts';

export interface StreamStatistics {
  /** Open now. */
  open: number;
  opened: number;
  /** Ended because the agent could not connect. */
  refused: number;
  /** Ended by an error on our side: slow reader, session over. */
  reset: number;
  bytesSent: number;
  bytesReceived: number;
  /** Held for slow readers. */
  heldBytes: number;
}

/**
 * How the streams of one session share its two byte sequences:
 *
 * - `mux`: many at a time, as smux streams.
 * - `basic`: one after the other, for agents up to 3.0.196.0.
 * - `standard`: one, and the session ends with it; documents without `type: LocalPortForwarding`, such as SSH's.
 */
export type SessionMode = 'mux' | 'basic' | 'standard';

/** The streams of one session. */
export interface SessionCarrier extends StreamCarrier {
  readonly mode: SessionMode;
  /** Streams that it carries. */
  readonly size: number;
  /** Whether it can take another one now. */
  readonly hasRoom: boolean;
  /** Nothing waits to be sent and no stream waits for its other side to end. */
  readonly isIdle: boolean;
  readonly statistics: StreamStatistics;
  /** Carries the stream from now on. Its opening goes out with its first bytes, or at the end of this turn. */
  adopt(stream: TunnelStream): void;
  /** Bytes of the agent. Throws `ProtocolError` when they break the protocol. */
  receive(payload: Uint8Array): void;
  /** The agent could not connect for one of the streams. */
  connectToPortError(): void;
  /** The parts of the next message's payload, at most `maxBytes` in all; empty when there is nothing to send. */
  nextPayload(maxBytes: number): Uint8Array[];
  /** The parts of the last payload were copied. */
  settleWriters(): void;
  /** Sends something that means nothing, if the mode has such a thing. */
  keepAlive(): void;
  /** Takes out the streams that nothing was sent for: they may go to another session. */
  takeUnopened(): TunnelStream[];
  /** Ends every stream, with an error of its own if there is one. */
  destroyAll(reason?: () => Error): void;
  /** What the agent has sent may come late now. */
  linkLost(): void;
  /** The session ended in order. True when that was the end of its stream, which needs no error then. */
  ended(): boolean;
}
