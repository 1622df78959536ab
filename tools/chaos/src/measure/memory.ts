/** Peaks in bytes, of the whole process. */
export interface MemoryPeaks {
  readonly rssBytes: number;
  readonly heapBytes: number;
}

const INTERVAL_MS = 20;

/** Looks at the memory of this process every few milliseconds. */
export class MemoryWatch {
  #rssBytes = 0;
  #heapBytes = 0;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), INTERVAL_MS).unref();
  }

  peaks(): MemoryPeaks {
    this.#sample();
    return { rssBytes: this.#rssBytes, heapBytes: this.#heapBytes };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const { rss, heapUsed } = process.memoryUsage();
    this.#rssBytes = Math.max(this.#rssBytes, rss);
    this.#heapBytes = Math.max(this.#heapBytes, heapUsed);
  }
}

/** For a figure: mebibytes with one digit. */
export function mebibytes(bytes: number): number {
  return Math.round((bytes / 2 ** 20) * 10) / 10;
}
