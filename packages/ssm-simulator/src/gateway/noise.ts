import { seededRandom } from '@postern/ssm-protocol/testing';
import { SsmSimulatorError } from '../errors.ts';
import type { Direction } from './message-faults.ts';

/** What a bad path does to stream messages and acknowledgements, each with a probability from 0 to 1. */
export interface NoiseOptions {
  /** Default: every session, also those that start later. */
  sessionId?: string;
  /** Default: both. */
  direction?: Direction;
  /** Lost. */
  drop?: number;
  /** Delivered twice. */
  duplicate?: number;
  /** Overtaken by the message behind it. */
  reorder?: number;
  /**
   * The same seed does the same to the n-th message of a direction of the m-th session. Default 1.
   */
  seed?: number;
}

/** The faults that noise consists of. */
export type NoiseFault = 'drop' | 'duplicate' | 'reorder';

/** One source of noise, for any number of sessions. */
export class Noise {
  readonly sessionId: string | undefined;
  readonly direction: Direction | undefined;
  readonly #drop: number;
  readonly #duplicate: number;
  readonly #reorder: number;
  readonly #seed: number;

  /** Throws `SSM_SIMULATOR_OPTIONS_INVALID` for what are no probabilities. */
  constructor(options: NoiseOptions) {
    const { drop = 0, duplicate = 0, reorder = 0, seed = 1 } = options;
    const sum = drop + duplicate + reorder;
    if (![drop, duplicate, reorder].every((share) => share >= 0) || !(sum <= 1))
      throw new SsmSimulatorError(
        'SSM_SIMULATOR_OPTIONS_INVALID',
        `drop ${drop}, duplicate ${duplicate} and reorder ${reorder} have to be probabilities, together at most 1`,
      );
    this.sessionId = options.sessionId;
    this.direction = options.direction;
    this.#drop = drop;
    this.#duplicate = drop + duplicate;
    this.#reorder = sum;
    this.#seed = seed;
  }

  /** Decides message by message for one direction of one session. One random number each. */
  lane(session: number, direction: Direction): () => NoiseFault | undefined {
    const random = seededRandom(
      Math.imul(this.#seed, 0x9e3779b1) ^ (session * 2 + Number(direction === 'to-agent')),
    );
    return () => {
      const drawn = random();
      if (drawn >= this.#reorder) return undefined;
      if (drawn < this.#drop) return 'drop';
      return drawn < this.#duplicate ? 'duplicate' : 'reorder';
    };
  }
}
