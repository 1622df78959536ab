import { isProtocolError, MuxSession, SessionFlag } from '@postern/ssm-protocol';
import { KEEP_ALIVE_INTERVAL_MS, KEEP_ALIVE_TIMEOUT_MS, MUX_RECEIVE_BYTES } from './constants.ts';
import type { Handling } from './data-channel.ts';
import { MuxStream } from './mux-stream.ts';
import { OutputPump } from './output-pump.ts';
import type { PortSession, PortSessionHost } from './port-session.ts';

/**
 * The port plugin in mux mode: the server side of smux. Streams are dialled one after the other in the order of
 * their SYNs. There is no flow control but one receive buffer of 4 MiB for the whole session: when a destination
 * does not read, that buffer fills, and then nothing of this session is read any more.
 */
export class MuxPortSession implements PortSession {
  readonly #host: PortSessionHost;
  readonly #mux = new MuxSession({ role: 'server', maxStreams: Number.MAX_SAFE_INTEGER });
  readonly #pump: OutputPump;
  readonly #streams = new Map<number, MuxStream>();
  readonly #undialled: Array<{ streamId: number; stream: MuxStream }> = [];
  readonly #stopped = new AbortController();
  readonly #timers: NodeJS.Timeout[] = [];
  #dialling = false;
  #unread = 0;
  #onRead: (() => void) | undefined;
  #frameSeen = false;
  #dead = false;

  constructor(host: PortSessionHost, options: { keepAlive: boolean }) {
    this.#host = host;
    this.#pump = new OutputPump({
      send: (payload) => host.sendData(payload),
      ready: () => host.canSend(),
      pacing: host.pacing,
    });
    if (options.keepAlive) this.#keepAlive();
  }

  input(payload: Uint8Array): Handling {
    // A mux that died of its keep-alive swallows everything; the session itself stays.
    if (this.#dead) return true;
    this.#frameSeen = true;
    try {
      for (const event of this.#mux.receive(payload)) {
        if (event.type === 'open') this.#open(event.streamId);
        else if (event.type === 'data') {
          this.#unread += event.data.length;
          this.#host.transferred('up', event.data.length);
          this.#streams.get(event.streamId)?.write(event.data);
        } else if (event.type === 'end') this.#streams.get(event.streamId)?.endByClient();
      }
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      this.#host.brokenSmux(error.message);
      this.#host.end('invalid protocol');
      return false;
    }
    if (this.#unread < MUX_RECEIVE_BYTES) return true;
    return new Promise((resolve) => {
      this.#onRead = () => resolve(true);
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
    for (const stream of [...this.#streams.values()]) stream.close();
    this.#read();
  }

  #open(streamId: number): void {
    this.#host.streamOpened(streamId);
    const stream = new MuxStream({
      data: (chunk) => this.#output(streamId, stream, chunk),
      consumed: (bytes) => {
        this.#unread -= bytes;
        if (this.#unread < MUX_RECEIVE_BYTES) this.#read();
      },
      ended: () => {
        this.#streams.delete(streamId);
        const fin = this.#mux.close(streamId);
        if (fin !== undefined && !this.#dead) this.#pump.write(fin);
      },
    });
    this.#streams.set(streamId, stream);
    this.#undialled.push({ streamId, stream });
    if (!this.#dialling) void this.#dialAll();
  }

  async #dialAll(): Promise<void> {
    this.#dialling = true;
    for (let next = this.#undialled.shift(); next !== undefined; next = this.#undialled.shift()) {
      if (this.#dead) break;
      try {
        const socket = await this.#host.dial(this.#stopped.signal);
        if (this.#dead) socket.destroy();
        else next.stream.connect(socket);
      } catch {
        if (this.#dead) break;
        this.#host.sendFlag(SessionFlag.connectToPortError);
        next.stream.close();
      }
    }
    this.#dialling = false;
  }

  #output(streamId: number, stream: MuxStream, chunk: Buffer): void {
    const header = this.#mux.dataHeader(streamId, chunk.length);
    if (header === undefined || this.#dead) return;
    this.#host.transferred('down', chunk.length);
    this.#pump.write(header, chunk);
    if (!this.#pump.full) return;
    stream.pause();
    this.#pump.whenRoom(() => stream.resume());
  }

  #read(): void {
    const callback = this.#onRead;
    this.#onRead = undefined;
    callback?.();
  }

  #keepAlive(): void {
    this.#timers.push(
      setInterval(() => {
        if (!this.#dead) this.#pump.write(this.#mux.keepAlive());
      }, KEEP_ALIVE_INTERVAL_MS).unref(),
      setInterval(() => {
        if (!this.#frameSeen && this.#unread < MUX_RECEIVE_BYTES) this.stop();
        this.#frameSeen = false;
      }, KEEP_ALIVE_TIMEOUT_MS).unref(),
    );
  }
}
