import { randomUUID } from 'node:crypto';
import { encodeClientMessage, MessageFlags, MessageType } from '@postern/ssm-protocol';
import type { RelayedMessage } from '../gateway/relayed-message.ts';
import {
  CLOCK_GRANULARITY_MS,
  DRAIN_MS,
  DRAIN_POLL_MS,
  INITIAL_RTO_MS,
  INITIAL_SRTT_MS,
  MAX_RTO_MS,
  OUTGOING_BYTES,
  OUTGOING_MESSAGES,
  RESEND_INTERVAL_MS,
  WINDOW_BYTES,
  WINDOW_MESSAGES,
} from './constants.ts';

interface Unacknowledged {
  readonly message: RelayedMessage;
  sentAtMs: number;
}

/**
 * What the agent sent and nobody has acknowledged. Every 100 ms it looks at the oldest message only and sends it
 * again when it is late; new messages are sent whatever is missing. So after a burst loss about ten messages a
 * second come back, and one lost acknowledgement that the client does not repeat blocks all recovery.
 */
export class OutgoingMessages {
  readonly #send: (message: RelayedMessage) => void;
  readonly #frontOnly: boolean;
  readonly #resent: () => void;
  readonly #unacknowledged = new Map<number, Unacknowledged>();
  #unacknowledgedBytes = 0;
  #next = 0;
  #srttMs = INITIAL_SRTT_MS;
  #variationMs = 0;
  #rtoMs = INITIAL_RTO_MS;
  #timer: NodeJS.Timeout | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  #drained: () => void = () => {};
  /** Nothing is sent while paused, but everything is kept; the scheduler sends it later. */
  paused = false;

  /** `frontOnly` false: every late message is sent again, and there is a window. */
  constructor(options: { send: (message: RelayedMessage) => void; frontOnly: boolean; resent: () => void }) {
    this.#send = options.send;
    this.#frontOnly = options.frontOnly;
    this.#resent = options.resent;
  }

  /** Whether a window forbids more. The official agent has none. */
  get full(): boolean {
    return (
      !this.#frontOnly &&
      (this.#unacknowledged.size >= WINDOW_MESSAGES || this.#unacknowledgedBytes >= WINDOW_BYTES)
    );
  }

  send(payloadType: number, payload: Uint8Array): void {
    const sequenceNumber = this.#next++;
    const fields = {
      messageType: MessageType.outputStreamData,
      schemaVersion: 1,
      createdDateMs: Date.now(),
      sequenceNumber,
      flags: sequenceNumber === 0 ? MessageFlags.first : MessageFlags.none,
      messageId: randomUUID(),
      payloadType,
      payload,
    };
    const bytes = encodeClientMessage(fields);
    // The payload that came in belongs to somebody else and may be a small part of something large.
    const message: RelayedMessage = {
      ...fields,
      payload: bytes.subarray(bytes.length - payload.length),
      bytes,
    };
    if (!this.paused) this.#send(message);
    // Beyond its capacity the official agent sends without keeping.
    if (this.#unacknowledged.size >= OUTGOING_MESSAGES || this.#unacknowledgedBytes >= OUTGOING_BYTES) return;
    this.#unacknowledged.set(sequenceNumber, { message, sentAtMs: performance.now() });
    this.#unacknowledgedBytes += bytes.length;
    this.#timer ??= setInterval(() => this.#resend(), RESEND_INTERVAL_MS).unref();
  }

  /** Only the sequence number counts. A late acknowledgement of a repeated message distorts the estimate, as it does there. */
  acknowledge(sequenceNumber: number): void {
    const acknowledged = this.#unacknowledged.get(sequenceNumber);
    if (acknowledged === undefined) return;
    this.#unacknowledged.delete(sequenceNumber);
    this.#unacknowledgedBytes -= acknowledged.message.bytes.length;
    const roundTripMs = performance.now() - acknowledged.sentAtMs;
    this.#variationMs = (3 * this.#variationMs + Math.abs(this.#srttMs - roundTripMs)) / 4;
    this.#srttMs = (7 * this.#srttMs + roundTripMs) / 8;
    this.#rtoMs = Math.min(MAX_RTO_MS, this.#srttMs + Math.max(CLOCK_GRANULARITY_MS, 4 * this.#variationMs));
  }

  /** Fulfils when everything was acknowledged, after a while, or when it is closed. */
  async drained(): Promise<void> {
    if (this.#unacknowledged.size === 0) return;
    const deadline = performance.now() + DRAIN_MS;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
      this.#drainTimer = setInterval(() => {
        if (this.#unacknowledged.size === 0 || performance.now() >= deadline) resolve();
      }, DRAIN_POLL_MS).unref();
    });
    clearInterval(this.#drainTimer);
  }

  close(): void {
    clearInterval(this.#timer);
    clearInterval(this.#drainTimer);
    this.#timer = undefined;
    this.#unacknowledged.clear();
    this.#unacknowledgedBytes = 0;
    this.#drained();
  }

  #resend(): void {
    if (this.#unacknowledged.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (this.paused) return;
    const now = performance.now();
    for (const entry of this.#unacknowledged.values()) {
      if (now - entry.sentAtMs > this.#rtoMs) {
        entry.sentAtMs = now;
        this.#resent();
        this.#send(entry.message);
      }
      if (this.#frontOnly) return;
    }
  }
}
