/** Reads decisions from the bytes of an input; when they are used up, the script is over. */
export class ScriptReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** 0 when there is none left. */
  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  pick<Value>(values: readonly [Value, ...Value[]]): Value {
    return values[this.byte() % values.length] ?? values[0];
  }

  /** Up to 255 bytes, as the next byte says. */
  some(): Buffer {
    return this.take(this.byte());
  }

  take(length: number): Buffer {
    const part = Buffer.from(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return part;
  }

  rest(): Buffer {
    return this.take(this.#bytes.length);
  }
}
