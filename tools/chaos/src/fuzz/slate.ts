const HEADER_BYTES = 64;
const BYTES = 16_384;

/** Memory shared with the thread that fuzzes: it says what runs, and can be read when that thread hangs. */
export class Slate {
  readonly memory: SharedArrayBuffer;
  readonly #counts: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(BYTES)) {
    this.memory = memory;
    this.#counts = new Int32Array(memory, 0, 4);
    this.#bytes = new Uint8Array(memory);
  }

  write(target: string, input: Uint8Array): void {
    const name = Buffer.from(target.padEnd(HEADER_BYTES - 16));
    this.#bytes.set(name.subarray(0, HEADER_BYTES - 16), 16);
    const part = input.subarray(0, BYTES - HEADER_BYTES);
    this.#bytes.set(part, HEADER_BYTES);
    this.#counts[1] = part.length;
    Atomics.add(this.#counts, 0, 1);
  }

  /** How many inputs were begun. */
  get runs(): number {
    return Atomics.load(this.#counts, 0);
  }

  read(): { target: string; hex: string } {
    const length = this.#counts[1] ?? 0;
    return {
      target: Buffer.from(this.#bytes.subarray(16, HEADER_BYTES)).toString().trim(),
      hex: Buffer.from(this.#bytes.subarray(HEADER_BYTES, HEADER_BYTES + length)).toString('hex'),
    };
  }
}
