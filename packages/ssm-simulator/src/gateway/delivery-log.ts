interface Delivery {
  readonly order: number;
  readonly atMs: number;
}

/** A client that is merely slow must not be accused. */
const PATIENCE_MS = 5_000;

/**
 * Finds duplicates that a client does not acknowledge. Each time a message is put on the client's socket it has to
 * be acknowledged. WebSocket keeps the order, so a client that acknowledges a later delivery has passed over the
 * earlier ones; for a first delivery that may be intent (not ready yet), for a duplicate it is the defect that
 * blocks an agent's retransmission.
 */
export class DeliveryLog {
  readonly #now: () => number;
  readonly #missed: (sequenceNumber: number) => void;
  /** Unacknowledged deliveries on this connection, in order. */
  readonly #pending = new Map<number, Delivery[]>();
  /** Deliveries of messages that had been delivered before, in order. */
  readonly #duplicates = new Map<Delivery, number>();
  #order = 0;
  #highest = -1;

  constructor(now: () => number, missed: (sequenceNumber: number) => void) {
    this.#now = now;
    this.#missed = missed;
  }

  delivered(sequenceNumber: number): void {
    const delivery: Delivery = { order: this.#order++, atMs: this.#now() };
    const earlier = this.#pending.get(sequenceNumber) ?? [];
    for (const duplicate of earlier)
      if (this.#duplicates.has(duplicate) && delivery.atMs - duplicate.atMs > PATIENCE_MS)
        this.#miss(duplicate, sequenceNumber);
    if (sequenceNumber <= this.#highest) this.#duplicates.set(delivery, sequenceNumber);
    this.#highest = Math.max(this.#highest, sequenceNumber);
    const pending = this.#pending.get(sequenceNumber);
    if (pending === undefined) this.#pending.set(sequenceNumber, [delivery]);
    else pending.push(delivery);
  }

  /** False when no such message was ever delivered. */
  acknowledged(sequenceNumber: number): boolean {
    const [delivery] = this.#pending.get(sequenceNumber) ?? [];
    if (delivery === undefined) return sequenceNumber <= this.#highest;
    this.#forget(delivery, sequenceNumber);
    for (const [duplicate, missedNumber] of this.#duplicates) {
      if (duplicate.order > delivery.order) break;
      this.#miss(duplicate, missedNumber);
    }
    return true;
  }

  /** What was under way on a dead socket need not be acknowledged. */
  connectionLost(): void {
    this.#pending.clear();
    this.#duplicates.clear();
  }

  #miss(duplicate: Delivery, sequenceNumber: number): void {
    this.#forget(duplicate, sequenceNumber);
    this.#missed(sequenceNumber);
  }

  #forget(delivery: Delivery, sequenceNumber: number): void {
    this.#duplicates.delete(delivery);
    const rest = (this.#pending.get(sequenceNumber) ?? []).filter((entry) => entry !== delivery);
    if (rest.length === 0) this.#pending.delete(sequenceNumber);
    else this.#pending.set(sequenceNumber, rest);
  }
}
