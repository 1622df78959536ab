import type { SenderStatistics } from '@postern/ssm-protocol';
import type { SessionMode, StreamStatistics } from '../streams/carrier.ts';
import type { SessionState } from './session.ts';

/** The counters of one session, from its start to now. */
export interface SessionStatistics extends Omit<SenderStatistics, 'messages' | 'payloadBytes'> {
  sessionId: string;
  /** The node. */
  target: string;
  /** Undefined until the agent said so. */
  mode: SessionMode | undefined;
  state: SessionState;
  /** WebSockets after the first. */
  resumes: number;
  streams: StreamStatistics | undefined;
  messagesSent: number;
  messagesReceived: number;
  /** Messages that came more than once. */
  duplicates: number;
  /** Messages that were malformed or did not match their digest; they are passed over and the agent repeats them. */
  damaged: number;
}
