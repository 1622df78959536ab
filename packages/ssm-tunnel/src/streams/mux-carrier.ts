import { MuxSession, ProtocolError } from '@postern/ssm-protocol';
import { MAX_STREAMS, MAX_UNEXPECTED_STREAMS, TOTAL_RECEIVE_BUFFER_BYTES } from '../channel/constants.ts';
import { publish } from '../diagnostics.ts';
import { TunnelError } from '../errors.ts';
import type { SessionCarrier, StreamStatistics } from './carrier.ts';
import { isolated } from './isolated.ts';
import { OutputQueue } from './output-queue.ts';
import type { TunnelStream } from './tunnel-stream.ts';

export interface CarrierOptions {
  readonly sessionId: string;
  /** For error messages: where the session leads. */
  readonly destination: string;
  /** How long the session's present link has been there; 0 without one. */
  readonly linkedForMs: () => number;
  /** There is something to send. */
  readonly wake: () => void;
  /** The number of streams changed. */
  readonly changed: () => void;
}

/** All streams of one session, as smux streams. */
export class MuxCarrier implements SessionCarrier {
  readonly mode = 'mux';
  readonly #options: CarrierOptions;
  readonly #mux = new MuxSession({ role: 'client', maxStreams: MAX_STREAMS });
  readonly #queue = new OutputQueue(this.#mux);
  readonly #streams = new Set<TunnelStream>();
  readonly #byId = new Map<number, TunnelStream>();
  /** ConnectToPortErrors whose FIN has not come yet: the flag does not name its stream. */
  #refusals = 0;
  #unexpected = 0;
  #heldBytes = 0;
  #counts = { opened: 0, refused: 0, reset: 0, bytesReceived: 0 };

  constructor(options: CarrierOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#streams.size;
  }

  get linkedForMs(): number {
    return this.#options.linkedForMs();
  }

  get hasRoom(): boolean {
    return this.#streams.size < MAX_STREAMS;
  }

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
   * The SYN waits for the end of this turn of the event loop, so that a first write made in it travels along; a
   * stream that is only read from is opened all the same.
   */
  adopt(stream: TunnelStream): void {
    this.#streams.add(stream);
    stream.moveTo(this);
    this.#options.changed();
    setImmediate(() => {
      if (this.#streams.has(stream) && stream.output.streamId === undefined) this.wake(stream);
    });
  }

  /** Bytes of the agent's smux stream. */
  receive(payload: Uint8Array): void {
    for (const event of this.#mux.receive(payload)) {
      if (event.type === 'data') {
        this.#counts.bytesReceived += event.data.length;
        const stream = this.#byId.get(event.streamId);
        if (stream !== undefined) isolated(() => stream.receive(event.data));
      } else if (event.type === 'end') {
        isolated(() => this.#ended(event.streamId));
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

  takeUnopened(): TunnelStream[] {
    const unopened = [...this.#streams].filter(({ output }) => output.streamId === undefined);
    for (const stream of unopened) {
      this.#streams.delete(stream);
      this.#queue.remove(stream.output);
    }
    return unopened;
  }

  destroyAll(reason?: () => Error): void {
    for (const stream of [...this.#streams]) {
      if (reason !== undefined) this.wasReset(stream);
      stream.destroy(reason?.());
    }
  }

  /** Frames say which stream they belong to, whenever they come. */
  linkLost(): void {}

  /** Streams of an smux session never end in order with it. */
  ended(): boolean {
    return false;
  }

  /** A NOP, for agents that end silent sessions; not while something else waits to be sent. */
  keepAlive(): void {
    if (!this.#queue.isEmpty) return;
    this.#queue.addControl(this.#mux.keepAlive());
    this.#options.wake();
  }

  // What the streams call.

  opened(stream: TunnelStream, streamId: number): void {
    this.#byId.set(streamId, stream);
    this.#counts.opened++;
    this.#publish(stream, 'opened');
  }

  wake(stream: TunnelStream): void {
    this.#queue.add(stream.output);
    this.#options.wake();
  }

  discard(stream: TunnelStream, error?: Error): void {
    this.#queue.discard(stream.output, error);
    this.#options.wake();
  }

  release(stream: TunnelStream): void {
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

  wasReset(stream: TunnelStream): void {
    this.#counts.reset++;
    this.#publish(stream, 'reset');
  }

  account(_stream: TunnelStream, bytes: number): void {
    this.#heldBytes += bytes;
    if (bytes <= 0 || this.#heldBytes <= TOTAL_RECEIVE_BUFFER_BYTES) return;
    let largest: TunnelStream | undefined;
    for (const stream of this.#byId.values()) {
      if (largest === undefined || stream.heldBytes > largest.heldBytes) largest = stream;
    }
    largest?.overflow('Read faster, or spread the connections over more sessions.');
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
        new TunnelError(
          'SSM_REMOTE_PORT_REFUSED',
          `The agent could not connect to ${this.#options.destination}.`,
          {
            hint: 'Check host, port, security groups, and that the server runs.',
          },
        ),
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

  #publish(stream: TunnelStream, event: 'opened' | 'refused' | 'reset' | 'closed'): void {
    const { streamId } = stream.output;
    if (streamId === undefined) return;
    publish('postern:ssm-tunnel:stream', { sessionId: this.#options.sessionId, streamId, event });
  }
}
