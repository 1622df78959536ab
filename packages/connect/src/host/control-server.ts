import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { ConnectError } from '../errors.ts';
import {
  type ClientMessage,
  describeError,
  type Hello,
  type HostEvent,
  type HostInfo,
  receive,
  send,
} from './protocol.ts';

/** One client or worker. */
export interface Connection {
  readonly role: Hello['role'];
  readonly pid: number;
  /** Fires when it has gone, for whatever reason. */
  readonly gone: AbortSignal;
}

interface Present extends Connection {
  readonly leave: AbortController;
}

export type Method = (params: Record<string, unknown>, connection: Connection) => Promise<unknown>;

export interface ControlServerOptions {
  address: string;
  version: string;
  configHash: string;
  methods: Readonly<Record<string, Method>>;
  /** A client or worker has gone, for whatever reason: what it held can be released. */
  onGone: (connection: Connection) => void;
  /** The last client has gone, or none has come yet (at the start). */
  onIdle: () => void;
  /** A client is there (again). */
  onBusy: () => void;
  /** A client with another version or configuration wants a host of its own. */
  onReplace: (reason: 'version' | 'configuration') => void;
}

/** The host's side of the control socket: who is there, who is told what, which method is called. */
export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #connections = new Map<Socket, Present>();
  /** Events until now. */
  #told = 0;
  /** What a client that comes during the start has missed. */
  #early: HostEvent[] | undefined = [];
  #info: HostInfo | undefined;
  #accepting = true;
  #closing: Promise<void> | undefined;

  constructor(options: ControlServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  async listen(): Promise<void> {
    const { address } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(address, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    if (process.platform !== 'win32') chmodSync(address, 0o600);
  }

  /** From now on clients are welcome. Again: what was said has changed. */
  ready(info: HostInfo): void {
    this.#info = info;
    this.#early = undefined;
    for (const socket of this.#connections.keys()) send(socket, { welcome: info });
  }

  /** Tells every client; workers are not interested. */
  broadcast(told: HostEvent): void {
    this.#told += 1;
    const event: HostEvent = { ...told, id: `${process.pid}-${this.#told}` };
    this.#early?.push(event);
    for (const [socket, { role }] of this.#connections) if (role === 'client') send(socket, { event });
  }

  get clients(): number {
    let count = 0;
    for (const { role } of this.#connections.values()) if (role === 'client') count += 1;
    return count;
  }

  /** Accepts nobody any more. Those who are connected stay and are still told what happens. */
  stopListening(): void {
    this.#accepting = false;
    this.#server.close();
  }

  /** Ends all connections after telling why, and the listener. */
  close(reason?: { failed: unknown } | { closing: unknown }): Promise<void> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  async #close(reason: { failed: unknown } | { closing: unknown } | undefined): Promise<void> {
    this.stopListening();
    await Promise.all(
      [...this.#sockets].map(async (socket) => {
        if (reason !== undefined && 'failed' in reason)
          send(socket, { failed: describeError(reason.failed) });
        if (reason !== undefined && 'closing' in reason)
          send(socket, { closing: describeError(reason.closing) });
        await new Promise<void>((resolve) => {
          socket.once('close', () => resolve());
          socket.end(() => socket.destroy());
          if (socket.destroyed) resolve();
        });
      }),
    );
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined); // the close that follows says all we need
    socket.on('close', () => {
      this.#sockets.delete(socket);
      const connection = this.#connections.get(socket);
      if (connection === undefined) return;
      this.#connections.delete(socket);
      connection.leave.abort(new Error('the client has gone'));
      this.#options.onGone(connection);
      if (connection.role === 'client' && this.clients === 0) this.#options.onIdle();
    });
    receive(socket, (message) => this.#handle(socket, message as ClientMessage));
  }

  #handle(socket: Socket, message: ClientMessage): void {
    const connection = this.#connections.get(socket);
    // Whoever says hello to a host that is stopping looks for another one.
    if ('hello' in message && connection === undefined && this.#accepting) this.#greet(socket, message.hello);
    else if ('method' in message && connection !== undefined) void this.#call(socket, connection, message);
    else socket.destroy();
  }

  #greet(socket: Socket, hello: Hello): void {
    const { version, configHash } = this.#options;
    const reason =
      hello.version !== version
        ? 'version'
        : hello.configHash !== undefined && hello.configHash !== configHash
          ? 'configuration'
          : undefined;
    if (reason !== undefined) {
      send(socket, { refused: { version, reason } });
      socket.end();
      if (hello.role === 'client') this.#options.onReplace(reason);
      return;
    }
    const leave = new AbortController();
    const role = hello.role === 'worker' ? 'worker' : 'client';
    this.#connections.set(socket, { role, pid: hello.pid, gone: leave.signal, leave });
    for (const event of this.#early ?? []) send(socket, { event });
    if (this.#info !== undefined) send(socket, { welcome: this.#info });
    if (hello.role === 'client') this.#options.onBusy();
  }

  async #call(
    socket: Socket,
    connection: Connection,
    { id, method, params }: { id: number; method: string; params: unknown },
  ): Promise<void> {
    try {
      const known = Object.hasOwn(this.#options.methods, method) ? this.#options.methods[method] : undefined;
      if (known === undefined) throw unknownMethod(method);
      const result = await known((params ?? {}) as Record<string, unknown>, connection);
      send(socket, { id, result: result ?? null });
    } catch (error) {
      send(socket, { id, error: describeError(error) });
    }
  }
}

function unknownMethod(method: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_REQUEST_INVALID',
    kind: 'invalid',
    message: `The host has no method "${method}".`,
    hint: 'Client and host are of different versions; end the host (close its clients) and try again.',
  });
}
