import { channel } from 'node:diagnostics_channel';

/**
 * What the tunnel tells whoever subscribes (`node:diagnostics_channel`); it prints nothing itself.
 * No message holds a token, a URL or payload bytes.
 */
export interface TunnelDiagnostics {
  /** The tunnel's state changed; `reason` is set on unexpected ends. */
  'postern:ssm-tunnel:state': { sessionId: string; state: string; reason?: unknown };
  /** A session was started, lost its WebSocket, got another one, or is over; `cause` says why, if not by `close`. */
  'postern:ssm-tunnel:session': {
    sessionId: string;
    event: 'started' | 'lost' | 'resumed' | 'over';
    cause?: unknown;
  };
  /** A stream was opened, refused by the remote port, reset, or closed. */
  'postern:ssm-tunnel:stream': {
    sessionId: string;
    streamId: number;
    event: 'opened' | 'refused' | 'reset' | 'closed';
  };
  /** The WebSocket upgrade went out without a signature. */
  'postern:ssm-tunnel:unsigned': { sessionId: string; why: string };
  /** The agent sent a note for the user with the end of the handshake. */
  'postern:ssm-tunnel:message': { sessionId: string; message: string };
  /** The session could not be ended at AWS; its idle timeout will. */
  'postern:ssm-tunnel:terminate-failed': { sessionId: string; error: unknown };
}

export function publish<Name extends keyof TunnelDiagnostics>(
  name: Name,
  message: TunnelDiagnostics[Name],
): void {
  const target = channel(name);
  if (target.hasSubscribers) target.publish(message);
}
