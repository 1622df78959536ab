interface Delivery {
  readonly order: number;
  readonly atMs: number;
  /** Whether it was the oldest that the client had never acknowledged: the one that it must have room for. */
  readonly awaited: boolean;
}

/** A client that is merely slow must not be accused. */
const PATIENCE_MS = 5_000;

/**
 * Finds duplicates that a client does not acknowledge. Each time a message is put on the client's socket it has to
 * be acknowledged. WebSocket keeps the order, so a client that acknowledges a later delivery has passed over the
 * earlier ones. For a message that it has never acknowledged that may be intent (not ready, no room); for one that
 * it has, or that is the oldest of all it has not, it is the defect that blocks an agent's retransmission.
 */
export class DeliveryLog {
  readonly #now: () => number;
  readonly #missed: (sequenceNumber: number) => void;
  /** First unacknowledged delivery of each message on this connection: its place in the order of all. */
  readonly #pending = new Map<number, number>();
  /** Unacknowledged deliveries of messages that had been delivered before, by message, in order. */
  readonly #repeated = new Map<number, Delivery[]>();
  /** Acknowledged at least once: all below `#lowest`, and these. */
  readonly #acknowledged = new Set<number>();
  #lowest = 0;
  #order = 0;
  /** The newest delivery that was acknowledged. */
  #passed = -1;
  #highest = -1;

  constructor(now: () => number, missed: (sequenceNumber: number) => void) {
    this.#now = now;
    this.#missed = missed;
  }

  /** Whether it was delivered for the first time. */
  delivered(sequenceNumber: number): boolean {
    const order = this.#order++;
    if (sequenceNumber > this.#highest) {
      this.#highest = sequenceNumber;
      this.#pending.set(sequenceNumber, order);
      return true;
    }
    const atMs = this.#now();
    const waiting: Delivery[] = [];
    for (const delivery of this.#repeated.get(sequenceNumber) ?? [])
      if (atMs - delivery.atMs <= PATIENCE_MS) waiting.push(delivery);
      else this.#unanswered(sequenceNumber, delivery);
    waiting.push({ order, atMs, awaited: sequenceNumber === this.#lowest });
    this.#repeated.set(sequenceNumber, waiting);
    return false;
  }

  /** False when no such message was ever delivered. */
  acknowledged(sequenceNumber: number): boolean {
    if (sequenceNumber > this.#highest) return false;
    this.#remember(sequenceNumber);
    const order = this.#answered(sequenceNumber);
    if (order === undefined || order < this.#passed) return true;
    this.#passed = order;
    if (this.#repeated.size > 0) this.#passedOver(order);
    return true;
  }

  /** What was under way on a dead socket need not be acknowledged. */
  connectionLost(): void {
    this.#pending.clear();
    this.#repeated.clear();
  }

  #remember(sequenceNumber: number): void {
    if (sequenceNumber < this.#lowest) return;
    this.#acknowledged.add(sequenceNumber);
    while (this.#acknowledged.delete(this.#lowest)) this.#lowest++;
  }

  #unanswered(sequenceNumber: number, { awaited }: Delivery): void {
    if (awaited || sequenceNumber < this.#lowest || this.#acknowledged.has(sequenceNumber))
      this.#missed(sequenceNumber);
  }

  #passedOver(order: number): void {
    for (const [sequenceNumber, deliveries] of this.#repeated) {
      for (let [first] = deliveries; first !== undefined && first.order < order; [first] = deliveries) {
        deliveries.shift();
        this.#unanswered(sequenceNumber, first);
      }
      if (deliveries.length === 0) this.#repeated.delete(sequenceNumber);
    }
  }

  /**
   * Which delivery an acknowledgement is for: the first one that was not passed over yet. What was passed over before
   * had found no room.
   */
  #answered(sequenceNumber: number): number | undefined {
    const first = this.#pending.get(sequenceNumber);
    const repeated = this.#repeated.get(sequenceNumber);
    this.#pending.delete(sequenceNumber);
    if (repeated === undefined || (first !== undefined && first > this.#passed)) return first;
    const again = repeated.shift();
    if (repeated.length === 0) this.#repeated.delete(sequenceNumber);
    return again?.order;
  }
}
