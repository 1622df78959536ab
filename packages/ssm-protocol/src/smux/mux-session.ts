import { invalidField } from '../errors.ts';
import { FIRST_CLIENT_STREAM_ID, SmuxCommand } from './constants.ts';
import { SmuxDecoder } from './decoder.ts';
import { encodeSmuxHeader, type SmuxFrame } from './frame.ts';

export type MuxEvent =
  /** Server role: the peer opened a stream. `reused` if its id is not above all earlier ones. */
  | { readonly type: 'open'; readonly streamId: number; readonly reused: boolean }
  | { readonly type: 'data'; readonly streamId: number; readonly data: Uint8Array }
  /** The peer's FIN: no more data will come, and what we still send will be thrown away. */
  | { readonly type: 'end'; readonly streamId: number }
  /** Client role: the peer opened a stream, which agents must not do. `reply` refuses it. */
  | { readonly type: 'unexpected-stream'; readonly streamId: number; readonly reply: Buffer };

export interface MuxSessionOptions {
  /** Clients open streams, with odd ids from 3 on; servers accept them. */
  role: 'client' | 'server';
  /** Streams open at a time. Default 10,000; a peer that opens more breaks the session. */
  maxStreams?: number;
}

const MAX_STREAM_ID = 0xffff_ffff;

/**
 * The stream table of one smux version 1 session. Bytes in, events out; frames to send are returned.
 *
 * Ids are never used again, so an id of ours below the next one that is not in the table is closed for good
 * and late frames for it are dropped without remembering each. smux cannot close one direction only: after
 * `close` nothing more is delivered for that stream.
 */
export class MuxSession {
  readonly #role: 'client' | 'server';
  readonly #maxStreams: number;
  readonly #decoder = new SmuxDecoder();
  /** Open streams; true once the peer has sent its FIN. */
  readonly #streams = new Map<number, boolean>();
  #nextId = FIRST_CLIENT_STREAM_ID;
  #highestSeen = 0;

  constructor(options: MuxSessionOptions) {
    this.#role = options.role;
    this.#maxStreams = options.maxStreams ?? 10_000;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** Opens a stream: its id and the SYN to send, which may share a message with the first data. */
  open(): { streamId: number; frame: Buffer } {
    const streamId = this.#nextId;
    if (this.#role !== 'client' || streamId > MAX_STREAM_ID || this.#streams.size >= this.#maxStreams) {
      throw invalidField('smux stream id', 4, `no stream can be opened (${this.#streams.size} are open)`);
    }
    this.#nextId += 2;
    this.#streams.set(streamId, false);
    return { streamId, frame: encodeSmuxHeader(SmuxCommand.syn, streamId, 0) };
  }

  /** The header to send in front of `dataBytes` of data, at most 65,535. Undefined when the stream is not open. */
  dataHeader(streamId: number, dataBytes: number): Buffer | undefined {
    if (!this.#streams.has(streamId)) return undefined;
    return encodeSmuxHeader(SmuxCommand.psh, streamId, dataBytes);
  }

  /** Closes a stream in both directions: the FIN to send, or undefined when it is closed already. */
  close(streamId: number): Buffer | undefined {
    if (!this.#streams.delete(streamId)) return undefined;
    return encodeSmuxHeader(SmuxCommand.fin, streamId, 0);
  }

  /** A frame that only keeps the session alive. */
  keepAlive(): Buffer {
    return encodeSmuxHeader(SmuxCommand.nop, 0, 0);
  }

  /** Throws `SSM_FRAME_INVALID` when the peer breaks the protocol; the session is then unusable. */
  receive(bytes: Uint8Array): MuxEvent[] {
    const events: MuxEvent[] = [];
    for (const frame of this.#decoder.push(bytes)) {
      const event = this.#apply(frame);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  #apply({ command, streamId, data }: SmuxFrame): MuxEvent | undefined {
    const ended = this.#streams.get(streamId);
    switch (command) {
      case SmuxCommand.psh:
        return ended === false ? { type: 'data', streamId, data } : undefined;
      case SmuxCommand.fin:
        if (ended !== false) return undefined;
        this.#streams.set(streamId, true);
        return { type: 'end', streamId };
      case SmuxCommand.syn:
        return ended === undefined ? this.#accept(streamId) : undefined;
      default:
        return undefined;
    }
  }

  #accept(streamId: number): MuxEvent {
    if (this.#role === 'client') {
      const reply = encodeSmuxHeader(SmuxCommand.fin, streamId, 0);
      return { type: 'unexpected-stream', streamId, reply };
    }
    if (this.#streams.size >= this.#maxStreams) {
      throw invalidField('smux SYN', this.#decoder.position, `opens more than ${this.#maxStreams} streams`);
    }
    const reused = streamId <= this.#highestSeen;
    this.#highestSeen = Math.max(this.#highestSeen, streamId);
    this.#streams.set(streamId, false);
    return { type: 'open', streamId, reused };
  }
}
