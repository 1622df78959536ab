import { encodeSmuxFrame, SessionFlag, SmuxCommand } from '@postern/ssm-protocol';
import {
  ACCEPT_BACKLOG,
  KEEP_ALIVE_INTERVAL_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  MUX_RECEIVE_BYTES,
  PIPE_BYTES,
} from './constants.ts';
import type { Handling } from './data-channel.ts';
import { MuxStream } from './mux-stream.ts';
import { OutputPump } from './output-pump.ts';
import type { PortSession, PortSessionHost } from './port-session.ts';
import { SmuxReader } from './smux-reader.ts';

/** Ids remembered, to notice when one is used again. */
const MAX_SEEN = 100_000;

/**
 * The port plugin in mux mode: the server side of smux, behind a local pipe. What the client sends is acknowledged
 * when it is in that pipe. Streams are dialled one after the other in the order of their SYNs. There is no flow
 * control but one receive buffer of 4 MiB for the whole session: when a destination does not read, that buffer
 * fills, then the pipe, and then nothing of this session is read any more.
 */
export class MuxPortSession implements PortSession {
  readonly #host: PortSessionHost;
  readonly #pump: OutputPump;
  readonly #reader: SmuxReader;
  readonly #streams = new Map<number, MuxStream>();
  /** Ids that were opened, ever; true once the client has sent its FIN. */
  readonly #seen = new Map<number, boolean>();
  #undialled: MuxStream[] = [];
  readonly #stopped = new AbortController();
  readonly #timers: NodeJS.Timeout[] = [];
  #dialling = false;
  #unread = 0;
  #onRoom: (() => void) | undefined;
  #frameSeen = false;
  #dead = false;

  constructor(host: PortSessionHost, options: { keepAlive: boolean }) {
    this.#host = host;
    this.#pump = new OutputPump({
      send: (payload) => host.sendData(payload),
      ready: () => host.canSend(),
      pacing: host.pacing,
      payloadBytes: host.payloadBytes,
    });
    const self = this;
    this.#reader = new SmuxReader({
      syn: (streamId) => this.#open(streamId),
      psh: (streamId, data) => this.#data(streamId, data),
      fin: (streamId) => this.#end(streamId),
      update: (streamId) => host.misused(`a window update for stream ${streamId}: that is smux version 2`),
      get ready() {
        return self.#unread < MUX_RECEIVE_BYTES && self.#undialled.length < ACCEPT_BACKLOG;
      },
    });
    if (options.keepAlive) this.#keepAlive();
  }

  input(payload: Uint8Array): Handling {
    // A mux that died of its keep-alive swallows everything; the session itself stays.
    if (this.#dead) return true;
    this.#frameSeen = true;
    if (this.#broken(this.#reader.push(payload as Buffer))) return false;
    if (this.#reader.waitingBytes <= PIPE_BYTES) return true;
    return new Promise((resolve) => {
      this.#onRoom = () => resolve(true);
    });
  }

  flag(): void {
    // DisconnectToPort means nothing here.
  }

  kick(): void {
    this.#pump.kick();
  }

  stop(): void {
    this.#dead = true;
    this.#stopped.abort();
    for (const timer of this.#timers) clearInterval(timer);
    this.#pump.close();
    this.#undialled = [];
    for (const stream of [...this.#streams.values()]) stream.close();
    this.#reader.clear();
    this.#roomAgain();
  }

  #broken(problem: string | undefined): boolean {
    if (problem === undefined) return false;
    this.#host.brokenSmux(problem);
    this.#host.end('invalid protocol');
    return true;
  }

  #open(streamId: number): void {
    if (this.#seen.has(streamId)) {
      this.#host.streamReused(streamId);
      // An open stream stays as it is; a closed one is opened again.
      if (this.#streams.has(streamId)) return;
    }
    this.#seen.set(streamId, false);
    if (this.#seen.size > MAX_SEEN) this.#forgetOldest();
    this.#host.streamOpened();
    const stream = new MuxStream({
      data: (chunk) => this.#output(streamId, stream, chunk),
      consumed: (bytes) => {
        this.#unread -= bytes;
        this.#readOn();
      },
      ended: () => {
        this.#streams.delete(streamId);
        if (!this.#dead) this.#pump.write(frame(SmuxCommand.fin, streamId));
      },
    });
    this.#streams.set(streamId, stream);
    if (!this.#host.serialDial) {
      void this.#dial(stream);
      return;
    }
    this.#undialled.push(stream);
    if (!this.#dialling) void this.#dialAll();
  }

  #forgetOldest(): void {
    for (const streamId of this.#seen.keys()) {
      if (!this.#streams.has(streamId)) this.#seen.delete(streamId);
      if (this.#seen.size <= MAX_SEEN) return;
    }
  }

  #data(streamId: number, data: Buffer): void {
    const stream = this.#streams.get(streamId);
    const ended = this.#seen.get(streamId);
    if (ended !== false)
      this.#host.misused(
        ended === true
          ? `data for stream ${streamId} after its FIN`
          : `data for stream ${streamId}, which was never opened`,
      );
    if (stream === undefined || ended !== false) return;
    this.#unread += data.length;
    this.#host.transferred('up', data.length);
    stream.write(data);
  }

  #end(streamId: number): void {
    const ended = this.#seen.get(streamId);
    if (ended === undefined) this.#host.misused(`FIN for stream ${streamId}, which was never opened`);
    else this.#seen.set(streamId, true);
    this.#streams.get(streamId)?.endByClient();
  }

  async #dialAll(): Promise<void> {
    this.#dialling = true;
    for (let next = this.#undialled.shift(); next !== undefined; next = this.#undialled.shift()) {
      if (this.#undialled.length === ACCEPT_BACKLOG - 1) this.#readOn();
      await this.#dial(next);
    }
    this.#dialling = false;
  }

  async #dial(stream: MuxStream): Promise<void> {
    if (this.#dead) return;
    try {
      const socket = await this.#host.dial(this.#stopped.signal);
      if (this.#dead || stream.ended) socket.destroy();
      else stream.connect(socket);
    } catch {
      if (this.#dead) return;
      this.#host.sendFlag(SessionFlag.connectToPortError);
      stream.close();
    }
  }

  #output(streamId: number, stream: MuxStream, chunk: Buffer): void {
    if (this.#dead || this.#streams.get(streamId) !== stream) return;
    this.#host.transferred('down', chunk.length);
    this.#pump.write(header(SmuxCommand.psh, streamId, chunk.length), chunk);
    if (!this.#pump.full) return;
    stream.pause();
    this.#pump.whenRoom(() => stream.resume());
  }

  /** Goes on after the reader had to wait: for room in the receive buffer, or in the queue for dials. */
  #readOn(): void {
    if (this.#dead || this.#reader.waitingBytes === 0) return;
    if (this.#broken(this.#reader.resume())) return;
    if (this.#reader.waitingBytes <= PIPE_BYTES) this.#roomAgain();
  }

  #roomAgain(): void {
    const callback = this.#onRoom;
    this.#onRoom = undefined;
    callback?.();
  }

  #keepAlive(): void {
    this.#timers.push(
      setInterval(() => {
        if (!this.#dead) this.#pump.write(frame(SmuxCommand.nop, 0));
      }, KEEP_ALIVE_INTERVAL_MS).unref(),
      setInterval(() => {
        if (!this.#frameSeen && this.#unread < MUX_RECEIVE_BYTES) this.stop();
        this.#frameSeen = false;
      }, KEEP_ALIVE_TIMEOUT_MS).unref(),
    );
  }
}

const NO_DATA = new Uint8Array(0);

function frame(command: number, streamId: number): Buffer {
  return encodeSmuxFrame({ command, streamId, data: NO_DATA });
}

function header(command: number, streamId: number, length: number): Buffer {
  const bytes = frame(command, streamId);
  bytes.writeUInt16LE(length, 2);
  return bytes;
}
