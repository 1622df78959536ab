import type { AgentCapabilities } from '@postern/ssm-protocol';
import type { TunnelError } from '../errors.ts';
import type { SessionMode } from '../streams/carrier.ts';

/** The session above the channel. */
export interface ChannelUser {
  /** The handshake is done. Called before anything that follows it. */
  onReady(agent: AgentFacts): void;
  /** A slice of the agent's byte stream. Throws `ProtocolError` when it breaks smux. */
  onPayload(payload: Uint8Array): void;
  /** The agent could not connect for one of the streams. */
  onConnectToPortError(): void;
  /** The parts of the next message, at most `maxBytes` in all; empty when there is nothing to send. */
  nextPayload(maxBytes: number): Uint8Array[];
  /** The parts were copied. */
  onPayloadSent(): void;
  /** The link is gone; the session is not. Nothing is lost: what was not acknowledged is sent over the next link. */
  onLinkLost(error: TunnelError): void;
  /** Nothing more will come or go. `undefined`: the session ended as we asked. */
  onOver(error: TunnelError | undefined): void;
}

export interface ChannelOptions {
  readonly uploadPayloadBytes: number;
  readonly ackTimeoutMs: number;
}

/**
 * Where the session stands. The WebSocket is deliberately no part of it: numbers, handshake and streams are
 * between us and the agent and outlive the link.
 */
export type ChannelState =
  | { readonly name: 'awaiting-request' }
  | { readonly name: 'awaiting-complete'; readonly agent: AgentFacts }
  | { readonly name: 'open'; readonly agent: AgentFacts; readonly customerMessage: string }
  | { readonly name: 'over'; readonly error: TunnelError | undefined };

export interface AgentFacts {
  readonly version: string;
  readonly capabilities: AgentCapabilities;
  readonly mode: SessionMode;
}
