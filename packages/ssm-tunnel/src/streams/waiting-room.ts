import { discardOutput } from './stream-output.ts';
import type { StreamCarrier, TunnelStream } from './tunnel-stream.ts';

/** Long enough never to matter, short enough for a timer. */
const LONG_MS = 2 ** 30;

/** Streams that wait for a session, in the order in which they came. What they are given to send waits with them. */
export class WaitingRoom implements StreamCarrier {
  readonly #streams = new Set<TunnelStream>();
  readonly #changed: () => void;
  /** What the streams wait for may hold nothing that keeps the process alive; somebody is waiting, so this does. */
  #hold: NodeJS.Timeout | undefined;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Nothing can come in here. */
  get linkedForMs(): number {
    return 0;
  }

  admit(stream: TunnelStream): void {
    this.#streams.add(stream);
    this.#hold ??= setInterval(() => {}, LONG_MS);
    stream.moveTo(this);
  }

  /** The one that waits longest. */
  take(): TunnelStream | undefined {
    for (const stream of this.#streams) {
      this.#remove(stream);
      return stream;
    }
    return undefined;
  }

  destroyAll(reason?: () => Error): void {
    for (const stream of [...this.#streams]) stream.destroy(reason?.());
  }

  opened(): void {}

  wake(): void {}

  discard(stream: TunnelStream, error?: Error): void {
    discardOutput(stream.output, error);
  }

  release(stream: TunnelStream): void {
    if (this.#remove(stream)) this.#changed();
  }

  account(): void {}

  wasReset(): void {}

  #remove(stream: TunnelStream): boolean {
    const found = this.#streams.delete(stream);
    if (this.#streams.size === 0) {
      clearInterval(this.#hold);
      this.#hold = undefined;
    }
    return found;
  }
}
