import { CHUNK_PAUSE_MS, PIPE_BYTES } from './constants.ts';

export interface OutputPumpOptions {
  /** Sends one payload. */
  send: (payload: Buffer) => void;
  /** Whether a payload may be sent now; when not, `kick` is called once that has changed. */
  ready: () => boolean;
  /** Sleep after each payload, as the official agent does. */
  pacing: boolean;
  /** The largest payload. */
  payloadBytes: number;
}

/**
 * The agent's loop from its local pipe to the data channel: at most so many bytes (1,024), then a pause of one
 * millisecond. Whoever writes has to stop when the pipe is full.
 */
export class OutputPump {
  readonly #options: OutputPumpOptions;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #blocked = new Set<() => void>();

  constructor(options: OutputPumpOptions) {
    this.#options = options;
  }

  get full(): boolean {
    return this.#bytes >= PIPE_BYTES;
  }

  write(...chunks: readonly Buffer[]): void {
    if (this.#closed) return;
    for (const chunk of chunks) {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
    }
    this.kick();
  }

  /** Calls back once when the pipe has room again. */
  whenRoom(callback: () => void): void {
    this.#blocked.add(callback);
  }

  /** Goes on if it can. */
  kick(): void {
    while (this.#timer === undefined && this.#bytes > 0 && this.#options.ready()) {
      this.#options.send(this.#read());
      if (this.#options.pacing)
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.kick();
        }, CHUNK_PAUSE_MS).unref();
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#chunks = [];
    this.#bytes = 0;
    this.#blocked.clear();
  }

  #read(): Buffer {
    const parts: Buffer[] = [];
    let missing = this.#options.payloadBytes;
    while (missing > 0) {
      const first = this.#chunks[0];
      if (first === undefined) break;
      parts.push(first.subarray(0, missing));
      if (first.length > missing) this.#chunks[0] = first.subarray(missing);
      else this.#chunks.shift();
      missing -= Math.min(missing, first.length);
    }
    this.#bytes -= this.#options.payloadBytes - missing;
    if (!this.full && this.#blocked.size > 0) {
      const callbacks = [...this.#blocked];
      this.#blocked.clear();
      for (const callback of callbacks) callback();
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }
}
