import type { Socket } from 'node:net';
import { MUX_FRAME_BYTES } from './constants.ts';

export interface MuxStreamEvents {
  /** Bytes of the destination for the client, at most one frame's worth. */
  data(chunk: Buffer): void;
  /** That many bytes of the client left the receive buffer: written to the destination, or thrown away. */
  consumed(bytes: number): void;
  /** The destination's connection is gone, in both directions. */
  ended(): void;
}

/**
 * One stream of the client and its connection to the destination. As in the official agent there is no half-close:
 * when either side ends, what the client sent is delivered (if the client ended) and then the whole connection
 * is closed; whatever the destination says later is lost.
 */
export class MuxStream {
  readonly #events: MuxStreamEvents;
  #early: Buffer[] = [];
  #unconsumed = 0;
  #clientEnded = false;
  #socket: Socket | undefined;
  #corked = false;
  #ended = false;

  constructor(events: MuxStreamEvents) {
    this.#events = events;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Data of the client. Kept until the destination takes it. */
  write(data: Buffer): void {
    this.#unconsumed += data.length;
    if (this.#socket === undefined) this.#early.push(data);
    else this.#forward(this.#socket, data);
  }

  /** The client's FIN. */
  endByClient(): void {
    if (this.#clientEnded) return;
    this.#clientEnded = true;
    if (this.#socket !== undefined) this.#closeAfterWriting(this.#socket);
  }

  /** The dial succeeded. */
  connect(socket: Socket): void {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length && !this.#ended; at += MUX_FRAME_BYTES)
        this.#events.data(chunk.subarray(at, at + MUX_FRAME_BYTES));
    });
    socket.once('end', () => this.close());
    socket.on('error', () => this.close());
    socket.once('close', () => this.close());
    const early = this.#early;
    this.#early = [];
    for (const data of early) this.#forward(socket, data);
    if (this.#clientEnded) this.#closeAfterWriting(socket);
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** Both directions, now; unwritten data is thrown away. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket?.destroy();
    this.#early = [];
    this.#events.ended();
    this.#events.consumed(this.#unconsumed);
    this.#unconsumed = 0;
  }

  #forward(socket: Socket, data: Buffer): void {
    if (!this.#corked) {
      // Many small messages become one write. A promise, because a replaced clock leaves it alone.
      this.#corked = true;
      socket.cork();
      void Promise.resolve().then(() => {
        this.#corked = false;
        socket.uncork();
      });
    }
    socket.write(data, () => {
      if (this.#ended) return;
      this.#unconsumed -= data.length;
      this.#events.consumed(data.length);
    });
  }

  #closeAfterWriting(socket: Socket): void {
    socket.end(() => this.close());
  }
}
