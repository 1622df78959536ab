import type { ReliableSender } from '../reliability/reliable-sender.ts';
import { VirtualClock } from './virtual-clock.ts';

/** A path with one narrow place: what does not fit waits in a queue without end, as before a slow agent. */
export interface Path {
  /** What passes the narrow place in a second. */
  bytesPerSecond: number;
  /** Both ways together, without any queue. */
  roundTripMs: number;
  /** Chance that a message is lost. */
  loss: number;
  /** Added to each acknowledgement: a number from 0 to 1 is multiplied with it. The order is kept. */
  jitterMs: number;
  /** The end does nothing before this time, as an agent whose destination does not read. */
  stalledUntil: number;
}

export interface UploadRun {
  /** Payload bytes that were acknowledged. */
  deliveredBytes: number;
  /** The same with the envelopes, which the narrow place has to carry as well. */
  wireBytes: number;
  /** The longest wait before the narrow place. */
  longestQueueMs: number;
  sentBytes: number;
}

/** An upload that always has more to send, in virtual time. */
export class BottleneckUpload {
  readonly clock: VirtualClock = new VirtualClock();
  readonly path: Path;
  readonly #sender: ReliableSender;
  readonly #random: () => number;
  readonly #part: Uint8Array;
  #freeAt = 0;
  #lastArrival = 0;
  #armedFor = Number.POSITIVE_INFINITY;
  #run: UploadRun = { deliveredBytes: 0, wireBytes: 0, longestQueueMs: 0, sentBytes: 0 };
  #stopped = false;

  constructor(sender: ReliableSender, path: Partial<Path>, payloadBytes: number, random: () => number) {
    this.#sender = sender;
    this.path = {
      bytesPerSecond: 1_000_000,
      roundTripMs: 20,
      loss: 0,
      jitterMs: 0,
      stalledUntil: 0,
      ...path,
    };
    this.#part = new Uint8Array(payloadBytes);
    this.#random = random;
  }

  /** Uploads for a time; what it counts begins anew. */
  run(durationMs: number): UploadRun {
    this.#run = { deliveredBytes: 0, wireBytes: 0, longestQueueMs: 0, sentBytes: 0 };
    this.#stopped = false;
    this.#fill();
    this.clock.runUntil(() => false, durationMs);
    return this.#run;
  }

  /** Nothing new is sent for a time. */
  rest(durationMs: number): void {
    this.#stopped = true;
    this.clock.runUntil(() => false, durationMs);
  }

  transmit(bytes: Buffer): void {
    const { path, clock } = this;
    this.#run.sentBytes += bytes.length;
    if (this.#random() < path.loss) return;
    const begin = Math.max(clock.now, this.#freeAt, path.stalledUntil);
    this.#run.longestQueueMs = Math.max(this.#run.longestQueueMs, begin - clock.now);
    this.#freeAt = begin + (bytes.length / path.bytesPerSecond) * 1_000;
    const arrival = this.#freeAt + path.roundTripMs + this.#random() * path.jitterMs;
    this.#lastArrival = Math.max(this.#lastArrival, arrival);
    const sequenceNumber = bytes.readUInt32BE(52);
    clock.schedule(this.#lastArrival - clock.now, () => this.#acknowledged(sequenceNumber));
  }

  #acknowledged(sequenceNumber: number): void {
    if (this.#sender.acknowledge(sequenceNumber, this.clock.now)) {
      this.#run.deliveredBytes += this.#part.length;
      this.#run.wireBytes += this.#part.length + 120;
    }
    this.#fill();
  }

  #fill(): void {
    while (!this.#stopped && this.#sender.canSend(this.#part.length)) {
      this.transmit(this.#sender.send(1, [this.#part], this.clock.now));
    }
    this.#arm();
  }

  #arm(): void {
    const deadline = this.#sender.nextDeadline();
    if (deadline === undefined || deadline >= this.#armedFor) return;
    this.#armedFor = deadline;
    this.clock.schedule(Math.max(10, deadline - this.clock.now), () => {
      this.#armedFor = Number.POSITIVE_INFINITY;
      for (const bytes of this.#sender.due(this.clock.now)) this.transmit(bytes);
      this.#arm();
    });
  }
}
