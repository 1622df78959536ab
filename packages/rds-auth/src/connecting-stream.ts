import { Duplex } from 'node:stream';
import { RdsAuthError } from './errors.ts';

interface SocketLike extends Duplex {
  connecting?: boolean;
  ref?: () => unknown;
  unref?: () => unknown;
  setNoDelay?: (on?: boolean) => unknown;
  setKeepAlive?: (on?: boolean, initialDelayMs?: number) => unknown;
}

export interface ConnectingStreamOptions {
  /** Where the stream leads, for messages. */
  name: string;
  /** Opens the way; called once, when `connect` is called. */
  open: () => Duplex | Promise<Duplex>;
  /** Must succeed before the way is opened: what a connection cannot do without. */
  ready: () => Promise<unknown>;
}

/**
 * Gives any Duplex the face that pg expects of a socket: `connect`, the events `connect` and `close`, and the four
 * socket settings. The way is opened only once `ready` has succeeded, so that nothing stays open behind a
 * connection that cannot be used.
 */
export class ConnectingStream extends Duplex {
  readonly #options: ConnectingStreamOptions;
  #inner: SocketLike | undefined;
  #waitingWrite: (() => void) | undefined;
  #referenced = true;

  constructor(options: ConnectingStreamOptions) {
    super({ allowHalfOpen: true, emitClose: true });
    this.#options = options;
  }

  /** Port and host are those of the endpoint; where the bytes go is decided by `open`. */
  connect(): this {
    this.#open().then(
      (inner) => this.#attach(inner),
      (error: unknown) => this.destroy(error as Error),
    );
    return this;
  }

  async #open(): Promise<SocketLike> {
    await this.#options.ready();
    return await this.#openInner();
  }

  async #openInner(): Promise<SocketLike> {
    let inner: SocketLike | undefined;
    try {
      inner = await this.#options.open();
      inner.on('error', () => undefined); // until it is attached; `errored` keeps what it was
      if (inner.destroyed) throw inner.errored ?? new Error('the stream was closed at once');
      if (inner.connecting === true) await connected(inner);
      return inner;
    } catch (cause) {
      inner?.destroy();
      throw streamFailed(this.#options.name, cause);
    }
  }

  #attach(inner: SocketLike): void {
    if (this.destroyed) {
      inner.destroy();
      return;
    }
    this.#inner = inner;
    if (!this.#referenced) inner.unref?.();
    inner.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) inner.pause();
    });
    let over = false;
    const end = (): void => {
      if (!over) this.push(null);
      over = true;
    };
    inner.on('end', end);
    inner.on('error', (error) => this.destroy(error));
    inner.on('close', () => {
      const finish = (): void => void this.destroy(inner.errored ?? undefined);
      if (inner.errored || this.readableEnded) return finish();
      this.once('end', finish); // a reader that is slower than the close still gets what has arrived
      return end();
    });
    const write = this.#waitingWrite;
    this.#waitingWrite = undefined;
    write?.();
    this.emit('connect');
  }

  override _read(): void {
    this.#inner?.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    const inner = this.#inner;
    if (inner === undefined) this.#waitingWrite = () => this._write(chunk, encoding, callback);
    else inner.write(chunk, encoding, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    const inner = this.#inner;
    if (inner === undefined || inner.destroyed) callback();
    else inner.end(() => callback());
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#inner?.destroy();
    callback(error);
  }

  setNoDelay(on?: boolean): this {
    this.#inner?.setNoDelay?.(on);
    return this;
  }

  setKeepAlive(on?: boolean, initialDelayMs?: number): this {
    this.#inner?.setKeepAlive?.(on, initialDelayMs);
    return this;
  }

  ref(): this {
    this.#referenced = true;
    this.#inner?.ref?.();
    return this;
  }

  unref(): this {
    this.#referenced = false;
    this.#inner?.unref?.();
    return this;
  }
}

function connected(socket: SocketLike): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      socket.off('connect', onConnect);
      socket.off('error', settle);
      socket.off('close', onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onConnect = (): void => settle();
    const onClose = (): void => settle(new Error('closed before it was connected'));
    socket.on('connect', onConnect);
    socket.on('error', settle);
    socket.on('close', onClose);
  });
}

/** The transport's own typed error (a tunnel's, say) stays visible as cause, and its next step as hint. */
function streamFailed(name: string, cause: unknown): RdsAuthError {
  const { message, hint } = cause as { message?: unknown; hint?: unknown };
  return new RdsAuthError({
    code: 'RDS_STREAM_FAILED',
    kind: 'unavailable',
    message: `No connection to ${name} could be opened: ${typeof message === 'string' ? message : String(cause)}`,
    hint: typeof hint === 'string' ? hint : 'Check the transport (tunnel, route, security group).',
    cause,
  });
}
