import { type NetConnectOpts, Socket } from 'node:net';

/**
 * A real socket that ignores the host and port pg gives it. TLS stays on Node's native path, which a wrapped
 * Duplex would leave.
 */
export class RedirectedSocket extends Socket {
  readonly #address: NetConnectOpts;
  readonly #ready: () => Promise<unknown>;

  /** `ready` must succeed before anything is connected. */
  constructor(address: NetConnectOpts, ready: () => Promise<unknown> = async () => undefined) {
    super();
    this.#address = address;
    this.#ready = ready;
  }

  override connect(): this {
    this.#ready().then(
      () => {
        if (!this.destroyed) super.connect(this.#address as never);
      },
      (error: unknown) => this.destroy(error as Error),
    );
    return this;
  }
}
