import { Duplex } from 'node:stream';
import { TunnelError } from '../errors.ts';
import { PieceQueue } from './piece-queue.ts';
import type { StreamOutput } from './stream-output.ts';

/** What is the same for all streams of a tunnel. */
export interface StreamSettings {
  /** For error messages: where the sessions lead. */
  readonly destination: string;
  readonly halfCloseLingerMs: number;
  readonly streamBufferBytes: number;
}

/** What a stream needs from the session that carries it, or from the room in which it waits for one. */
export interface StreamCarrier {
  /** How long the present link has been there; 0 without one. Before that nothing could come in. */
  readonly linkedForMs: number;
  /** The stream is about to be opened on the wire. */
  opened(stream: TunnelStream, streamId: number): void;
  /** Something to send was added to the stream's output. */
  wake(stream: TunnelStream): void;
  /** What the output still held is not to be sent; its writer learns why, if there is an error. */
  discard(stream: TunnelStream, error?: Error): void;
  /** Both directions are over; what still arrives is dropped. Tells the other side, if it was not told. */
  release(stream: TunnelStream): void;
  /** Bytes held for slow readers changed by that many. */
  account(stream: TunnelStream, bytes: number): void;
  /** The stream is about to be reset by our side. */
  wasReset(stream: TunnelStream): void;
}

/** Memory that a held piece costs besides its bytes, roughly; without it a flood of tiny pieces has no bound. */
const PIECE_OVERHEAD_BYTES = 64;

/** Before the first carrier: nothing to do, nothing to lose. */
const NOBODY: StreamCarrier = {
  linkedForMs: 0,
  opened() {},
  wake() {},
  discard() {},
  release() {},
  account() {},
  wasReset() {},
};

/**
 * One connection to the remote port.
 *
 * A session can only close a stream in both directions at once. So a local `end()` is held back while the
 * answer arrives (`halfCloseLingerMs`), and the remote end closes both sides, like a socket without
 * `allowHalfOpen`. Backpressure is real in both directions: writes wait for the session's upload window, and
 * a reader that stops makes the stream hold data up to `streamBufferBytes`, then reset: the protocol has no
 * way to slow the sender of one stream, and its siblings must go on.
 */
export class TunnelStream extends Duplex {
  readonly output: StreamOutput = {
    streamId: undefined,
    opened: (streamId) => this.#carrier.opened(this, streamId),
    chunks: [],
    offset: 0,
    pendingBytes: 0,
    written: undefined,
  };
  readonly #settings: StreamSettings;
  #carrier: StreamCarrier = NOBODY;
  /** Arrived, but the reader wants nothing at the moment. */
  readonly #held = new PieceQueue();
  #heldBytes = 0;
  #wanted = false;
  #remoteEnded = false;
  #linger: NodeJS.Timeout | undefined;
  #receivedBytes = 0;

  constructor(settings: StreamSettings) {
    super({ allowHalfOpen: false, highWaterMark: 64 * 1024 });
    this.#settings = settings;
  }

  /** Takes a stream that was not opened on the wire to another carrier, with what it has to send. */
  moveTo(carrier: StreamCarrier): void {
    this.#carrier = carrier;
    this.#linger?.refresh();
    if (this.output.pendingBytes > 0) carrier.wake(this);
  }

  /** Whether the remote side ever sent a byte. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Bytes held for the reader. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** True while `end()` was called and the other side has not ended. */
  get isLingering(): boolean {
    return this.#linger !== undefined;
  }

  /** Data from the remote side. The piece is a view of the socket's chunk. */
  receive(piece: Uint8Array): void {
    if (this.destroyed || this.#remoteEnded) return;
    this.#receivedBytes += piece.length;
    this.#linger?.refresh();
    if (this.#wanted && this.#held.isEmpty) {
      this.#wanted = this.push(this.readableLength > 0 ? ownCopy(piece) : piece);
      return;
    }
    this.#held.push(ownCopy(piece));
    this.#hold(piece.length + PIECE_OVERHEAD_BYTES);
    if (this.#heldBytes > this.#settings.streamBufferBytes)
      this.overflow('Read faster, or raise streamBufferBytes.');
  }

  /** The remote side's FIN, or our decision not to wait for it any longer. */
  receiveEnd(): void {
    if (this.destroyed || this.#remoteEnded) return;
    this.#remoteEnded = true;
    // Nothing that is still unsent can be delivered: the agent has closed the whole connection.
    this.#finish();
    if (this.#held.isEmpty) this.push(null);
  }

  /** The reader was too slow for too long. */
  overflow(hint: string): void {
    const { destination } = this.#settings;
    this.#carrier.wasReset(this);
    this.destroy(
      new TunnelError(
        'SSM_STREAM_RESET',
        `The connection to ${destination} was reset: its reader left ${this.#heldBytes} bytes waiting.`,
        { hint },
      ),
    );
  }

  override _read(): void {
    this.#wanted = true;
    while (this.#wanted) {
      const piece = this.#held.shift();
      if (piece === undefined) break;
      this.#hold(-(piece.length + PIECE_OVERHEAD_BYTES));
      this.#wanted = this.push(piece);
    }
    if (this.#remoteEnded && this.#held.isEmpty && !this.readableEnded) this.push(null);
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#send([chunk], callback);
  }

  override _writev(
    entries: { chunk: Buffer; encoding: BufferEncoding }[],
    callback: (error?: Error | null) => void,
  ): void {
    this.#send(
      entries.map((entry) => entry.chunk),
      callback,
    );
  }

  override _final(callback: (error?: Error | null) => void): void {
    const { halfCloseLingerMs } = this.#settings;
    if (!this.#remoteEnded && halfCloseLingerMs > 0) {
      this.#linger = setTimeout(() => this.#lingered(), halfCloseLingerMs).unref();
    } else if (!this.#remoteEnded) {
      // Asked for: the FIN goes out now, and whatever the other side would still have sent is lost.
      this.receiveEnd();
    }
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#finish(
      error ??
        new TunnelError('SSM_STREAM_RESET', 'The connection was closed before all was sent.', {
          hint: 'Wait for the stream to finish before it, or its tunnel, is closed.',
        }),
    );
    this.#hold(-this.#heldBytes);
    this.#held.clear();
    callback(error);
  }

  /** Nothing came for long enough, although it could have: a lost link must not make half an answer look whole. */
  #lingered(): void {
    const couldCome = this.output.streamId !== undefined;
    if (couldCome && this.#carrier.linkedForMs >= this.#settings.halfCloseLingerMs) this.receiveEnd();
    else this.#linger?.refresh();
  }

  #send(chunks: Buffer[], callback: (error?: Error | null) => void): void {
    if (this.#remoteEnded) {
      callback();
      return;
    }
    const { output } = this;
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      output.chunks.push(chunk);
      output.pendingBytes += chunk.length;
    }
    if (output.pendingBytes === 0) {
      callback();
      return;
    }
    output.written = callback;
    this.#carrier.wake(this);
  }

  /** Ends the stream on the wire. */
  #finish(error?: Error): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    this.#carrier.discard(this, error);
    this.#carrier.release(this);
  }

  #hold(bytes: number): void {
    this.#heldBytes += bytes;
    this.#carrier.account(this, bytes);
  }
}

/**
 * A piece that waits must not keep the whole chunk alive that the socket delivered, most of which belongs to
 * other streams.
 */
function ownCopy(piece: Uint8Array): Uint8Array {
  return piece.length * 2 < piece.buffer.byteLength ? Buffer.from(piece) : piece;
}

/** A stream that failed before it began: the error comes as an event, as with a socket that cannot connect. */
export function failedStream(error: Error): Duplex {
  return new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() }).destroy(error);
}
