/** What went through the simulator since it was created. */
export interface SsmStatistics {
  startSessionCalls: number;
  resumeSessionCalls: number;
  terminateSessionCalls: number;
  sessionsStarted: number;
  sessionsTerminated: number;
  /** Sessions that are not terminated. */
  openSessions: number;
  /** WebSockets of clients that opened a data channel, resumes included. */
  channelsOpened: number;
  /** smux streams that clients opened. */
  muxStreams: number;
  /**
   * Destinations that agents dialled, by the name in the session (`localhost` when it has none), in order: the first
   * 10,000.
   */
  dialled: ReadonlyArray<{ host: string; port: number }>;
  /** Bytes of clients for destinations. */
  bytesUp: number;
  /** Bytes of destinations for clients. */
  bytesDown: number;
  /** Messages that a fault or noise met, by what it did to them. */
  messagesDropped: number;
  messagesDuplicated: number;
  messagesReordered: number;
  messagesDelayed: number;
  /** Messages that agents sent again. */
  agentRetransmissions: number;
}

/** Somebody may dial for days. */
const MAX_DIALLED = 10_000;

export class Counters {
  startSessionCalls = 0;
  resumeSessionCalls = 0;
  terminateSessionCalls = 0;
  sessionsStarted = 0;
  sessionsTerminated = 0;
  channelsOpened = 0;
  muxStreams = 0;
  bytesUp = 0;
  bytesDown = 0;
  messagesDropped = 0;
  messagesDuplicated = 0;
  messagesReordered = 0;
  messagesDelayed = 0;
  agentRetransmissions = 0;
  readonly dialled: Array<{ host: string; port: number }> = [];

  dialling(host: string, port: number): void {
    if (this.dialled.length < MAX_DIALLED) this.dialled.push({ host, port });
  }

  snapshot(): SsmStatistics {
    return {
      startSessionCalls: this.startSessionCalls,
      resumeSessionCalls: this.resumeSessionCalls,
      terminateSessionCalls: this.terminateSessionCalls,
      sessionsStarted: this.sessionsStarted,
      sessionsTerminated: this.sessionsTerminated,
      openSessions: this.sessionsStarted - this.sessionsTerminated,
      channelsOpened: this.channelsOpened,
      muxStreams: this.muxStreams,
      dialled: this.dialled.map((entry) => ({ ...entry })),
      bytesUp: this.bytesUp,
      bytesDown: this.bytesDown,
      messagesDropped: this.messagesDropped,
      messagesDuplicated: this.messagesDuplicated,
      messagesReordered: this.messagesReordered,
      messagesDelayed: this.messagesDelayed,
      agentRetransmissions: this.agentRetransmissions,
    };
  }
}
