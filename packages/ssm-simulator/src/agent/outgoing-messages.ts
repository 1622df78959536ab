import { randomUUID } from 'node:crypto';
import { encodeClientMessage, MessageFlags, MessageType } from '@postern/ssm-protocol';
import {
  CLOCK_GRANULARITY_MS,
  DRAIN_MS,
  DRAIN_POLL_MS,
  INITIAL_RTO_MS,
  INITIAL_SRTT_MS,
  MAX_RTO_MS,
  OUTGOING_MESSAGES,
  RESEND_INTERVAL_MS,
} from './constants.ts';

interface Unacknowledged {
  readonly bytes: Buffer;
  sentAtMs: number;
}

/**
 * What the agent sent and nobody has acknowledged. Every 100 ms it looks at the oldest message only and sends it
 * again when it is late; new messages are sent whatever is missing. So after a burst loss about ten messages a
 * second come back, and one lost acknowledgement that the client does not repeat blocks all recovery.
 */
export class OutgoingMessages {
  readonly #send: (bytes: Buffer) => void;
  readonly #unacknowledged = new Map<number, Unacknowledged>();
  #next = 0;
  #srttMs = INITIAL_SRTT_MS;
  #variationMs = 0;
  #rtoMs = INITIAL_RTO_MS;
  #timer: NodeJS.Timeout | undefined;
  /** Nothing is sent while paused, but everything is kept; the scheduler sends it later. */
  paused = false;

  constructor(send: (bytes: Buffer) => void) {
    this.#send = send;
  }

  send(payloadType: number, payload: Uint8Array): void {
    const sequenceNumber = this.#next++;
    const sentAtMs = Date.now();
    const bytes = encodeClientMessage({
      messageType: MessageType.outputStreamData,
      schemaVersion: 1,
      createdDateMs: sentAtMs,
      sequenceNumber,
      flags: sequenceNumber === 0 ? MessageFlags.first : MessageFlags.none,
      messageId: randomUUID(),
      payloadType,
      payload,
    });
    if (!this.paused) this.#send(bytes);
    // Beyond its capacity the official agent sends without keeping.
    if (this.#unacknowledged.size >= OUTGOING_MESSAGES) return;
    this.#unacknowledged.set(sequenceNumber, { bytes, sentAtMs });
    this.#timer ??= setInterval(() => this.#resend(), RESEND_INTERVAL_MS).unref();
  }

  /** Only the sequence number counts. A late acknowledgement of a repeated message distorts the estimate, as it does there. */
  acknowledge(sequenceNumber: number): void {
    const message = this.#unacknowledged.get(sequenceNumber);
    if (message === undefined) return;
    this.#unacknowledged.delete(sequenceNumber);
    const roundTripMs = Date.now() - message.sentAtMs;
    this.#variationMs = (3 * this.#variationMs + Math.abs(this.#srttMs - roundTripMs)) / 4;
    this.#srttMs = (7 * this.#srttMs + roundTripMs) / 8;
    this.#rtoMs = Math.min(MAX_RTO_MS, this.#srttMs + Math.max(CLOCK_GRANULARITY_MS, 4 * this.#variationMs));
  }

  async drained(): Promise<void> {
    const deadline = Date.now() + DRAIN_MS;
    while (this.#unacknowledged.size > 0 && Date.now() < deadline)
      await new Promise<void>((resolve) => {
        setTimeout(resolve, DRAIN_POLL_MS).unref();
      });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#unacknowledged.clear();
  }

  #resend(): void {
    const [front] = this.#unacknowledged.values();
    if (front === undefined) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (this.paused || Date.now() - front.sentAtMs <= this.#rtoMs) return;
    front.sentAtMs = Date.now();
    this.#send(front.bytes);
  }
}
