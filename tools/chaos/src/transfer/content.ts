import { type Cipher, createCipheriv, createHash, type Hash } from 'node:crypto';
import { Readable } from 'node:stream';

type Direction = 'up' | 'down';

export const DIGEST_BYTES = 32;

const CHUNK = Buffer.alloc(16 * 1024);

/** What comes after that many bytes is given out when the gate opens. */
export interface Gate {
  readonly atBytes: number;
  readonly opens: Promise<void>;
}

export interface ContentOptions {
  /** Every id and direction has bytes of its own, so that nothing can be taken for something else. */
  readonly id: number;
  readonly direction: Direction;
  readonly bytes: number;
  readonly gate?: Gate | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Bytes that depend on their position, and the digest of what was read. */
export class Content extends Readable {
  readonly #keystream: Cipher;
  readonly #hash: Hash = createHash('sha256');
  readonly #onBytes: ((bytes: number) => void) | undefined;
  #gate: Gate | undefined;
  #given = 0;
  #left: number;

  constructor({ id, direction, bytes, gate, onBytes }: ContentOptions) {
    super({ highWaterMark: CHUNK.length });
    const key = createHash('sha256').update(`${direction} ${id}`).digest().subarray(0, 16);
    this.#keystream = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
    this.#left = bytes;
    this.#gate = gate;
    this.#onBytes = onBytes;
  }

  /** Of all that was given out; to be asked for once, at the end. */
  digest(): Buffer {
    return this.#hash.digest();
  }

  override _read(): void {
    if (this.#left === 0) {
      this.push(null);
      return;
    }
    const gate = this.#gate;
    if (gate !== undefined && this.#given >= gate.atBytes) {
      this.#gate = undefined;
      void gate.opens.then(() => this._read());
      return;
    }
    const wanted = Math.min(this.#left, (gate?.atBytes ?? Number.POSITIVE_INFINITY) - this.#given);
    const chunk = this.#keystream.update(CHUNK.subarray(0, wanted));
    this.#given += chunk.length;
    this.#left -= chunk.length;
    this.#hash.update(chunk);
    this.#onBytes?.(chunk.length);
    this.push(chunk);
  }
}
