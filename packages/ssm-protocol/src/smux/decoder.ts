import { invalidField } from '../errors.ts';
import { SMUX_HEADER_BYTES, SMUX_UPDATE, SMUX_UPDATE_BYTES, SMUX_VERSION, SmuxCommand } from './constants.ts';
import type { SmuxFrame } from './frame.ts';

const NO_DATA = new Uint8Array(0);

/**
 * Cuts a byte stream into frames, however the stream itself was cut: message boundaries have no relation to
 * frame boundaries.
 *
 * A PSH frame that arrives in several pieces comes out in several pieces, each a PSH of the same stream: the
 * data of a stream is a byte stream, so nothing is held back and nothing is copied. Data is a view of the
 * bytes pushed. The only state is an unfinished header and a count, so memory is bounded whatever arrives.
 */
export class SmuxDecoder {
  readonly #header: Buffer = Buffer.alloc(SMUX_HEADER_BYTES);
  #headerBytes = 0;
  /** Data still to come for the PSH frame whose header was read last. */
  #missing = 0;
  #streamId = 0;
  /** The missing bytes mean nothing: they are those of a window update. */
  #skipping = false;
  #position = 0;

  /** Position in the stream of the next byte, for errors and statistics. */
  get position(): number {
    return this.#position;
  }

  /** Throws `SSM_FRAME_INVALID` on a version other than 1 or an unknown command; the stream is then unusable. */
  push(bytes: Uint8Array): SmuxFrame[] {
    const frames: SmuxFrame[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (this.#missing > 0) {
        const data = bytes.subarray(at, at + this.#missing);
        if (!this.#skipping) frames.push({ command: SmuxCommand.psh, streamId: this.#streamId, data });
        this.#missing -= data.length;
        at += data.length;
        this.#position += data.length;
        continue;
      }
      this.#header[this.#headerBytes++] = bytes[at++] ?? 0;
      this.#position++;
      if (this.#headerBytes === SMUX_HEADER_BYTES) {
        this.#headerBytes = 0;
        const frame = this.#readHeader();
        if (frame !== undefined) frames.push(frame);
      }
    }
    return frames;
  }

  /** The frame, if it is complete without data. */
  #readHeader(): SmuxFrame | undefined {
    const start = this.#position - SMUX_HEADER_BYTES;
    const version = this.#header[0];
    const command = this.#header[1] ?? 0;
    const length = this.#header.readUInt16LE(2);
    if (version !== SMUX_VERSION) {
      throw invalidField('smux version', start, `is ${version}, must be ${SMUX_VERSION}`);
    }
    this.#streamId = this.#header.readUInt32LE(4);
    switch (command) {
      case SmuxCommand.psh:
        this.#missing = length;
        this.#skipping = false;
        return undefined;
      case SMUX_UPDATE:
        this.#missing = SMUX_UPDATE_BYTES;
        this.#skipping = true;
        return undefined;
      case SmuxCommand.syn:
      case SmuxCommand.fin:
      case SmuxCommand.nop:
        if (length !== 0) throw invalidField('smux length', start + 2, `is ${length}, only PSH has data`);
        return { command, streamId: this.#streamId, data: NO_DATA };
      default:
        throw invalidField('smux command', start + 1, `${command} is unknown`);
    }
  }
}
