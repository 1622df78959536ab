import type { RelayedMessage } from './relayed-message.ts';

/** What the service keeps for a side that is away. Beyond it messages are lost; the sender will send them again. */
const MAX_MESSAGES = 1_000;
const MAX_BYTES = 4 * 1024 * 1024;

/** Messages for an absent peer, oldest first; the newest are dropped when it is full. */
export class WaitingMessages {
  readonly #keeps: boolean;
  #messages: RelayedMessage[] = [];
  #bytes = 0;

  /** `keeps` false: a service that drops what nobody is there for. */
  constructor(keeps: boolean) {
    this.#keeps = keeps;
  }

  add(message: RelayedMessage): void {
    const { length } = message.bytes;
    if (!this.#keeps || this.#messages.length >= MAX_MESSAGES || this.#bytes + length > MAX_BYTES) return;
    this.#messages.push(message);
    this.#bytes += length;
  }

  takeAll(): readonly RelayedMessage[] {
    const messages = this.#messages;
    this.#messages = [];
    this.#bytes = 0;
    return messages;
  }
}
