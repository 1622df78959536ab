import type { Duplex } from 'node:stream';
import { MuxSession, ProtocolError } from '@postern/ssm-protocol';
import { MAX_STREAMS, MAX_UNEXPECTED_STREAMS, TOTAL_RECEIVE_BUFFER_BYTES } from '../channel/constants.ts';
import { publish } from '../diagnostics.ts';
import { TunnelError } from '../errors.ts';
import { failedStream, MuxStream, type StreamCarrier } from './mux-stream.ts';
import { OutputQueue } from './output-queue.ts';

export interface StreamTableOptions {
  readonly sessionId: string;
  readonly destination: string;
  readonly halfCloseLingerMs: number;
  readonly streamBufferBytes: number;
  /** There is something to send. */
  readonly wake: () => void;
  /** The number of streams changed. */
  readonly changed: () => void;
}

export interface StreamStatistics {
  /** Open now. */
  open: number;
  opened: number;
  /** Ended because the agent could not connect. */
  refused: number;
  /** Ended by an error on our side: slow reader, session over. */
  reset: number;
  bytesSent: number;
  bytesReceived: number;
  /** Held for slow readers. */
  heldBytes: number;
}

/** All streams of one session. */
export class StreamTable implements StreamCarrier {
  readonly #options: StreamTableOptions;
  readonly #mux = new MuxSession({ role: 'client', maxStreams: MAX_STREAMS });
  readonly #queue = new OutputQueue(this.#mux);
  readonly #streams = new Set<MuxStream>();
  readonly #byId = new Map<number, MuxStream>();
  /** ConnectToPortErrors whose FIN has not come yet: the flag does not name its stream. */
  #refusals = 0;
  #unexpected = 0;
  #heldBytes = 0;
  #counts = { opened: 0, refused: 0, reset: 0, bytesReceived: 0 };

  constructor(options: StreamTableOptions) {
    this.#options = options;
  }

  get sessionId(): string {
    return this.#options.sessionId;
  }

  get destination(): string {
    return this.#options.destination;
  }

  get halfCloseLingerMs(): number {
    return this.#options.halfCloseLingerMs;
  }

  get streamBufferBytes(): number {
    return this.#options.streamBufferBytes;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Nothing waits to be sent and no stream waits for its other side to end. */
  get isIdle(): boolean {
    if (!this.#queue.isEmpty) return false;
    for (const stream of this.#streams) if (stream.isLingering) return false;
    return true;
  }

  get statistics(): StreamStatistics {
    const bytesSent = this.#queue.dataBytes;
    return { open: this.#streams.size, ...this.#counts, bytesSent, heldBytes: this.#heldBytes };
  }

  /**
   * Opens a stream. The SYN waits for the end of this turn of the event loop, so that a first write made in it
   * travels along; a stream that is only read from is opened all the same.
   */
  connect(): Duplex {
    if (this.#streams.size >= MAX_STREAMS) {
      return failedStream(
        new TunnelError('SSM_STREAM_LIMIT', `${MAX_STREAMS} connections are open in this tunnel.`, {
          hint: 'Close some, or open another tunnel.',
        }),
      );
    }
    const stream = new MuxStream(this);
    this.#streams.add(stream);
    this.#options.changed();
    setImmediate(() => {
      if (this.#streams.has(stream) && stream.output.streamId === undefined) this.wake(stream);
    });
    return stream;
  }

  /** Bytes of the agent's smux stream. */
  receive(payload: Uint8Array): void {
    for (const event of this.#mux.receive(payload)) {
      if (event.type === 'data') {
        this.#counts.bytesReceived += event.data.length;
        this.#byId.get(event.streamId)?.receive(event.data);
      } else if (event.type === 'end') {
        this.#ended(event.streamId);
      } else if (event.type === 'unexpected-stream') {
        if (++this.#unexpected > MAX_UNEXPECTED_STREAMS) {
          throw new ProtocolError('SSM_FRAME_INVALID', 'smux SYN', 0, 'the agent keeps opening streams');
        }
        this.#queue.addControl(event.reply);
        this.#options.wake();
      }
    }
  }

  connectToPortError(): void {
    this.#refusals++;
    this.#limitRefusals();
  }

  nextPayload(maxBytes: number): Uint8Array[] {
    return this.#queue.nextPayload(maxBytes);
  }

  settleWriters(): void {
    this.#queue.settleWriters();
  }

  /** Ends every stream, with an error of its own if there is one. */
  destroyAll(reason?: () => Error): void {
    for (const stream of [...this.#streams]) {
      if (reason !== undefined) {
        this.#counts.reset++;
        this.#publish(stream, 'reset');
      }
      stream.destroy(reason?.());
    }
  }

  /** A NOP, for agents that end silent sessions. */
  keepAlive(): void {
    this.#queue.addControl(this.#mux.keepAlive());
    this.#options.wake();
  }

  // What the streams call.

  opened(stream: MuxStream, streamId: number): void {
    this.#byId.set(streamId, stream);
    this.#counts.opened++;
    this.#publish(stream, 'opened');
  }

  wake(stream: MuxStream): void {
    this.#queue.add(stream.output);
    this.#options.wake();
  }

  discard(stream: MuxStream, error?: Error): void {
    this.#queue.discard(stream.output, error);
    this.#options.wake();
  }

  release(stream: MuxStream): void {
    if (!this.#streams.delete(stream)) return;
    const { streamId } = stream.output;
    if (streamId !== undefined) {
      this.#byId.delete(streamId);
      const frame = this.#mux.close(streamId);
      if (frame !== undefined) this.#queue.addControl(frame);
      this.#publish(stream, 'closed');
      this.#limitRefusals();
    }
    this.#options.wake();
    this.#options.changed();
  }

  account(_stream: MuxStream, bytes: number): void {
    this.#heldBytes += bytes;
    if (bytes <= 0 || this.#heldBytes <= TOTAL_RECEIVE_BUFFER_BYTES) return;
    let largest: MuxStream | undefined;
    for (const stream of this.#byId.values()) {
      if (largest === undefined || stream.heldBytes > largest.heldBytes) largest = stream;
    }
    largest?.overflow();
  }

  /**
   * The agent's FIN. A failed dial is announced by a flag without a stream id, in front of the FIN: the first
   * stream to end without having delivered a byte is taken for the failed one (protocol section "Flag
   * messages"). A server that hangs up at once can be mistaken for it.
   */
  #ended(streamId: number): void {
    const stream = this.#byId.get(streamId);
    if (stream === undefined) return;
    if (this.#refusals > 0 && stream.receivedBytes === 0) {
      this.#refusals--;
      this.#counts.refused++;
      this.#publish(stream, 'refused');
      stream.destroy(
        new TunnelError('SSM_REMOTE_PORT_REFUSED', `The agent could not connect to ${this.destination}.`, {
          hint: 'Check host, port, security groups, and that the server runs.',
        }),
      );
      return;
    }
    stream.receiveEnd();
  }

  /** A refusal whose stream is gone must not be blamed on a later one. */
  #limitRefusals(): void {
    if (this.#refusals === 0) return;
    let candidates = 0;
    for (const stream of this.#byId.values()) if (stream.receivedBytes === 0) candidates++;
    this.#refusals = Math.min(this.#refusals, candidates);
  }

  #publish(stream: MuxStream, event: 'opened' | 'refused' | 'reset' | 'closed'): void {
    const { streamId } = stream.output;
    if (streamId === undefined) return;
    publish('postern:ssm-tunnel:stream', { sessionId: this.sessionId, streamId, event });
  }
}
