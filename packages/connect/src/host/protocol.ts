import type { Socket } from 'node:net';
import { ConnectError } from '../errors.ts';

/**
 * What host and clients say to each other over the control socket: one JSON object per line. A client speaks first
 * (`hello`); the host answers when it is ready (`welcome`), or why it never will be (`failed`, `refused`).
 */
export interface Hello {
  version: string;
  /** Hash of the settings that the client would start a host with. Workers leave it out: they take what is there. */
  configHash?: string;
  /** Presence of a client keeps the host alive; a worker lives off its client. */
  role: 'client' | 'worker';
  pid: number;
}

/** Everything a client needs to know; no secret. */
export interface HostInfo {
  readonly version: string;
  readonly environment: string;
  readonly kind: 'local' | 'aws';
  /** `direct`: the data socket leads to the server's own socket, without tunnel, TLS and token. Only offline. */
  readonly path: 'full' | 'direct';
  readonly pid: number;
  /** The database's endpoint: the name that TLS verifies and tokens are signed for. */
  readonly endpoint: { readonly host: string; readonly port: number };
  readonly region: string;
  readonly resourceId: string | undefined;
  readonly ca: readonly string[];
  /** Whether the server takes TLS without being asked first (PostgreSQL 17 on), as soon as that is known. */
  readonly directTls?: boolean;
  readonly dataSocket: string;
  readonly controlSocket: string;
}

/** One step of the host's work: `started`, then `done` or `failed`. */
export interface HostEvent {
  readonly phase: HostPhase;
  readonly state: 'started' | 'done' | 'failed';
  /** Its number with the host that tells it: who has several clients of one host hears it once for each. */
  readonly id?: string;
  /** With `done` and `failed`. */
  readonly durationMs?: number;
  /** One line for people, without what `counts` says. */
  readonly detail?: string;
  /** Numbers worth showing, by name in the plural: bytes, databases, migrations, 'round trips'. */
  readonly counts?: Readonly<Record<string, number>>;
  /** With `acquire`, `reset` and `pool`: the run it is about. */
  readonly run?: string;
  /** With `acquire` and `reset`: the test database. */
  readonly database?: string;
  /** With `reset` and `pool`: why it took another way than the fast one, as a word to match on. */
  readonly reason?: string;
}

/**
 * `cloud` the offline cloud starts · `resolve` the endpoint is asked of RDS · `tunnel` Session Manager session and
 * handshake · `build` the bootstrap artefact · `deploy` functions created or updated · `bootstrap` databases, roles,
 * migrations · `prepare` template and first clone of a run · `acquire` a database is given to a worker · `reset` one that
 * came back is put back, or given up for a `reason` · `pool` clones made in the background, and changes of strategy ·
 * `release` a run's databases dropped · `stop` the host ends. `acquire`, `reset` and `pool` have no `started`.
 */
export type HostPhase =
  | 'cloud'
  | 'resolve'
  | 'tunnel'
  | 'build'
  | 'deploy'
  | 'bootstrap'
  | 'prepare'
  | 'acquire'
  | 'reset'
  | 'pool'
  | 'release'
  | 'stop';

export interface ErrorMessage {
  name: string;
  message: string;
  code?: string;
  kind?: string;
  hint?: string;
  problems?: readonly string[];
  details?: unknown;
  log?: string;
  cause?: ErrorMessage;
}

export type ClientMessage = { hello: Hello } | { id: number; method: string; params: unknown };

export type HostMessage =
  | { welcome: HostInfo }
  | { refused: { version: string; reason: 'version' | 'configuration' } }
  | { failed: ErrorMessage }
  | { closing: ErrorMessage }
  | { event: HostEvent }
  | { id: number; result: unknown }
  | { id: number; error: ErrorMessage };

/** Longest line; the largest real ones (CA bundles, statistics) have some ten thousand bytes. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

export function send(socket: Socket, message: ClientMessage | HostMessage): void {
  if (!socket.destroyed && socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

/** Calls back for every line. A peer that does not speak the protocol is disconnected. */
export function receive(socket: Socket, onMessage: (message: Record<string, unknown>) => void): void {
  const parts: string[] = [];
  let length = 0;
  socket.setEncoding('utf8');
  socket.on('data', (chunk: unknown) => {
    const lines = (chunk as string).split('\n');
    for (const [index, line] of lines.entries()) {
      parts.push(line);
      length += line.length;
      if (length > MAX_LINE_BYTES) return socket.destroy(violation('a line is too long'));
      if (index === lines.length - 1) break; // the rest of this line is still to come
      const text = parts.splice(0).join('');
      length = 0;
      let message: unknown;
      try {
        message = JSON.parse(text);
      } catch (cause) {
        return socket.destroy(violation('a line is not JSON', cause));
      }
      if (typeof message !== 'object' || message === null) {
        return socket.destroy(violation('a line is not an object'));
      }
      onMessage(message as Record<string, unknown>);
    }
    return undefined;
  });
}

function violation(what: string, cause?: unknown): ConnectError {
  return new ConnectError({
    code: 'CONNECT_HOST_PROTOCOL',
    kind: 'protocol',
    message: `The control connection was ended: ${what}.`,
    hint: 'Something else than Postern talks to the control socket.',
    cause,
  });
}

/** An error in a form that survives the socket: what people and programs match on, and the causes; no stack. */
export function describeError(error: unknown, depth = 0): ErrorMessage {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const source = error as Error & Partial<Record<keyof ErrorMessage, unknown>>;
  const message: ErrorMessage = { name: error.name, message: error.message };
  for (const key of ['code', 'kind', 'hint', 'log'] as const) {
    const value = source[key];
    if (typeof value === 'string') message[key] = value;
  }
  if (Array.isArray(source.problems) && source.problems.length > 0)
    message.problems = source.problems as string[];
  if (source.details !== undefined) message.details = source.details;
  if (source.cause !== undefined && depth < 4) message.cause = describeError(source.cause, depth + 1);
  return message;
}

/** The error again. It has the name, code and fields of the original, so that `isTunnelError` and its like know it. */
export function reviveError({ message, cause, ...fields }: ErrorMessage): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause: reviveError(cause) });
  for (const [key, value] of Object.entries({ problems: [], ...fields })) {
    Object.defineProperty(error, key, {
      value,
      enumerable: key !== 'name',
      configurable: true,
      writable: true,
    });
  }
  return error;
}
