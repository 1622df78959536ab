/** What the service keeps for a side that is away. Beyond it messages are lost; the sender will send them again. */
const MAX_MESSAGES = 1_000;
const MAX_BYTES = 4 * 1024 * 1024;

/** Messages for an absent peer, oldest first; the newest are dropped when it is full. */
export class WaitingMessages {
  #messages: Buffer[] = [];
  #bytes = 0;

  add(message: Buffer): void {
    if (this.#messages.length >= MAX_MESSAGES || this.#bytes + message.length > MAX_BYTES) return;
    this.#messages.push(message);
    this.#bytes += message.length;
  }

  takeAll(): readonly Buffer[] {
    const messages = this.#messages;
    this.#messages = [];
    this.#bytes = 0;
    return messages;
  }
}
