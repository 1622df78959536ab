import { randomUUID } from 'node:crypto';
import {
  type AgentCapabilities,
  type ClientMessage,
  decodeAcknowledge,
  decodeClientMessage,
  encodeAcknowledge,
  encodeHandshakeResponse,
  encodeSessionFlag,
  isProtocolError,
  MessageType,
  PayloadType,
  ProtocolError,
  parseHandshakeComplete,
  parseHandshakeRequest,
  parseSessionFlag,
  ReliableReceiver,
  ReliableSender,
  type SenderStatistics,
  SessionFlag,
} from '@postern/ssm-protocol';
import { fromProtocolError, TunnelError } from '../errors.ts';
import { answerHandshake } from './answer-handshake.ts';
import { now } from './clock.ts';
import {
  ACK_TIMEOUT_MS,
  CHANNEL_CLOSED_GRACE_MS,
  MAX_DAMAGED_MESSAGES,
  MAX_SOCKET_BUFFER_BYTES,
  MIN_TIMER_MS,
  RETRANSMIT_BELOW_BYTES,
  TERMINATE_TIMEOUT_MS,
  UPLOAD_PAYLOAD_BYTES,
} from './constants.ts';
import { lastWords, sessionEnded } from './session-ended.ts';
import { Waiters } from './waiters.ts';
import type { Link, LinkEvents } from './web-socket-link.ts';

/** The streams above the channel. */
export interface ChannelUser {
  /** A slice of the agent's byte stream. Throws `ProtocolError` when it breaks smux. */
  onPayload(payload: Uint8Array): void;
  /** The agent could not connect for one of the streams. */
  onConnectToPortError(): void;
  /** The parts of the next message, at most `maxBytes` in all; empty when there is nothing to send. */
  nextPayload(maxBytes: number): Uint8Array[];
  /** The parts were copied. */
  onPayloadSent(): void;
  /** Nothing more will come or go. `undefined`: the session ended as we asked. */
  onOver(error: TunnelError | undefined): void;
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
}

/** The client's end of one session: reliability, handshake and dispatch over whatever link is attached. */
export class DataChannel implements LinkEvents {
  readonly #user: ChannelUser;
  readonly #sender = new ReliableSender({
    messageType: MessageType.inputStreamData,
    newMessageId: randomUUID,
  });
  readonly #receiver = new ReliableReceiver();
  readonly #waiters = new Waiters();
  #state: ChannelState = { name: 'awaiting-request' };
  #link: Link | undefined;
  #pumping = false;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** The TerminateSession flag, once it was sent. */
  #terminate: { readonly sequenceNumber: number; acknowledged: boolean } | undefined;
  #messagesReceived = 0;
  #damaged = 0;

  constructor(user: ChannelUser) {
    this.#user = user;
  }

  get state(): ChannelState {
    return this.#state;
  }

  get link(): Link | undefined {
    return this.#link;
  }

  get statistics(): SenderStatistics & { messagesReceived: number; duplicates: number; damaged: number } {
    return {
      ...this.#sender.statistics,
      messagesReceived: this.#messagesReceived,
      duplicates: this.#receiver.duplicates,
      damaged: this.#damaged,
    };
  }

  onOpen(link: Link): void {
    if (this.#state.name === 'over') {
      link.terminate();
      return;
    }
    this.#link = link;
    this.schedulePump();
  }

  onLost(error: TunnelError): void {
    this.#link = undefined;
    // Not every service says goodbye: the agent's word that it ends the session is enough.
    this.#end(this.#terminate?.acknowledged === true ? undefined : error);
  }

  onMessage(bytes: Buffer): void {
    try {
      const message = this.#decode(bytes);
      if (message !== undefined) this.#dispatch(message);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      this.fail(fromProtocolError(error));
    }
    this.#waiters.check();
  }

  /** Resolves with the agent's facts once data may flow. */
  async handshake(timeoutMs: number, signal: AbortSignal): Promise<ChannelState & { name: 'open' }> {
    await this.#waiters.until(
      () => this.#state.name === 'open' || this.#state.name === 'over',
      timeoutMs,
      signal,
    );
    const state = this.#state;
    if (state.name === 'open') return state;
    if (state.name === 'over' && state.error !== undefined) throw state.error;
    throw new TunnelError(
      'SSM_HANDSHAKE_TIMEOUT',
      `The agent did not complete the handshake within ${timeoutMs} ms (${state.name}).`,
      { hint: 'Check the agent on the node; restarting it helps when it hangs.' },
    );
  }

  /** Sends what the streams have, as far as the window allows, at the end of the current turn. */
  schedulePump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    process.nextTick(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  /** Whether everything sent was acknowledged; waits for it up to `timeoutMs`. */
  drained(isIdle: () => boolean, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const done = (): boolean =>
      this.#state.name === 'over' || (isIdle() && this.#sender.unackedMessages === 0);
    return this.#waiters.until(done, timeoutMs, signal);
  }

  /** Asks waiting `drained` calls to look again. */
  recheck(): void {
    this.#waiters.check();
  }

  /** Asks the agent to end the session. True when it did, or when the session is over anyway. */
  async terminateSession(signal: AbortSignal): Promise<boolean> {
    if (!this.sendTerminateFlag()) return this.#state.name === 'over';
    const over = (): boolean => this.#state.name === 'over';
    const acted = (): boolean => over() || this.#terminate?.acknowledged === true;
    if (!(await this.#waiters.until(acted, TERMINATE_TIMEOUT_MS, signal))) return false;
    // The acknowledgement is the agent's word that it ends; the service's notice usually follows.
    await this.#waiters.until(over, CHANNEL_CLOSED_GRACE_MS, signal);
    return true;
  }

  /** False when it cannot be sent: no handshake yet, or no link. */
  sendTerminateFlag(): boolean {
    if (this.#state.name !== 'open' || this.#link === undefined) return false;
    // Behind the ends of streams that were just closed.
    this.#pump();
    this.#terminate = { sequenceNumber: this.#sender.nextSequenceNumber, acknowledged: false };
    this.#send(PayloadType.flag, [encodeSessionFlag(SessionFlag.terminateSession)]);
    return true;
  }

  /** Ends the channel at once with an error. */
  fail(error: TunnelError): void {
    this.#link?.terminate();
    this.#link = undefined;
    this.#end(error);
  }

  /** Ends the channel in order. */
  async close(): Promise<void> {
    this.#end(undefined);
    await this.#link?.close();
    this.#link = undefined;
  }

  #end(error: TunnelError | undefined): void {
    if (this.#state.name === 'over') return;
    this.#state = { name: 'over', error };
    clearTimeout(this.#timer);
    this.#user.onOver(error);
    this.#waiters.check();
  }

  /**
   * Undefined for a message to pass over: one that is damaged is not acknowledged, so its sender repeats it
   * (protocol section "Validation"). Throws when it is one too many, or when nothing usable ever came: then the
   * other side speaks something else.
   */
  #decode(bytes: Buffer): ClientMessage | undefined {
    try {
      return decodeClientMessage(bytes);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      const foreign = this.#messagesReceived === 0 && error.code === 'SSM_FRAME_INVALID';
      if (foreign || ++this.#damaged > MAX_DAMAGED_MESSAGES) throw error;
      return undefined;
    }
  }

  #dispatch(message: ClientMessage): void {
    if (this.#state.name === 'over') return;
    this.#messagesReceived++;
    switch (message.messageType) {
      case MessageType.outputStreamData:
        this.#receive(message);
        return;
      case MessageType.acknowledge: {
        const { sequenceNumber } = decodeAcknowledge(message);
        if (!this.#sender.acknowledge(sequenceNumber, now())) return;
        if (this.#terminate?.sequenceNumber === sequenceNumber) this.#terminate.acknowledged = true;
        this.schedulePump();
        return;
      }
      case MessageType.channelClosed:
        this.#channelClosed(lastWords(message.payload));
        return;
      case MessageType.pausePublication:
        this.#sender.pause(now());
        this.#arm();
        return;
      case MessageType.startPublication:
        this.#sender.resume(now());
        this.#arm();
        this.schedulePump();
        return;
      default:
      // Unknown types are legal and not acknowledged.
    }
  }

  #receive(message: ClientMessage): void {
    const { acknowledge, ready } = this.#receiver.receive(message);
    if (acknowledge) {
      this.#write(encodeAcknowledge(message, { messageId: randomUUID(), createdDateMs: Math.floor(now()) }));
    }
    for (const next of ready) {
      this.#process(next);
      if (this.#state.name === 'over') return;
    }
  }

  /** One message of the agent's stream, in order, once. */
  #process({ payloadType, payload }: ClientMessage): void {
    switch (payloadType) {
      case PayloadType.output:
        if (this.#state.name !== 'open') throw outOfTurn('data came before the end of the handshake');
        this.#user.onPayload(payload);
        return;
      case PayloadType.flag:
        if (parseSessionFlag(payload) === SessionFlag.connectToPortError) this.#user.onConnectToPortError();
        return;
      case PayloadType.handshakeRequest:
        this.#answer(payload);
        return;
      case PayloadType.handshakeComplete:
        if (this.#state.name !== 'awaiting-complete') throw outOfTurn('the handshake ended before it began');
        this.#state = {
          name: 'open',
          agent: this.#state.agent,
          customerMessage: parseHandshakeComplete(payload).customerMessage,
        };
        return;
      default:
      // Texts and exit codes belong to shells.
    }
  }

  #answer(payload: Uint8Array): void {
    const request = parseHandshakeRequest(payload);
    // One response, ever: a second one with a new number blocks the agent's reader for good.
    if (this.#state.name !== 'awaiting-request') return;
    const { response, refusal, agentVersion, capabilities } = answerHandshake(request);
    this.#send(PayloadType.handshakeResponse, [encodeHandshakeResponse(response)]);
    if (refusal === undefined) {
      this.#state = { name: 'awaiting-complete', agent: { version: agentVersion, capabilities } };
    } else {
      // Closed in order, so that the refusal reaches the agent and ends the session there.
      void this.#link?.close();
      this.#end(refusal);
    }
  }

  #channelClosed(output: string): void {
    if (output === '' && this.#terminate !== undefined) {
      this.#end(undefined);
      return;
    }
    this.#end(sessionEnded(output));
  }

  #pump(): void {
    if (this.#state.name !== 'open') return;
    while (this.#sender.canSend(UPLOAD_PAYLOAD_BYTES)) {
      const parts = this.#user.nextPayload(UPLOAD_PAYLOAD_BYTES);
      if (parts.length === 0) break;
      this.#send(PayloadType.output, parts);
      this.#user.onPayloadSent();
    }
  }

  #send(payloadType: number, parts: readonly Uint8Array[]): void {
    this.#write(this.#sender.send(payloadType, parts, now()));
    this.#arm();
  }

  #write(bytes: Buffer): void {
    const link = this.#link;
    if (link === undefined) return;
    if (link.bufferedBytes > MAX_SOCKET_BUFFER_BYTES) {
      this.fail(
        new TunnelError('SSM_CHANNEL_LOST', 'The data channel was lost: the service does not read.', {
          hint: 'Open a new tunnel.',
        }),
      );
      return;
    }
    link.cork();
    link.send(bytes);
  }

  /** Makes sure that a timer fires when the sender wants to be asked. */
  #arm(): void {
    const deadline = this.#sender.nextDeadline();
    if (deadline === undefined || deadline >= this.#timerAt || this.#state.name === 'over') return;
    clearTimeout(this.#timer);
    this.#timerAt = deadline;
    // The immediate lets acknowledgements be read first that came in while the process was busy.
    const fire = (): NodeJS.Immediate => setImmediate(() => this.#retransmit());
    this.#timer = setTimeout(fire, Math.max(MIN_TIMER_MS, deadline - now())).unref();
  }

  #retransmit(): void {
    if (this.#state.name === 'over') return;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const oldest = this.#sender.oldestUnackedSince;
    if (oldest !== undefined && now() - oldest > ACK_TIMEOUT_MS) {
      this.fail(
        new TunnelError('SSM_ACK_TIMEOUT', `The agent acknowledged nothing for ${ACK_TIMEOUT_MS} ms.`, {
          hint: 'The node or its agent is gone, or a destination does not read. Open a new tunnel.',
        }),
      );
      return;
    }
    if (this.#link !== undefined && this.#link.bufferedBytes <= RETRANSMIT_BELOW_BYTES) {
      for (const bytes of this.#sender.due(now())) this.#write(bytes);
      if (this.#sender.paused) this.schedulePump();
    }
    this.#arm();
  }
}

function outOfTurn(problem: string): ProtocolError {
  return new ProtocolError('SSM_FRAME_INVALID', 'PayloadType', 112, problem);
}
