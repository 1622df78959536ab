interface Delivery {
  readonly order: number;
  /** Whether it was the oldest that the client had never acknowledged: the one that it must have room for. */
  readonly awaited: boolean;
}

/** A repetition that nothing follows, so that no order tells whether the client has passed over it. */
interface Suspicion {
  readonly sequenceNumber: number;
  /** How often the client has read all there was, and the message came again since. */
  rounds: number;
}

/** A client may acknowledge a moment after it has read. */
const ROUNDS = 5;

/** Repetitions of one message that are remembered, for a client that does not read for hours. */
const MAX_REPEATED = 1_000;

/**
 * Finds duplicates that a client does not acknowledge. Each time a message is put on the client's socket it has to
 * be acknowledged. WebSocket keeps the order, so a client that acknowledges a later delivery has passed over the
 * earlier ones. For a message that it has never acknowledged that may be intent (not ready, no room); for one that
 * it has, or that is the oldest of all it has not, it is the defect that blocks an agent's retransmission.
 *
 * No clock takes part: a client that is slow, or does not run at all for a while, is not accused.
 */
export class DeliveryLog {
  readonly #missed: (sequenceNumber: number) => void;
  readonly #fence: (passed: () => void) => void;
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
  #suspicion: Suspicion | undefined;
  #asking = false;

  /** `fence` calls back when the client has read all that was delivered before. It may never do so. */
  constructor(missed: (sequenceNumber: number) => void, fence: (passed: () => void) => void) {
    this.#missed = missed;
    this.#fence = fence;
  }

  /** Whether it was delivered for the first time. */
  delivered(sequenceNumber: number): boolean {
    const order = this.#order++;
    if (sequenceNumber > this.#highest) {
      this.#highest = sequenceNumber;
      this.#pending.set(sequenceNumber, order);
      return true;
    }
    const delivery = { order, awaited: sequenceNumber === this.#lowest };
    const repeated = this.#repeated.get(sequenceNumber);
    if (repeated === undefined) this.#repeated.set(sequenceNumber, [delivery]);
    else repeated.push(delivery);
    if (repeated !== undefined && repeated.length > MAX_REPEATED) repeated.shift();
    this.#suspect(sequenceNumber);
    return false;
  }

  /** False when no such message was ever delivered. */
  acknowledged(sequenceNumber: number): boolean {
    if (sequenceNumber > this.#highest) return false;
    this.#remember(sequenceNumber);
    this.#clear(sequenceNumber);
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
    this.#suspicion = undefined;
    this.#asking = false;
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
      if (deliveries.length > 0) continue;
      this.#repeated.delete(sequenceNumber);
      this.#clear(sequenceNumber);
    }
  }

  #suspect(sequenceNumber: number): void {
    this.#suspicion ??= { sequenceNumber, rounds: 0 };
    const suspicion = this.#suspicion;
    if (this.#asking || suspicion.sequenceNumber !== sequenceNumber) return;
    this.#asking = true;
    this.#fence(() => {
      if (this.#suspicion !== suspicion) return;
      this.#asking = false;
      if (++suspicion.rounds < ROUNDS) return;
      this.#suspicion = undefined;
      const [first] = this.#repeated.get(sequenceNumber)?.splice(0, 1) ?? [];
      if (first !== undefined) this.#unanswered(sequenceNumber, first);
    });
  }

  #clear(sequenceNumber: number): void {
    if (this.#suspicion?.sequenceNumber !== sequenceNumber) return;
    this.#suspicion = undefined;
    this.#asking = false;
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
