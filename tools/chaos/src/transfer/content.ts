import { type Cipher, createCipheriv, createHash, type Hash } from 'node:crypto';
import { Readable } from 'node:stream';

export type Direction = 'up' | 'down';

export const DIGEST_BYTES = 32;

const CHUNK = Buffer.alloc(16 * 1024);

export interface ContentOptions {
  /** Every id and direction has bytes of its own, so that nothing can be taken for something else. */
  readonly id: number;
  readonly direction: Direction;
  readonly bytes: number;
  /** Half of it is given out before this fulfils. */
  readonly halfWay?: Promise<void> | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Bytes that depend on their position, and the digest of what was read. */
export class Content extends Readable {
  readonly #keystream: Cipher;
  readonly #hash: Hash = createHash('sha256');
  readonly #onBytes: ((bytes: number) => void) | undefined;
  readonly #half: number;
  #halfWay: Promise<void> | undefined;
  #left: number;

  constructor({ id, direction, bytes, halfWay, onBytes }: ContentOptions) {
    super({ highWaterMark: CHUNK.length });
    const key = createHash('sha256').update(`${direction} ${id}`).digest().subarray(0, 16);
    this.#keystream = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
    this.#left = bytes;
    this.#half = Math.floor(bytes / 2);
    this.#halfWay = halfWay;
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
    const gate = this.#halfWay;
    if (gate !== undefined && this.#left <= this.#half) {
      this.#halfWay = undefined;
      void gate.then(() => this._read());
      return;
    }
    const wanted = gate === undefined ? this.#left : this.#left - this.#half;
    const chunk = this.#keystream.update(CHUNK.subarray(0, wanted));
    this.#left -= chunk.length;
    this.#hash.update(chunk);
    this.#onBytes?.(chunk.length);
    this.push(chunk);
  }
}
