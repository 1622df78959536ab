import type { WebSocket } from 'ws';

/** Bytes on the client's socket not yet taken by the operating system, above which the agent has to wait. */
const HIGH_WATER_BYTES = 1024 * 1024;

/**
 * The client's WebSocket after it was opened with a good token. Answers pings itself, so that it can stop doing so:
 * a silent leg answers nothing, delivers nothing and takes nothing, like a path that eats packets.
 */
export class ClientLeg {
  readonly #socket: WebSocket;
  #silent = false;
  #closing: NodeJS.Timeout | undefined;
  #onWritable: (() => void) | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  get silent(): boolean {
    return this.#silent;
  }

  silence(): void {
    this.#silent = true;
  }

  get writable(): boolean {
    return this.#socket.bufferedAmount < HIGH_WATER_BYTES;
  }

  send(bytes: Buffer): void {
    this.#socket.send(bytes, this.#sent);
  }

  /** Calls back once there is room again, or when there will never be. */
  whenWritable(callback: () => void): void {
    this.#onWritable = callback;
    this.#sent();
  }

  answerPing(data: Buffer): void {
    if (!this.#silent && this.open) this.#socket.pong(data);
  }

  /** Stops reading: the client's own socket fills up. Its pings wait as well. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(code: number, reason: string): void {
    // A paused socket would never see the client's answer to the close frame.
    this.#socket.resume();
    this.#socket.close(code, reason);
  }

  /** Closes unless the client does so first. */
  closeAfter(delayMs: number): void {
    this.#closing ??= setTimeout(() => this.close(1000, ''), delayMs).unref();
  }

  /** Drops the connection without a close frame. */
  cut(): void {
    this.#socket.terminate();
  }

  /** To be called when the socket is gone. */
  gone(): void {
    clearTimeout(this.#closing);
    this.#sent();
  }

  readonly #sent = (): void => {
    if (this.#onWritable === undefined || (!this.writable && this.open)) return;
    const callback = this.#onWritable;
    this.#onWritable = undefined;
    callback();
  };
}
