import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import {
  Admissions,
  type Admitted,
  type AliasRequest,
  type AliasTarget,
  type UrlRequest,
} from './admissions.ts';
import { authenticate, readOpening } from './client-handshake.ts';
import { readExactly } from './reading.ts';
import { givenBack, noUpstream, Refusal } from './refusal.ts';
import { endGently, type RelayEnd, relay } from './relay.ts';
import { cancelUpstream, openUpstream, type UpstreamOptions } from './upstream.ts';
import { encodeError, Type } from './wire.ts';

export type { AliasRequest, AliasTarget, UrlRequest } from './admissions.ts';
export type { UpstreamOptions } from './upstream.ts';

/** Clients of this machine answer at once; what is still shaking hands after this is not a client. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Connections that have not proven anything yet. More come only from somebody who tries. */
const MAX_STRANGERS = 200;

/**
 * How long a client whose database was given back may stay without a word: until its process ends, nearly always, or its
 * pool clears up what is idle.
 */
const SILENCE_MS = 10 * 60_000;

export interface UrlListenerOptions {
  /** How one logs in to the server: the result of `pgOptions` or `pgSocketOptions`. */
  readonly connect: (session: { login: string; database: string }) => Promise<UpstreamOptions>;
  /** From accepting to the proof of the password, in milliseconds. Default 10 s. */
  readonly handshakeTimeoutMs?: number;
  /** The way to the server failed. The client has been told, too; there is no secret in it. */
  readonly onError?: (error: unknown) => void;
  /** A session has begun or ended; `open` are there now. A host with sessions is in use, also without clients. */
  readonly onSessions?: (open: number) => void;
}

export interface UrlListener extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number;
  /**
   * A URL for any PostgreSQL client of this machine. A secret: it holds the password of the database. The same request gives
   * the same URL until the database is withdrawn. Throws `CONNECT_ROLE_UNKNOWN`.
   */
  url(request: UrlRequest): string;
  /** A URL that leads nowhere until `lead` says where; then there, and by the next `lead` elsewhere. */
  aliasUrl(request: AliasRequest): string;
  /**
   * Where an alias leads from now on. Sessions that it has led elsewhere end there; who is idle goes on in the new
   * database with the next statement. Gives how many those were. Throws `CONNECT_ROLE_UNKNOWN`.
   */
  lead(alias: string, target: AliasTarget): number;
  dropAlias(alias: string): void;
  /**
   * Ends the sessions with a database. Its URL opens nothing any more; the next one has another password. A client that was
   * idle learns of it when it next says something: pools that nobody ends would otherwise throw in the middle of nowhere.
   */
  withdraw(database: string): void;
  /** The same for all sessions of a run, whose passwords are forgotten. */
  endRun(run: string): void;
  /** Sessions open now; connections accepted in all; logins refused in all. */
  counts(): { open: number; accepted: number; refused: number };
  close(): Promise<void>;
  readonly closed: Promise<void>;
}

/**
 * A port on the loopback that speaks PostgreSQL's protocol: for programs that know only URLs (ORMs, servers that a suite
 * starts, psql). Whoever knows the random password of a database becomes a declared role in it; the
 * login behind it, with verified TLS and a token, is the listener's affair.
 */
export async function openUrlListener(options: UrlListenerOptions): Promise<UrlListener> {
  const listener = new Listener(options);
  await listener.listen();
  return listener;
}

/** What a client that has proven its password gets. */
interface Session {
  admitted: Admitted;
  readonly client: Socket;
  readonly parameters: ReadonlyMap<string, string>;
  /** What the client sends with cancel requests: the key of the first session that it had at the server. */
  key?: string;
  /** Ends the server's side. */
  leave: () => void;
}

class Listener implements UrlListener {
  readonly #options: UrlListenerOptions;
  readonly #server: Server;
  readonly #admissions = new Admissions();
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<Session>();
  /** Key of a session, as its client knows it → where a cancel request for it goes, and its key there. */
  readonly #keys = new Map<string, { options: UpstreamOptions; key: Buffer }>();
  readonly #closing = new AbortController();
  readonly closed: Promise<void>;
  #strangers = 0;
  #accepted = 0;
  #refused = 0;

  constructor(options: UrlListenerOptions) {
    this.#options = options;
    // Half-open, so that a client that only stops speaking still gets its answer.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => void this.#serve(socket));
    this.closed = new Promise((resolve) => this.#server.once('close', () => resolve()));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    // Too many open files, say: who could not be accepted tries again, and nobody else has to notice.
    this.#server.on('error', (error) => this.#options.onError?.(error));
    this.#server.unref();
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  url(request: UrlRequest): string {
    return this.#url(request.role, this.#admissions.admit(request), request.database);
  }

  aliasUrl(request: AliasRequest): string {
    return this.#url(request.user, this.#admissions.admitAlias(request), request.alias);
  }

  #url(user: string, password: string, database: string): string {
    const [role, name] = [user, database].map(encodeURIComponent);
    return `postgres://${role}:${password}@127.0.0.1:${this.port}/${name}`;
  }

  lead(alias: string, target: AliasTarget): number {
    this.#admissions.lead(alias, target);
    const elsewhere = [...this.#sessions].filter(
      ({ admitted }) => admitted.admission.database === alias && !this.#admissions.holds(admitted),
    );
    for (const { leave } of elsewhere) leave();
    return elsewhere.length;
  }

  dropAlias(alias: string): void {
    this.#admissions.dropAlias(alias);
  }

  withdraw(database: string): void {
    this.#admissions.withdraw(database);
    for (const session of this.#sessions) if (session.admitted.database === database) session.leave();
  }

  endRun(run: string): void {
    this.#admissions.forget(run);
    for (const session of this.#sessions) if (session.admitted.run === run) session.leave();
  }

  counts(): { open: number; accepted: number; refused: number } {
    return { open: this.#sessions.size, accepted: this.#accepted, refused: this.#refused };
  }

  close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      this.#closing.abort(new Error('the listener was closed'));
      this.#server.close();
      for (const socket of this.#sockets) socket.destroy();
    }
    return this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One connection from its first byte to its last. Never rejects. */
  async #serve(client: Socket): Promise<void> {
    this.#accepted += 1;
    this.#sockets.add(client);
    client.once('close', () => this.#sockets.delete(client));
    client.on('error', () => undefined); // a reset; the close that follows is all we need
    try {
      const session = await this.#letIn(client);
      if (session === undefined) endGently(client);
      else await this.#carry(session);
    } catch (error) {
      this.#refused += 1;
      if (error instanceof Refusal) endGently(client, encodeError(error));
      else client.destroy();
      if (!(error instanceof Refusal) || error.cause !== undefined) this.#options.onError?.(error);
    }
  }

  /** Undefined when there is nothing to carry: a cancel request, or somebody who went away. */
  async #letIn(client: Socket): Promise<Session | undefined> {
    const { handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS } = this.#options;
    // Without a word, as the server does: who is that slow does not listen.
    const deadline = setTimeout(() => client.destroy(), handshakeTimeoutMs);
    this.#strangers += 1;
    try {
      if (this.#strangers > MAX_STRANGERS) throw new Refusal('53300', 'sorry, too many clients already');
      const opening = await readOpening(client);
      if (opening === undefined) return undefined;
      if (opening.kind === 'cancel') {
        await this.#cancel(opening.key);
        return undefined;
      }
      const { parameters } = opening;
      const admitted = await authenticate(client, parameters, this.#admissions);
      return admitted && { admitted, client, parameters, leave: () => undefined };
    } finally {
      this.#strangers -= 1;
      clearTimeout(deadline);
    }
  }

  async #carry(session: Session): Promise<void> {
    const { client } = session;
    // Either may have happened since the password was proven.
    if (!this.#admissions.holds(session.admitted)) throw givenBack(session.admitted.database);
    for (let again = false; !client.destroyed; again = true) {
      const how = await this.#connected(session, again);
      if (how === 'closed') return;
      // The client is still there, and idle.
      const silence = setTimeout(() => client.destroy(), SILENCE_MS);
      silence.unref();
      const word = await readExactly(client, 1);
      clearTimeout(silence);
      if (word === undefined || word[0] === Type.terminate) return endGently(client);
      const { database } = session.admitted;
      const next = how === 'left idle' ? this.#admissions.again(session.admitted) : undefined;
      if (next === undefined) throw givenBack(database);
      session.admitted = next;
      client.unshift(word);
    }
  }

  /** From the login at the server to the end of that session. */
  async #connected(session: Session, again: boolean): Promise<RelayEnd> {
    const { client, parameters } = session;
    const { login, database } = session.admitted;
    const gone = new AbortController();
    const onClose = (): void => gone.abort(new Error('the client has gone'));
    client.once('close', onClose);
    // From now on the end of the run reaches it, also while the login is under way.
    session.leave = () => gone.abort(givenBack(database));
    this.#sessions.add(session);
    this.#options.onSessions?.(this.#sessions.size);
    try {
      const options = await this.#options.connect({ login, database });
      const upstream = await openUpstream(options, parameters, gone.signal);
      const { ended, leave } = relay(client, upstream, {
        again,
        onKey: (bytes) => {
          session.key ??= bytes.toString('hex');
          this.#keys.set(session.key, { options, key: bytes });
        },
      });
      session.leave = () => leave(encodeError(givenBack(database)));
      return await ended;
    } catch (error) {
      if (client.destroyed) return 'closed';
      const why = gone.signal.aborted ? gone.signal.reason : error;
      throw why instanceof Refusal ? why : noUpstream(why);
    } finally {
      client.off('close', onClose);
      this.#sessions.delete(session);
      this.#options.onSessions?.(this.#sessions.size);
      if (session.key !== undefined) this.#keys.delete(session.key);
    }
  }

  /** Only what a session of ours was given is handed on: the server has others, too. */
  async #cancel(key: Buffer): Promise<void> {
    const to = this.#keys.get(key.toString('hex'));
    if (to !== undefined) await cancelUpstream(to.options, to.key, this.#closing.signal);
  }
}
