import type { Socket } from 'node:net';
import { SessionFlag } from '@postern/ssm-protocol';
import { OutputPump } from './output-pump.ts';
import type { PortSession, PortSessionHost } from './port-session.ts';

/**
 * The port plugin in basic mode: one connection at a time, raw bytes. It dials at the start; later, when the
 * connection has ended, the next data of the client makes it dial again (`LocalPortForwarding` only: otherwise, as
 * for SSH, the end of the connection is the end of the session).
 */
export class BasicPortSession implements PortSession {
  readonly #host: PortSessionHost;
  readonly #redials: boolean;
  readonly #pump: OutputPump;
  readonly #stopped = new AbortController();
  #socket: Socket | undefined;

  constructor(host: PortSessionHost, options: { redials: boolean }) {
    this.#host = host;
    this.#redials = options.redials;
    this.#pump = new OutputPump({
      send: (payload) => host.sendData(payload),
      ready: () => host.canSend(),
      pacing: host.pacing,
      payloadBytes: host.payloadBytes,
    });
  }

  /** The dial at the start; a failure ends the session. */
  async start(): Promise<void> {
    await this.#dial();
  }

  async input(payload: Uint8Array): Promise<boolean> {
    if (this.#stopped.signal.aborted) return false;
    const socket = this.#socket ?? (await this.#dial());
    if (socket === undefined) return false;
    this.#host.transferred('up', payload.length);
    // Acknowledged when it is written. A failed write ends the connection, not the session.
    await new Promise<void>((resolve) => {
      socket.write(payload, () => resolve());
    });
    return true;
  }

  flag(flag: number): void {
    if (flag === SessionFlag.disconnectToPort) this.#disconnect();
  }

  kick(): void {
    this.#pump.kick();
  }

  stop(): void {
    this.#stopped.abort();
    this.#pump.close();
    this.#disconnect();
  }

  async #dial(): Promise<Socket | undefined> {
    try {
      const socket = await this.#host.dial(this.#stopped.signal);
      this.#connected(socket);
      return socket;
    } catch (error) {
      if (!this.#stopped.signal.aborted)
        this.#host.end(
          `Unable to connect to specified port: ${error instanceof Error ? error.message : error}`,
        );
      return undefined;
    }
  }

  #connected(socket: Socket): void {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#host.transferred('down', chunk.length);
      this.#pump.write(chunk);
      if (!this.#pump.full) return;
      socket.pause();
      this.#pump.whenRoom(() => socket.resume());
    });
    const ended = (): void => {
      if (this.#socket !== socket) return;
      this.#disconnect();
      if (!this.#redials) this.#host.end('');
    };
    socket.once('end', ended);
    socket.on('error', ended);
    socket.once('close', ended);
  }

  #disconnect(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }
}
