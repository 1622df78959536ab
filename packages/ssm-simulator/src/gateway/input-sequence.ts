import type { ViolationKind } from '../violations.ts';

/** How far a client may be ahead of a message that is missing: what the official client keeps unacknowledged. */
const MAX_AHEAD = 10_000;

/** Messages whose bytes are remembered, to compare them when they come again. */
const REMEMBERED = 2_048;
const UNKNOWN = 0;

/**
 * The numbers of one client's messages, as its socket brings them. On the first connection each new number has to be
 * the next one: nothing gets lost on a WebSocket. When a connection is lost, so is what was under way, and on the
 * next one newer messages may come first; then the older ones have to follow.
 */
export class InputSequence {
  readonly #record: (kind: ViolationKind, detail: string) => void;
  #connections = 0;
  #highest = -1;
  /** Left out on a later connection; they still have to come. */
  readonly #owed = new Set<number>();
  /** The first word of each digest, at its number modulo the size. */
  readonly #digests = new Uint32Array(REMEMBERED);

  constructor(record: (kind: ViolationKind, detail: string) => void) {
    this.#record = record;
  }

  connected(): void {
    this.#connections++;
  }

  /** Whether the number is a new one, not a retransmission. */
  received(sequenceNumber: number, digest: number): boolean {
    if (sequenceNumber <= this.#highest) {
      this.#repeated(sequenceNumber, digest);
      return false;
    }
    const missing = sequenceNumber - this.#highest - 1;
    if (missing > 0) this.#jumped(sequenceNumber, missing);
    if (this.#owed.size > 0) this.#checkOwed(sequenceNumber);
    this.#highest = sequenceNumber;
    this.#digests[sequenceNumber % REMEMBERED] = digest;
    return true;
  }

  #repeated(sequenceNumber: number, digest: number): void {
    this.#owed.delete(sequenceNumber);
    if (this.#highest - sequenceNumber >= REMEMBERED) return;
    const before = this.#digests[sequenceNumber % REMEMBERED];
    this.#digests[sequenceNumber % REMEMBERED] = digest;
    if (before !== UNKNOWN && before !== digest)
      this.#record('changed-retransmission', `${sequenceNumber} came again with another payload`);
  }

  #jumped(sequenceNumber: number, missing: number): void {
    for (let number = sequenceNumber - Math.min(missing, REMEMBERED); number < sequenceNumber; number++)
      this.#digests[number % REMEMBERED] = UNKNOWN;
    if (this.#connections <= 1 || missing > MAX_AHEAD) {
      this.#record('sequence-gap', `${sequenceNumber} follows ${this.#highest}, ${missing} are missing`);
      this.#owed.clear();
      return;
    }
    for (let number = this.#highest + 1; number < sequenceNumber; number++) this.#owed.add(number);
  }

  #checkOwed(sequenceNumber: number): void {
    const [first = sequenceNumber] = this.#owed;
    if (sequenceNumber - first <= MAX_AHEAD) return;
    this.#record('sequence-gap', `${first} was left out and has not followed by ${sequenceNumber}`);
    this.#owed.clear();
  }
}
