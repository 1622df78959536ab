import type { MuxSession } from '@postern/ssm-protocol';
import { isolated } from './isolated.ts';
import { discardOutput, type StreamOutput, takeChunks } from './stream-output.ts';

const HEADER_BYTES = 8;

/**
 * Fills messages with the frames of all streams in turn: each stream with something to send gets at most one
 * message's worth before the next one's turn. SYN and first data share a message.
 */
export class OutputQueue {
  readonly #mux: MuxSession;
  /** In the order of their turns. */
  readonly #waiting = new Set<StreamOutput>();
  readonly #control: Uint8Array[] = [];
  readonly #settled: (() => void)[] = [];
  #dataBytes = 0;

  constructor(mux: MuxSession) {
    this.#mux = mux;
  }

  /** Bytes of streams put into messages so far. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#control.length === 0;
  }

  /** A frame without data, to go out before any more data. */
  addControl(frame: Uint8Array): void {
    this.#control.push(frame);
  }

  /** Gives the stream a turn; it has a SYN or data to send. */
  add(output: StreamOutput): void {
    this.#waiting.add(output);
  }

  /** The stream is to be sent elsewhere. */
  remove(output: StreamOutput): void {
    this.#waiting.delete(output);
  }

  /** Forgets what the stream still had to send. With an error the writer learns that its bytes are lost. */
  discard(output: StreamOutput, error?: Error): void {
    this.#waiting.delete(output);
    discardOutput(output, error);
  }

  /**
   * Tells writers that their bytes were taken. To be called once the parts of the last payload were copied:
   * a writer may use its buffer again as soon as it is told.
   */
  settleWriters(): void {
    for (const written of this.#settled.splice(0)) isolated(written);
  }

  /** The parts of the next message's payload, at most `maxBytes` in all; empty when there is nothing to send. */
  nextPayload(maxBytes: number): Uint8Array[] {
    const parts: Uint8Array[] = [];
    let room = maxBytes;
    while (room >= HEADER_BYTES) {
      const frame = this.#control.shift();
      if (frame === undefined) break;
      parts.push(frame);
      room -= frame.length;
    }
    for (const output of this.#waiting) {
      if (room <= HEADER_BYTES) break;
      this.#waiting.delete(output);
      room = this.#take(output, parts, room);
      if (output.pendingBytes > 0) this.#waiting.add(output);
    }
    return parts;
  }

  #take(output: StreamOutput, parts: Uint8Array[], before: number): number {
    let room = before;
    if (output.streamId === undefined) {
      const { streamId, frame } = this.#mux.open();
      output.streamId = streamId;
      output.opened(streamId);
      parts.push(frame);
      room -= frame.length;
    }
    if (output.pendingBytes > 0 && room > HEADER_BYTES) {
      const bytes = Math.min(room - HEADER_BYTES, output.pendingBytes);
      const header = this.#mux.dataHeader(output.streamId, bytes);
      if (header === undefined) {
        this.discard(output);
        return room;
      }
      parts.push(header);
      room -= HEADER_BYTES + bytes;
      takeChunks(output, bytes, parts);
      this.#dataBytes += bytes;
      if (output.pendingBytes === 0 && output.written !== undefined) {
        this.#settled.push(output.written);
        output.written = undefined;
      }
    }
    return room;
  }
}
