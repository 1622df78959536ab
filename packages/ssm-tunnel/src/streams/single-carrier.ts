import { MAX_EARLY_BYTES } from '../channel/constants.ts';
import { publish } from '../diagnostics.ts';
import { TunnelError } from '../errors.ts';
import type { SessionCarrier, StreamStatistics } from './carrier.ts';
import { isolated } from './isolated.ts';
import type { CarrierOptions } from './mux-carrier.ts';
import { discardOutput, takeChunks } from './stream-output.ts';
import type { TunnelStream } from './tunnel-stream.ts';

export interface SingleCarrierOptions extends CarrierOptions {
  /** `basic`: another stream may follow. `standard`: the session is of no use after its stream. */
  readonly mode: 'basic' | 'standard';
  /** Tells the agent to hang up; `acknowledged` is called when it has. */
  readonly disconnect: (acknowledged: () => void) => void;
  /** The session is of no use any more. */
  readonly finished: () => void;
}

/**
 * A session that is the bytes of one connection, without frames around them (protocol section "Session types"). The
 * agent connects when the session starts and does not tell when the remote side ends, except by ending a `standard`
 * session; so a `basic` stream ends when its owner ends it.
 */
export class SingleCarrier implements SessionCarrier {
  readonly mode: 'basic' | 'standard';
  readonly #options: SingleCarrierOptions;
  #stream: TunnelStream | undefined;
  /** Came before the first stream: servers that speak first are heard. */
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  /** The agent has not yet hung up on the last stream; what comes now is meant for that. */
  #disconnecting = false;
  /**
   * The link was lost since the first stream began. What the agent sent for that stream and has to send again may come
   * after it has hung up, and nothing tells it from what is meant for the next one: so there will be no next one.
   */
  #spoilt = false;
  #heldBytes = 0;
  #counts = { opened: 0, reset: 0, bytesSent: 0, bytesReceived: 0 };
  readonly #settled: (() => void)[] = [];

  constructor(options: SingleCarrierOptions) {
    this.mode = options.mode;
    this.#options = options;
  }

  get size(): number {
    return this.#stream === undefined ? 0 : 1;
  }

  get linkedForMs(): number {
    return this.#options.linkedForMs();
  }

  get hasRoom(): boolean {
    if (this.#stream !== undefined || this.#disconnecting || this.#spoilt) return false;
    return this.mode === 'basic' || this.#counts.opened === 0;
  }

  get isIdle(): boolean {
    return (
      this.#stream === undefined || (this.#stream.output.pendingBytes === 0 && !this.#stream.isLingering)
    );
  }

  get statistics(): StreamStatistics {
    return { open: this.size, refused: 0, ...this.#counts, heldBytes: this.#heldBytes };
  }

  adopt(stream: TunnelStream): void {
    this.#stream = stream;
    stream.output.streamId = ++this.#counts.opened;
    this.#publish(stream, 'opened');
    stream.moveTo(this);
    this.#options.changed();
    for (const piece of this.#early.splice(0)) isolated(() => stream.receive(piece));
    this.#earlyBytes = 0;
  }

  receive(payload: Uint8Array): void {
    this.#counts.bytesReceived += payload.length;
    const stream = this.#stream;
    if (stream !== undefined) isolated(() => stream.receive(payload));
    else if (this.#counts.opened === 0) this.#keep(payload);
    // Otherwise it is the rest of an answer that nobody wants any more.
  }

  /** Only mux sessions tell it. */
  connectToPortError(): void {}

  nextPayload(maxBytes: number): Uint8Array[] {
    const output = this.#stream?.output;
    if (output === undefined || output.pendingBytes === 0) return [];
    const parts: Uint8Array[] = [];
    const bytes = Math.min(maxBytes, output.pendingBytes);
    takeChunks(output, bytes, parts);
    this.#counts.bytesSent += bytes;
    if (output.pendingBytes === 0 && output.written !== undefined) {
      this.#settled.push(output.written);
      output.written = undefined;
    }
    return parts;
  }

  settleWriters(): void {
    for (const written of this.#settled.splice(0)) isolated(written);
  }

  /** Every byte would reach the destination. */
  keepAlive(): void {}

  takeUnopened(): TunnelStream[] {
    return [];
  }

  destroyAll(reason?: () => Error): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    if (reason !== undefined) this.wasReset(stream);
    stream.destroy(reason?.());
  }

  linkLost(): void {
    if (this.#counts.opened === 0) return;
    this.#spoilt = true;
    if (this.#stream === undefined) this.#options.finished();
  }

  ended(): boolean {
    if (this.mode === 'basic') return false;
    this.#stream?.receiveEnd();
    return true;
  }

  opened(): void {}

  wake(): void {
    this.#options.wake();
  }

  discard(stream: TunnelStream, error?: Error): void {
    discardOutput(stream.output, error);
  }

  release(stream: TunnelStream): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#publish(stream, 'closed');
    if (this.mode === 'basic' && !this.#spoilt) {
      this.#disconnecting = true;
      this.#options.disconnect(() => {
        this.#disconnecting = false;
        this.#options.changed();
      });
    } else {
      this.#options.finished();
    }
    this.#options.changed();
  }

  wasReset(stream: TunnelStream): void {
    this.#counts.reset++;
    this.#publish(stream, 'reset');
  }

  account(_stream: TunnelStream, bytes: number): void {
    this.#heldBytes += bytes;
  }

  #keep(payload: Uint8Array): void {
    this.#earlyBytes += payload.length;
    if (this.#earlyBytes > MAX_EARLY_BYTES) {
      throw new TunnelError(
        'SSM_STREAM_RESET',
        `${this.#options.destination} sent more than ${MAX_EARLY_BYTES} bytes before anything connected.`,
        {
          hint: 'Connect at once, or use an agent newer than 3.0.196.0 and a document that can carry streams.',
        },
      );
    }
    // The payload is a view of the socket's chunk.
    this.#early.push(Uint8Array.from(payload));
  }

  #publish(stream: TunnelStream, event: 'opened' | 'reset' | 'closed'): void {
    const { streamId = 0 } = stream.output;
    publish('postern:ssm-tunnel:stream', { sessionId: this.#options.sessionId, streamId, event });
  }
}
