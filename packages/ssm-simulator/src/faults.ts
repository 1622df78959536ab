import { MessageType } from '@postern/ssm-protocol';
import { SsmApiError, SsmSimulatorError } from './errors.ts';
import type { Direction, MessageFault, MessageMatch } from './gateway/message-faults.ts';
import { Noise, type NoiseOptions } from './gateway/noise.ts';
import type { SessionRelay, Side } from './gateway/session-relay.ts';
import type { InstanceRegistry } from './instances.ts';
import type { SessionService } from './session-service.ts';

/** Options of a fault on messages. */
export interface MessageFaultOptions extends MessageMatch {
  /** How many messages. Default 1. */
  count?: number;
}

/**
 * What can go wrong between client, service and agent, on purpose. Those that name a session throw
 * `SSM_SIMULATOR_SESSION_UNKNOWN` when there was never such a one, and do nothing when it is over.
 */
export interface SsmFaults {
  /** The service closes the client's socket. Default `1000 Bye`, as the real one does about every hour. */
  closeChannel(sessionId: string, code?: number, reason?: string): void;
  /** The client's connection breaks without a close frame. Nothing happens while there is none that was opened. */
  cutChannel(sessionId: string): void;
  /** The client's connection stays open and nothing comes through: no data, no pong. Until the next connection. */
  silenceChannel(sessionId: string): void;
  /** The next messages are lost. */
  dropNext(sessionId: string, direction: Direction, options?: MessageFaultOptions): void;
  /** The next messages are delivered twice. */
  duplicateNext(sessionId: string, direction: Direction, options?: MessageFaultOptions): void;
  /** The next message is overtaken by the one behind it (any one), or comes 100 ms late if there is none. */
  reorderNext(sessionId: string, direction: Direction, options?: MessageFaultOptions): void;
  /** The next messages are delivered later; those after them overtake. */
  delayNext(sessionId: string, direction: Direction, delayMs: number, options?: MessageFaultOptions): void;
  /** Stream messages and acknowledgements are lost, doubled and swapped by chance, until it is stopped. */
  noise(options: NoiseOptions): { stop(): void };
  /** The agent is gone; the client is told to pause, and nobody answers any more. */
  killAgent(sessionId: string): void;
  /** The agent is replaced: the session's worker dies with it, and the service ends the session. */
  replaceAgent(sessionId: string): void;
  /** The agent's connection breaks, and it does not notice: what it sends is lost until `reconnectAgent`. */
  disconnectAgent(sessionId: string): void;
  /** The agent is back, with its numbers, streams and connections as they were. */
  reconnectAgent(sessionId: string): void;
  /** The instance goes away: its sessions end, and StartSession answers TargetNotConnected. */
  loseInstance(instanceId: string): void;
  /** The instance is back and takes new sessions. */
  restoreInstance(instanceId: string): void;
  /** Says `pause_publication` to one side, though its peer is there. The agent goes on with any data or acknowledgement. */
  pause(sessionId: string, side: Side): void;
  /** Says `start_publication` to one side. */
  resume(sessionId: string, side: Side): void;
  /** The service ends the session: `channel_closed` with that text, and the agent stops. */
  endSession(sessionId: string, output?: string): void;
  /** The agent's next dials hang, as behind a firewall that drops, until they are let go. */
  holdDials(sessionId: string): { release(): void };
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

export function createFaults(
  sessions: SessionService,
  instances: InstanceRegistry,
  apiFaults: ApiFaults,
): SsmFaults {
  const known = (sessionId: string): string => {
    if (sessions.find(sessionId) === undefined)
      throw new SsmSimulatorError('SSM_SIMULATOR_SESSION_UNKNOWN', `there is no session ${sessionId}`);
    return sessionId;
  };
  const relayOf = (sessionId: string): SessionRelay | undefined => sessions.relay(known(sessionId));
  const onMessages = (
    sessionId: string,
    direction: Direction,
    { count = 1, ...match }: MessageFaultOptions,
    fault: MessageFault,
  ): void => relayOf(sessionId)?.faults.add(direction, count, match, fault);

  return {
    closeChannel: (sessionId, code = 1000, reason = 'Bye') => relayOf(sessionId)?.client?.close(code, reason),
    cutChannel: (sessionId) => relayOf(sessionId)?.client?.cut(),
    silenceChannel: (sessionId) => relayOf(sessionId)?.client?.silence(),
    dropNext: (sessionId, direction, options = {}) =>
      onMessages(sessionId, direction, options, { type: 'drop' }),
    duplicateNext: (sessionId, direction, options = {}) =>
      onMessages(sessionId, direction, options, { type: 'duplicate' }),
    reorderNext: (sessionId, direction, options = {}) =>
      onMessages(sessionId, direction, options, { type: 'reorder' }),
    delayNext: (sessionId, direction, delayMs, options = {}) =>
      onMessages(sessionId, direction, options, { type: 'delay', delayMs }),
    noise: (options) => {
      if (options.sessionId !== undefined) known(options.sessionId);
      const noise = new Noise(options);
      sessions.addNoise(noise);
      return { stop: () => sessions.removeNoise(noise) };
    },
    killAgent: (sessionId) => sessions.killAgent(known(sessionId)),
    replaceAgent: (sessionId) => sessions.terminate(known(sessionId), 'The agent was replaced.'),
    disconnectAgent: (sessionId) => relayOf(sessionId)?.detachAgent(),
    reconnectAgent: (sessionId) => sessions.reconnectAgent(known(sessionId)),
    loseInstance: (instanceId) => {
      instances.setPingStatus(instanceId, 'ConnectionLost');
      sessions.terminateAll(instanceId, `${instanceId} is not connected.`);
    },
    restoreInstance: (instanceId) => instances.setPingStatus(instanceId, 'Online'),
    pause: (sessionId, side) => relayOf(sessionId)?.say(MessageType.pausePublication, side),
    resume: (sessionId, side) => relayOf(sessionId)?.say(MessageType.startPublication, side),
    endSession: (sessionId, output = '') => sessions.terminate(known(sessionId), output),
    holdDials: (sessionId) => {
      const release = sessions.agent(known(sessionId))?.holdDials();
      return { release: () => release?.() };
    },
    speakAfterHandshake: (sessionId) => sessions.agent(known(sessionId))?.speakAfterHandshake(),
    failNext: (operation, { code, message = 'Injected fault.', status }, count = 1) =>
      apiFaults.add(operation, new SsmApiError(code, message, status), count),
  };
}
