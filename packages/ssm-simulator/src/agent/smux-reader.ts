/** Commands of smux version 1, and the window update of version 2, which a reader of version 1 reads over. */
const SYN = 0;
const FIN = 1;
const PSH = 2;
const NOP = 3;
const UPD = 4;
const UPD_BYTES = 8;
const HEADER_BYTES = 8;

/** What a byte stream of smux says, frame by frame. Data comes in the pieces in which it arrived. */
export interface SmuxSink {
  syn(streamId: number): void;
  psh(streamId: number, data: Buffer): void;
  fin(streamId: number): void;
  /** A window update: has no meaning in version 1. */
  update(streamId: number): void;
  /** Whether to read on; asked before each frame. When not, `resume` has to be called later. */
  readonly ready: boolean;
}

/**
 * The agent's reader, written on its own so that it notices when the codec that clients use is wrong. Frames have
 * no relation to the messages that carry them. Bytes that it may not read yet wait in it, like in the agent's pipe.
 */
export class SmuxReader {
  readonly #sink: SmuxSink;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #streamId = 0;
  /** Data still to come of the frame whose header was read last. */
  #missing = 0;
  #skipping = false;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  constructor(sink: SmuxSink) {
    this.#sink = sink;
  }

  /** Bytes that were pushed and not read. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Says what is wrong, when the bytes are not smux version 1: then nothing is to be read any more. */
  push(bytes: Buffer): string | undefined {
    if (this.#waiting.length > 0) {
      this.#wait(bytes);
      return undefined;
    }
    return this.#read(bytes);
  }

  /** Reads on with what waits. */
  resume(): string | undefined {
    while (this.#waiting.length > 0 && (this.#sink.ready || this.#missing > 0)) {
      const [next] = this.#waiting.splice(0, 1);
      if (next === undefined) break;
      this.#waitingBytes -= next.length;
      const rest = this.#waiting;
      this.#waiting = [];
      const problem = this.#read(next);
      this.#waiting = [...this.#waiting, ...rest];
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  clear(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #wait(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  #read(bytes: Buffer): string | undefined {
    let at = 0;
    while (at < bytes.length) {
      if (this.#missing > 0) {
        const end = Math.min(bytes.length, at + this.#missing);
        if (!this.#skipping) this.#sink.psh(this.#streamId, bytes.subarray(at, end));
        this.#missing -= end - at;
        at = end;
        continue;
      }
      if (!this.#sink.ready) {
        this.#wait(bytes.subarray(at));
        return undefined;
      }
      if (this.#headerBytes === 0 && bytes.length - at >= HEADER_BYTES) {
        const problem = this.#frame(bytes, at);
        if (problem !== undefined) return problem;
        at += HEADER_BYTES;
        continue;
      }
      this.#header[this.#headerBytes++] = bytes[at++] ?? 0;
      if (this.#headerBytes === HEADER_BYTES) {
        this.#headerBytes = 0;
        const problem = this.#frame(this.#header, 0);
        if (problem !== undefined) return problem;
      }
    }
    return undefined;
  }

  #frame(bytes: Buffer, at: number): string | undefined {
    const version = bytes[at];
    const command = bytes[at + 1];
    const length = (bytes[at + 2] ?? 0) | ((bytes[at + 3] ?? 0) << 8);
    const streamId = bytes.readUInt32LE(at + 4);
    if (version !== 1) return `a frame of smux version ${version}`;
    if (command === PSH) {
      this.#streamId = streamId;
      this.#missing = length;
      this.#skipping = false;
      return undefined;
    }
    if (command === UPD) {
      this.#missing = UPD_BYTES;
      this.#skipping = true;
      this.#sink.update(streamId);
      return undefined;
    }
    if (command !== SYN && command !== FIN && command !== NOP) return `a frame with the command ${command}`;
    if (length !== 0) return `a frame with the command ${command} and data, which only PSH has`;
    if (command === SYN) this.#sink.syn(streamId);
    else if (command === FIN) this.#sink.fin(streamId);
    return undefined;
  }
}
