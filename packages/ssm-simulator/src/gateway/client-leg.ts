import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { DelayLine } from './delay-line.ts';

/** Bytes on the client's socket not yet taken by the operating system, above which the agent has to wait. */
const HIGH_WATER_BYTES = 1024 * 1024;

/** The same for what is still under way on a path that takes time. */
const MAX_UNDER_WAY_BYTES = 16 * 1024 * 1024;

/** What the payloads of our own pings begin with. */
const FENCE = 'fence ';

/** A client that answers no ping must not fill the memory. */
const MAX_FENCES = 100;

/**
 * The client's WebSocket after it was opened with a good token. Answers pings itself, so that it can stop doing so:
 * a silent leg answers nothing, delivers nothing and takes nothing, like a path that eats packets.
 */
export class ClientLeg {
  readonly #socket: WebSocket;
  /** The stream below, to write once per turn of the event loop and not once per message. */
  readonly #stream: Duplex;
  readonly #delayed: boolean;
  readonly #inbound: DelayLine;
  readonly #outbound: DelayLine;
  /** Not passed yet, oldest first. */
  #fences: Array<{ number: number; passed: () => void }> = [];
  #fenceCount = 0;
  #underWayBytes = 0;
  #corked = false;
  #cut = false;
  #silent = false;
  #closing: NodeJS.Timeout | undefined;
  #onWritable: (() => void) | undefined;

  constructor(socket: WebSocket, stream: Duplex, oneWayDelayMs: number) {
    this.#socket = socket;
    this.#stream = stream;
    this.#delayed = oneWayDelayMs > 0;
    this.#inbound = new DelayLine(oneWayDelayMs);
    this.#outbound = new DelayLine(oneWayDelayMs);
    stream.on('drain', () => this.#roomAgain());
    socket.on('ping', (data) => this.arrived(() => this.#answerPing(data)));
    socket.on('pong', (data) => this.arrived(() => this.#passedFence(data.toString())));
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
    return this.#socket.bufferedAmount < HIGH_WATER_BYTES && this.#underWayBytes < MAX_UNDER_WAY_BYTES;
  }

  send(bytes: Buffer): void {
    if (!this.#delayed) {
      this.#write(bytes);
      return;
    }
    this.#underWayBytes += bytes.length;
    this.#outbound.push(() => {
      this.#underWayBytes -= bytes.length;
      if (this.open) this.#write(bytes);
      this.#roomAgain();
    });
  }

  /** Calls back when what came over the network has taken its time. */
  arrived(handle: () => void): void {
    if (this.#cut) handle();
    else this.#inbound.push(handle);
  }

  /** Calls back once there is room again, or when there will never be. */
  whenWritable(callback: () => void): void {
    this.#onWritable = callback;
    this.#roomAgain();
  }

  /** Calls back when the client has read all that was sent so far; never when it does not answer pings. */
  fence(passed: () => void): void {
    const number = ++this.#fenceCount;
    this.#fences.push({ number, passed });
    if (this.#fences.length > MAX_FENCES) this.#fences.shift();
    this.#outbound.push(() => {
      if (this.open) this.#socket.ping(`${FENCE}${number}`);
    });
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
    this.#outbound.push(() => this.#socket.close(code, reason));
  }

  /** Closes unless something happens before. */
  closeAfter(delayMs: number, code: number, reason: string): void {
    clearTimeout(this.#closing);
    this.#closing = setTimeout(() => this.close(code, reason), delayMs).unref();
  }

  /** It has happened. */
  keepOpen(): void {
    clearTimeout(this.#closing);
  }

  /** Drops the connection without a close frame, and what is under way. */
  cut(): void {
    this.#cut = true;
    clearTimeout(this.#closing);
    this.#inbound.clear();
    this.#outbound.clear();
    this.#socket.terminate();
  }

  /** To be called when the socket is gone. */
  gone(): void {
    clearTimeout(this.#closing);
    this.#inbound.clear();
    this.#outbound.clear();
    this.#fences = [];
    this.#roomAgain();
  }

  #write(bytes: Buffer): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#stream.cork();
      // A promise, because whoever replaces the clock may replace the other ways to come back in the same turn.
      void Promise.resolve().then(this.#uncork);
    }
    this.#socket.send(bytes);
  }

  readonly #uncork = (): void => {
    this.#corked = false;
    this.#stream.uncork();
  };

  #answerPing(data: Buffer): void {
    if (this.#silent) return;
    this.#outbound.push(() => {
      if (this.open) this.#socket.pong(data);
    });
  }

  #passedFence(name: string): void {
    if (this.#silent || !name.startsWith(FENCE)) return;
    const reached = Number(name.slice(FENCE.length));
    const passed = this.#fences.filter(({ number }) => number <= reached);
    this.#fences = this.#fences.filter(({ number }) => number > reached);
    for (const fence of passed) fence.passed();
  }

  #roomAgain(): void {
    if (this.#onWritable === undefined || (!this.writable && this.open)) return;
    const callback = this.#onWritable;
    this.#onWritable = undefined;
    callback();
  }
}
