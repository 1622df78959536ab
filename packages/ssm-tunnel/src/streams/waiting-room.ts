import { discardOutput } from './stream-output.ts';
import type { StreamCarrier, TunnelStream } from './tunnel-stream.ts';

/** Streams that wait for a session, in the order in which they came. What they are given to send waits with them. */
export class WaitingRoom implements StreamCarrier {
  readonly #streams = new Set<TunnelStream>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get size(): number {
    return this.#streams.size;
  }

  admit(stream: TunnelStream): void {
    this.#streams.add(stream);
    stream.moveTo(this);
  }

  /** The one that waits longest. */
  take(): TunnelStream | undefined {
    for (const stream of this.#streams) {
      this.#streams.delete(stream);
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
    if (this.#streams.delete(stream)) this.#changed();
  }

  account(): void {}
}
