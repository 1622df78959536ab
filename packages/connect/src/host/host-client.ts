import { connect, type Socket } from 'node:net';
import { ConnectError } from '../errors.ts';
import {
  type ErrorMessage,
  type Hello,
  type HostEvent,
  type HostInfo,
  type HostMessage,
  receive,
  reviveError,
  send,
} from './protocol.ts';
import type {
  AcquiredDatabase,
  AcquireRequest,
  BranchRequest,
  BranchState,
  DatabaseUrlRequest,
  FileUrl,
  FileUrlRequest,
  LeadUrlRequest,
  PreparedRun,
  PrepareRunRequest,
  RefreshedRun,
  ReleasedDatabase,
  ReleaseRequest,
  SealBranchRequest,
  SettledDatabase,
} from './run-types.ts';

export interface RequestOptions {
  /** Ends the waiting; the host goes on. */
  signal?: AbortSignal;
}

export interface BootstrapSummary {
  /** Names of the declared databases. */
  readonly databases: readonly string[];
  /** Hash of the manifest that now holds. */
  readonly manifest: string;
  /** False when the host had applied the same manifest before. */
  readonly applied: boolean;
  readonly statements: number;
  readonly migrations: number;
}

/** A connection to the host process. As long as a client's is open the host lives, and so do the client's runs. */
export interface HostClient extends AsyncDisposable {
  readonly info: HostInfo;
  /** An IAM token for a role, from the host's cache. A secret. */
  token(user: string, options?: RequestOptions): Promise<string>;
  /** Databases, roles and migrations as declared; skipped when this host has applied the same before. */
  bootstrap(options?: RequestOptions): Promise<BootstrapSummary>;
  /**
   * Bootstraps, takes a lease and has a first database cloned; more follow in the background. The run ends with this
   * connection. Throws `CONNECT_CONNECTIONS` when the server has too few connections left for so many workers.
   */
  prepareRun(request: PrepareRunRequest, options?: RequestOptions): Promise<PreparedRun>;
  /** A database of the run that nobody else uses. */
  acquire(request: AcquireRequest, options?: RequestOptions): Promise<AcquiredDatabase>;
  /** Gives it back. Answers at once; resetting goes on behind it. A name that is not in use is passed over. */
  release(request: ReleaseRequest, options?: RequestOptions): Promise<ReleasedDatabase>;
  /** What became of a database that was released; waits for it. Undefined when nothing is known of it. */
  settled(
    request: { run: string; name: string },
    options?: RequestOptions,
  ): Promise<SettledDatabase | undefined>;
  /** A branch of the template, to be cloned with `acquire`; the first who asks is told to build it, others wait. */
  branch(request: BranchRequest, options?: RequestOptions): Promise<BranchState>;
  /** What was built becomes the branch; its database takes no sessions from now on. */
  sealBranch(request: SealBranchRequest, options?: RequestOptions): Promise<{ branch: string }>;
  /** It could not be built: its database is discarded, and the next one who asked gets the job. */
  failBranch(request: SealBranchRequest, options?: RequestOptions): Promise<void>;
  /**
   * Between two runs of a watching test runner: databases are reset, branches forgotten. When migrations or declaration
   * have changed the run is released and another one takes its place.
   */
  refreshRun(run: string, options?: RequestOptions): Promise<RefreshedRun>;
  /** A URL for any PostgreSQL client of this machine, through the host. A secret. */
  databaseUrl(request: DatabaseUrlRequest, options?: RequestOptions): Promise<{ url: string }>;
  /** A URL for the environment of a worker, whose database is said later and more than once: `leadUrl`. A secret. */
  fileUrl(request: FileUrlRequest, options?: RequestOptions): Promise<FileUrl>;
  /** Says where that URL leads; gives how many sessions it had led elsewhere. */
  leadUrl(request: LeadUrlRequest, options?: RequestOptions): Promise<{ left: number }>;
  /** Drops the run's databases now instead of at the end of this connection. */
  releaseRun(run: string, options?: RequestOptions): Promise<void>;
  /** What the simulators (offline) or the tunnel (AWS) have counted. */
  statistics(options?: RequestOptions): Promise<Record<string, unknown>>;
  /** Ends the host for everybody. Needed by nobody: it ends by itself after its last client. */
  shutdown(options?: RequestOptions): Promise<void>;
  /** Fulfils when the connection has ended; `reason` is undefined after `close()`. */
  readonly closed: Promise<{ readonly reason: unknown }>;
  close(): Promise<void>;
}

/** How a greeting ended. */
export type Greeting =
  | { outcome: 'welcome'; client: HostClient }
  | { outcome: 'refused'; reason: string }
  | { outcome: 'failed'; error: Error }
  | { outcome: 'gone' };

/** The socket, or undefined when nobody listens there. */
export async function dial(address: string): Promise<Socket | undefined> {
  return await new Promise<Socket | undefined>((resolve, reject) => {
    const socket = connect(address);
    socket.once('connect', () => {
      socket.off('error', onError);
      socket.on('error', () => undefined); // whoever uses it sees its end; nobody else has to
      resolve(socket);
    });
    socket.once('error', onError);
    function onError(error: NodeJS.ErrnoException): void {
      const absent = ['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'ECONNRESET', 'ENOTSOCK', 'EPIPE'].includes(
        error.code ?? '',
      );
      if (absent) resolve(undefined);
      else reject(error);
    }
  });
}

/** Says hello and waits until the host is ready. Events go to the listener from now on. */
export async function greet(
  socket: Socket,
  hello: Hello,
  options: { onEvent?: ((event: HostEvent) => void) | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Greeting> {
  if (socket.destroyed) return { outcome: 'gone' };
  const client = new SocketClient(socket, options.onEvent);
  const { signal } = options;
  const onAbort = (): void => void socket.destroy();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    send(socket, { hello });
    const greeting = await client.greeting;
    if (greeting.outcome !== 'welcome') socket.destroy();
    signal?.throwIfAborted();
    return greeting;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

interface Pending {
  resolve: (result: never) => void;
  reject: (error: unknown) => void;
}

class SocketClient implements HostClient {
  readonly #socket: Socket;
  readonly #onEvent: ((event: HostEvent) => void) | undefined;
  readonly #pending = new Map<number, Pending>();
  readonly greeting: Promise<Greeting>;
  readonly closed: Promise<{ readonly reason: unknown }>;
  #greeted: (greeting: Greeting) => void = () => undefined;
  #info: HostInfo | undefined;
  #nextId = 1;
  #closing: Promise<void> | undefined;
  #ending: Error | undefined;

  constructor(socket: Socket, onEvent: ((event: HostEvent) => void) | undefined) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    this.greeting = new Promise((resolve) => {
      this.#greeted = resolve;
    });
    let failure: Error | undefined;
    socket.on('error', (error) => {
      failure = error;
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        const reason = this.#ending ?? (this.#closing === undefined ? lost(failure) : undefined);
        for (const pending of this.#pending.values()) pending.reject(reason ?? closedError());
        this.#pending.clear();
        this.#greeted({ outcome: 'gone' });
        resolve({ reason });
      });
    });
    receive(socket, (message) => this.#handle(message as HostMessage));
  }

  get info(): HostInfo {
    if (this.#info === undefined) throw closedError();
    return this.#info;
  }

  #handle(message: HostMessage): void {
    if ('event' in message) this.#onEvent?.(message.event);
    else if ('id' in message) this.#settle(message);
    else if ('welcome' in message) this.#welcome(message.welcome);
    else if ('refused' in message) this.#greeted({ outcome: 'refused', reason: message.refused.reason });
    else if ('failed' in message) this.#greeted({ outcome: 'failed', error: reviveError(message.failed) });
    else if ('closing' in message) this.#ending = reviveError(message.closing);
  }

  #welcome(info: HostInfo): void {
    const isFirst = this.#info === undefined;
    this.#info = info; // said again when the host has found out more
    if (!isFirst) return;
    this.#socket.unref(); // an idle client does not keep its process
    this.#greeted({ outcome: 'welcome', client: this });
  }

  #settle(message: { id: number; result: unknown } | { id: number; error: ErrorMessage }): void {
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    this.#pending.delete(message.id);
    if (this.#pending.size === 0) this.#socket.unref();
    if ('error' in message) pending.reject(reviveError(message.error));
    else pending.resolve(message.result as never);
  }

  async #request<T>(method: string, params: unknown, options: RequestOptions = {}): Promise<T> {
    const { signal } = options;
    signal?.throwIfAborted();
    if (this.#closing !== undefined || this.#socket.destroyed) throw this.#ending ?? closedError();
    const id = this.#nextId++;
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        this.#socket.ref();
        onAbort = () => reject(signal?.reason);
        signal?.addEventListener('abort', onAbort, { once: true });
        send(this.#socket, { id, method, params });
      });
    } finally {
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    }
  }

  async token(user: string, options?: RequestOptions): Promise<string> {
    const { token } = await this.#request<{ token: string }>('token', { user }, options);
    return token;
  }

  async bootstrap(options?: RequestOptions): Promise<BootstrapSummary> {
    return await this.#request('bootstrap', {}, options);
  }

  async prepareRun(request: PrepareRunRequest, options?: RequestOptions): Promise<PreparedRun> {
    return await this.#request('prepareRun', request, options);
  }

  async acquire(request: AcquireRequest, options?: RequestOptions): Promise<AcquiredDatabase> {
    return await this.#request('acquire', request, options);
  }

  async release(request: ReleaseRequest, options?: RequestOptions): Promise<ReleasedDatabase> {
    return await this.#request('release', request, options);
  }

  async settled(
    request: { run: string; name: string },
    options?: RequestOptions,
  ): Promise<SettledDatabase | undefined> {
    return (await this.#request<SettledDatabase | null>('settled', request, options)) ?? undefined;
  }

  async branch(request: BranchRequest, options?: RequestOptions): Promise<BranchState> {
    return await this.#request('branch', request, options);
  }

  async sealBranch(request: SealBranchRequest, options?: RequestOptions): Promise<{ branch: string }> {
    return await this.#request('sealBranch', request, options);
  }

  async failBranch(request: SealBranchRequest, options?: RequestOptions): Promise<void> {
    await this.#request('failBranch', request, options);
  }

  async refreshRun(run: string, options?: RequestOptions): Promise<RefreshedRun> {
    return await this.#request('refreshRun', { run }, options);
  }

  async databaseUrl(request: DatabaseUrlRequest, options?: RequestOptions): Promise<{ url: string }> {
    return await this.#request('databaseUrl', request, options);
  }

  async fileUrl(request: FileUrlRequest, options?: RequestOptions): Promise<FileUrl> {
    return await this.#request('fileUrl', request, options);
  }

  async leadUrl(request: LeadUrlRequest, options?: RequestOptions): Promise<{ left: number }> {
    return await this.#request('leadUrl', request, options);
  }

  async releaseRun(run: string, options?: RequestOptions): Promise<void> {
    await this.#request('releaseRun', { run }, options);
  }

  async statistics(options?: RequestOptions): Promise<Record<string, unknown>> {
    return await this.#request('statistics', {}, options);
  }

  async shutdown(options?: RequestOptions): Promise<void> {
    await this.#request('shutdown', {}, options);
  }

  close(): Promise<void> {
    this.#closing ??= new Promise<void>((resolve) => {
      if (this.#socket.destroyed) return resolve();
      this.#socket.once('close', () => resolve());
      this.#socket.ref();
      // Not end(): the connection is this client's presence, and the host acts on its end, not on its last byte.
      return this.#socket.destroy();
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function lost(cause: unknown): ConnectError {
  return new ConnectError({
    code: 'CONNECT_HOST_LOST',
    kind: 'unavailable',
    message: 'The connection to the host process ended.',
    hint: 'The host was killed or has crashed. Run again: what it left is swept at the next start.',
    cause,
  });
}

function closedError(): ConnectError {
  return new ConnectError({
    code: 'CONNECT_HOST_CLOSED',
    kind: 'closed',
    message: 'This connection to the host has been closed.',
    hint: 'Connect again with connectHost() or attachHost().',
  });
}
