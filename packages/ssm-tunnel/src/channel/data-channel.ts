import { randomUUID } from 'node:crypto';
import {
  type ClientMessage,
  decodeAcknowledge,
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
import { fromProtocolError, isTunnelError, TunnelError } from '../errors.ts';
import { answerHandshake } from './answer-handshake.ts';
import type { ChannelOptions, ChannelState, ChannelUser } from './channel-user.ts';
import { now } from './clock.ts';
import {
  CHANNEL_CLOSED_GRACE_MS,
  MAX_SOCKET_BUFFER_BYTES,
  MIN_TIMER_MS,
  RETRANSMIT_BELOW_BYTES,
  TERMINATE_TIMEOUT_MS,
} from './constants.ts';
import { MessageReader } from './message-reader.ts';
import { lastWords, sessionEnded } from './session-ended.ts';
import { Waiters } from './waiters.ts';
import type { Link, LinkEvents } from './web-socket-link.ts';

/** The client's end of one session: reliability, handshake and dispatch over whatever link is attached. */
export class DataChannel implements LinkEvents {
  readonly #user: ChannelUser;
  readonly #options: ChannelOptions;
  readonly #sender = new ReliableSender({
    messageType: MessageType.inputStreamData,
    newMessageId: randomUUID,
  });
  readonly #receiver = new ReliableReceiver();
  readonly #reader = new MessageReader();
  readonly #waiters = new Waiters();
  #state: ChannelState = { name: 'awaiting-request' };
  #link: Link | undefined;
  #pumping = false;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** Messages of the agent over the present link. */
  #linkMessages = 0;
  /** Flags that were sent, by their number, with what to do once the agent has acted on them. */
  readonly #flags = new Map<number, () => void>();
  /** The TerminateSession flag, once it was sent. */
  #terminate: { acknowledged: boolean } | undefined;

  constructor(user: ChannelUser, options: ChannelOptions) {
    this.#user = user;
    this.#options = options;
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
      messagesReceived: this.#reader.messages,
      duplicates: this.#receiver.duplicates,
      damaged: this.#reader.damaged,
    };
  }

  /** How long the agent has acknowledged nothing of what waits for it. Without a link nobody could have. */
  get unansweredMs(): number {
    const { oldestUnackedSince, lastProgressAt = 0 } = this.#sender;
    if (oldestUnackedSince === undefined || this.#link === undefined) return 0;
    // Opening a link counts as progress, so the time without one is not held against the agent.
    return now() - Math.max(oldestUnackedSince, lastProgressAt);
  }

  /** Whether the present link, or the last, has carried anything from the agent. */
  get heardOverLink(): boolean {
    return this.#linkMessages > 0;
  }

  /** A link, the first or another. What was sent over an earlier one and not acknowledged goes out at once. */
  onOpen(link: Link): void {
    if (this.#state.name === 'over') {
      link.terminate();
      return;
    }
    this.#link = link;
    this.#linkMessages = 0;
    for (const bytes of this.#sender.resendAll(now())) this.#write(bytes);
    this.#arm();
    this.schedulePump();
  }

  onLost(error: TunnelError): void {
    this.#link = undefined;
    clearTimeout(this.#timer);
    this.#timerAt = Number.POSITIVE_INFINITY;
    // Not every service says goodbye: the agent's word that it ends the session is enough.
    if (this.#terminate?.acknowledged === true) this.#end(undefined);
    else this.#user.onLinkLost(error);
    this.#waiters.check();
  }

  onMessage(bytes: Buffer): void {
    try {
      const message = this.#reader.read(bytes);
      if (message !== undefined) this.#dispatch(message);
    } catch (error) {
      if (isProtocolError(error)) this.fail(fromProtocolError(error));
      else if (isTunnelError(error)) this.fail(error);
      else throw error;
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
    const terminate = { acknowledged: false };
    this.#terminate = terminate;
    this.sendFlag(SessionFlag.terminateSession, () => {
      terminate.acknowledged = true;
    });
    return true;
  }

  /** Sends a flag behind the data; `acknowledged` is called when the agent has acted on it. */
  sendFlag(flag: number, acknowledged: () => void): void {
    // Behind the ends of streams that were just closed.
    this.#pump();
    this.#flags.set(this.#sender.nextSequenceNumber, acknowledged);
    this.#send(PayloadType.flag, [encodeSessionFlag(flag)]);
  }

  /** Ends the channel at once with an error. */
  fail(error: TunnelError): void {
    this.#link?.terminate();
    this.#link = undefined;
    this.#end(error);
  }

  /** Ends the channel in order, for good. */
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

  #dispatch(message: ClientMessage): void {
    if (this.#state.name === 'over') return;
    switch (message.messageType) {
      case MessageType.outputStreamData:
        this.#linkMessages++;
        this.#receive(message);
        return;
      case MessageType.acknowledge: {
        this.#linkMessages++;
        const { sequenceNumber } = decodeAcknowledge(message);
        if (!this.#sender.acknowledge(sequenceNumber, now())) return;
        // It may show that an older message was lost, which is due earlier then.
        this.#arm();
        if (this.#flags.size > 0) this.#flagAcknowledged(sequenceNumber);
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
        this.#user.onReady(this.#state.agent);
        return;
      default:
      // Texts and exit codes belong to shells.
    }
  }

  #answer(payload: Uint8Array): void {
    const request = parseHandshakeRequest(payload);
    // One response, ever: a second one with a new number blocks the agent's reader for good.
    if (this.#state.name !== 'awaiting-request') return;
    const { response, refusal, agent } = answerHandshake(request);
    this.#send(PayloadType.handshakeResponse, [encodeHandshakeResponse(response)]);
    if (refusal === undefined) {
      this.#state = { name: 'awaiting-complete', agent };
    } else {
      // Closed in order, so that the refusal reaches the agent and ends the session there.
      void this.#link?.close();
      this.#end(refusal);
    }
  }

  #flagAcknowledged(sequenceNumber: number): void {
    const acknowledged = this.#flags.get(sequenceNumber);
    if (acknowledged === undefined) return;
    this.#flags.delete(sequenceNumber);
    acknowledged();
  }

  #channelClosed(output: string): void {
    if (output === '' && this.#terminate !== undefined) {
      this.#end(undefined);
      return;
    }
    this.#end(sessionEnded(output));
  }

  #pump(): void {
    if (this.#state.name !== 'open' || this.#link === undefined) return;
    const { uploadPayloadBytes } = this.#options;
    while (this.#sender.canSend(uploadPayloadBytes)) {
      const parts = this.#user.nextPayload(uploadPayloadBytes);
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
      link.terminate();
      this.onLost(
        new TunnelError('SSM_CHANNEL_LOST', 'The data channel was lost: the service does not read.', {
          hint: 'Check the network between here and the service.',
        }),
      );
      return;
    }
    link.cork();
    link.send(bytes);
  }

  /** Makes sure that a timer fires when the sender wants to be asked. */
  #arm(): void {
    if (this.#link === undefined || this.#state.name === 'over') return;
    const deadline = this.#sender.nextDeadline();
    if (deadline === undefined || deadline >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = deadline;
    // The immediate lets acknowledgements be read first that came in while the process was busy.
    const fire = (): NodeJS.Immediate => setImmediate(() => this.#retransmit());
    this.#timer = setTimeout(fire, Math.max(MIN_TIMER_MS, deadline - now())).unref();
  }

  #retransmit(): void {
    if (this.#state.name === 'over') return;
    this.#timerAt = Number.POSITIVE_INFINITY;
    if (this.#agentIsSilent()) {
      const { ackTimeoutMs } = this.#options;
      this.fail(
        new TunnelError('SSM_ACK_TIMEOUT', `The agent acknowledged nothing for ${ackTimeoutMs} ms.`, {
          hint: 'The node or its agent is gone, or a destination does not read. Connect again.',
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

  #agentIsSilent(): boolean {
    return this.unansweredMs > this.#options.ackTimeoutMs;
  }
}

function outOfTurn(problem: string): ProtocolError {
  return new ProtocolError('SSM_FRAME_INVALID', 'PayloadType', 112, problem);
}
