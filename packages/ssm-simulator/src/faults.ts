import { MessageType } from '@postern/ssm-protocol';
import { SsmApiError, SsmSimulatorError } from './errors.ts';
import type { Direction, MessageFault, MessageMatch } from './gateway/message-faults.ts';
import type { SessionRelay, Side } from './gateway/session-relay.ts';
import type { SessionService } from './session-service.ts';

/** Options of a fault on messages. */
export interface MessageFaultOptions extends MessageMatch {
  /** How many messages. Default 1. */
  count?: number;
}

/**
 * What can go wrong between client, service and agent, on purpose. All but `failNext` name a session by its id and
 * throw `SSM_SIMULATOR_SESSION_UNKNOWN` when there is none.
 */
export interface SsmFaults {
  /** The service closes the client's socket. Default `1000 Bye`, as the real one does about every hour. */
  closeChannel(sessionId: string, code?: number, reason?: string): void;
  /** The client's connection breaks without a close frame. */
  cutChannel(sessionId: string): void;
  /** The client's connection stays open and nothing comes through: no data, no pong. Until the next connection. */
  silenceChannel(sessionId: string): void;
  /** The next messages are lost. */
  dropNext(sessionId: string, direction: Direction, options?: MessageFaultOptions): void;
  /** The next messages are delivered twice. */
  duplicateNext(sessionId: string, direction: Direction, options?: MessageFaultOptions): void;
  /** The next messages are delivered later; those after them overtake. */
  delayNext(sessionId: string, direction: Direction, delayMs: number, options?: MessageFaultOptions): void;
  /** The agent is gone; the client is told to pause, and nobody answers any more. */
  killAgent(sessionId: string): void;
  /** The agent's connection breaks, and it does not notice: what it sends is lost until `reconnectAgent`. */
  disconnectAgent(sessionId: string): void;
  /** The agent is back, with its numbers, streams and connections as they were. */
  reconnectAgent(sessionId: string): void;
  /** Says `pause_publication` to one side, though its peer is there. The agent goes on with any data or acknowledgement. */
  pause(sessionId: string, side: Side): void;
  /** Says `start_publication` to one side. */
  resume(sessionId: string, side: Side): void;
  /** The service ends the session: `channel_closed` with that text, and the agent stops. */
  endSession(sessionId: string, output?: string): void;
  /**
   * For a session that no client has opened yet, in mux mode: the agent sends data in the same breath as
   * HandshakeComplete (an smux NOP).
   */
  speakAfterHandshake(sessionId: string): void;
  /** The next calls of an operation are answered with this error, before anything else is looked at. */
  failNext(
    operation: string,
    error: { code: string; message?: string; status?: number },
    count?: number,
  ): void;
}

/** Faults of API calls that wait for their call. */
export class ApiFaults {
  readonly #waiting = new Map<string, SsmApiError[]>();

  add(operation: string, error: SsmApiError, count: number): void {
    const waiting = this.#waiting.get(operation) ?? [];
    this.#waiting.set(operation, [...waiting, ...new Array<SsmApiError>(count).fill(error)]);
  }

  take(operation: string): SsmApiError | undefined {
    return this.#waiting.get(operation)?.shift();
  }
}

export function createFaults(sessions: SessionService, apiFaults: ApiFaults): SsmFaults {
  const relayOf = (sessionId: string): SessionRelay => {
    const relay = sessions.relay(sessionId);
    if (relay === undefined)
      throw new SsmSimulatorError('SSM_SIMULATOR_SESSION_UNKNOWN', `there is no session ${sessionId}`);
    return relay;
  };
  const onMessages = (
    sessionId: string,
    direction: Direction,
    { count = 1, ...match }: MessageFaultOptions,
    fault: MessageFault,
  ): void => relayOf(sessionId).faults.add(direction, count, match, fault);

  return {
    closeChannel: (sessionId, code = 1000, reason = 'Bye') => relayOf(sessionId).client?.close(code, reason),
    cutChannel: (sessionId) => relayOf(sessionId).client?.cut(),
    silenceChannel: (sessionId) => relayOf(sessionId).client?.silence(),
    dropNext: (sessionId, direction, options = {}) =>
      onMessages(sessionId, direction, options, { type: 'drop' }),
    duplicateNext: (sessionId, direction, options = {}) =>
      onMessages(sessionId, direction, options, { type: 'duplicate' }),
    delayNext: (sessionId, direction, delayMs, options = {}) =>
      onMessages(sessionId, direction, options, { type: 'delay', delayMs }),
    killAgent: (sessionId) => {
      relayOf(sessionId);
      sessions.killAgent(sessionId);
    },
    disconnectAgent: (sessionId) => relayOf(sessionId).detachAgent(),
    reconnectAgent: (sessionId) => {
      relayOf(sessionId);
      sessions.reconnectAgent(sessionId);
    },
    pause: (sessionId, side) => relayOf(sessionId).say(MessageType.pausePublication, side),
    resume: (sessionId, side) => relayOf(sessionId).say(MessageType.startPublication, side),
    endSession: (sessionId, output = '') => {
      relayOf(sessionId);
      sessions.terminate(sessionId, output);
    },
    speakAfterHandshake: (sessionId) => {
      relayOf(sessionId);
      sessions.speakAfterHandshake(sessionId);
    },
    failNext: (operation, { code, message = 'Injected fault.', status }, count = 1) =>
      apiFaults.add(operation, new SsmApiError(code, message, status), count),
  };
}
