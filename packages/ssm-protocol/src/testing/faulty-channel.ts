import type { VirtualClock } from './virtual-clock.ts';

/** What a channel does to messages: chances from 0 to 1, delays in milliseconds. */
export interface ChannelFaults {
  readonly drop: number;
  readonly duplicate: number;
  readonly minDelayMs: number;
  /** Messages overtake each other when this is above `minDelayMs`. */
  readonly maxDelayMs: number;
}

/** Numbers from 0 to 1 that depend on the seed alone. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One direction between two parties in virtual time. */
export class FaultyChannel {
  readonly #clock: VirtualClock;
  readonly #faults: ChannelFaults;
  readonly #random: () => number;
  readonly #deliver: (bytes: Uint8Array) => void;
  #generation = 0;

  constructor(
    clock: VirtualClock,
    faults: ChannelFaults,
    random: () => number,
    deliver: (bytes: Uint8Array) => void,
  ) {
    this.#clock = clock;
    this.#faults = faults;
    this.#random = random;
    this.#deliver = deliver;
  }

  send(bytes: Uint8Array): void {
    const { drop, duplicate, minDelayMs, maxDelayMs } = this.#faults;
    if (this.#random() < drop) return;
    const generation = this.#generation;
    const copies = this.#random() < duplicate ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      this.#clock.schedule(minDelayMs + this.#random() * (maxDelayMs - minDelayMs), () => {
        if (generation === this.#generation) this.#deliver(bytes);
      });
    }
  }

  /** Everything on its way is lost. */
  cut(): void {
    this.#generation++;
  }
}
