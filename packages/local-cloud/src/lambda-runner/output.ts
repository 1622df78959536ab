import type { Readable } from 'node:stream';

/** Log text is bounded: of an endless one the newest part stays. */
const maxBytes = 256 * 1024;

/**
 * Collects what a function's process writes. The runtime client writes `\0<request id>\0` to both streams after
 * an invocation, so that its lines are complete before the answer goes out.
 */
export class Output {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #seen = new Map<string, number>();
  #waiting = new Map<string, () => void>();

  read(stream: Readable): void {
    let rest: Buffer = Buffer.alloc(0);
    stream.on('data', (chunk: Buffer) => {
      rest = this.#take(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]));
    });
    stream.on('end', () => this.append(rest));
    stream.on('error', () => undefined);
  }

  append(text: Buffer | string): void {
    const chunk = typeof text === 'string' ? Buffer.from(text) : text;
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    while (this.#bytes > maxBytes && this.#chunks.length > 1) {
      this.#bytes -= this.#chunks.shift()?.length ?? 0;
    }
  }

  /** Fulfils when both streams carried the marker of this invocation, or `limitMs` passed. */
  complete(requestId: string, limitMs: number): Promise<void> {
    if ((this.#seen.get(requestId) ?? 0) >= 2) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#waiting.set(requestId, () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Everything collected since the last call. */
  take(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#bytes = 0;
    this.#seen.clear();
    return all;
  }

  /** Appends the text before, between and after markers; returns what may be the start of one. */
  #take(data: Buffer): Buffer {
    let from = 0;
    for (;;) {
      const open = data.indexOf(0, from);
      if (open < 0) break;
      this.append(data.subarray(from, open));
      const close = data.indexOf(0, open + 1);
      // A request id has 36 characters: anything longer is the function's own output.
      if (close < 0 && data.length - open <= 37) return data.subarray(open);
      const id = close < 0 ? '' : data.toString('latin1', open + 1, close);
      if (/^[0-9a-f-]{36}$/.test(id)) {
        this.#mark(id);
        from = close + 1;
      } else {
        this.append(data.subarray(open, open + 1));
        from = open + 1;
      }
    }
    this.append(data.subarray(from));
    return Buffer.alloc(0);
  }

  #mark(requestId: string): void {
    const count = (this.#seen.get(requestId) ?? 0) + 1;
    this.#seen.set(requestId, count);
    if (count < 2) return;
    this.#waiting.get(requestId)?.();
    this.#waiting.delete(requestId);
  }
}
