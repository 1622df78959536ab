import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { PgTlsOptions } from '@postern/rds-auth';
import { readExactly, readMessage } from './reading.ts';
import { noUpstream, Refusal } from './refusal.ts';
import {
  Authentication,
  encodeCancelRequest,
  encodePassword,
  encodeSslRequest,
  encodeStartup,
  parameterOf,
  Type,
} from './wire.ts';

/** What `pgOptions` and `pgSocketOptions` give; all that is needed to log in without pg. */
export interface UpstreamOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly stream: () => Duplex;
  /** False only where the stream is a socket of this machine whose server trusts it. */
  readonly ssl: PgTlsOptions | false;
  /** Start with TLS instead of asking for it first: PostgreSQL 17 and newer. */
  readonly sslnegotiation?: string;
  readonly password?: () => Promise<string>;
  /** Everything up to the end of the login. */
  readonly connectionTimeoutMillis: number;
}

/** A server's message before it is ready is short; notices of login hooks are the longest. */
const MAX_LOGIN_MESSAGE_BYTES = 1024 * 1024;

/** The application protocol that PostgreSQL registered for TLS; direct TLS demands it. */
const ALPN = 'postgresql';

/** A session whose login the server has accepted or refused; everything it says from here on is for the client. */
export interface Upstream {
  readonly stream: Duplex;
  /** The first message for the client: AuthenticationOk or an error, as the server wrote it. */
  readonly first: Buffer;
}

/**
 * Opens a session: the way, TLS, the startup message with the client's own parameters, and the token when the server asks
 * for a password. `signal` ends the attempt. Rejects with a Refusal.
 */
export async function openUpstream(
  options: UpstreamOptions,
  parameters: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<Upstream> {
  return await withDeadline(options, signal, async (bounded) => {
    const stream = await openSecured(options, bounded);
    const names = { user: parameterOf(options.user), database: parameterOf(options.database) };
    stream.write(encodeStartup(new Map([...parameters, ...Object.entries(names)])));
    return await logIn(stream, options);
  });
}

/** Sends a cancel request and waits until the server, which never answers one, has closed. */
export async function cancelUpstream(
  options: UpstreamOptions,
  key: Buffer,
  signal: AbortSignal,
): Promise<void> {
  await withDeadline(options, signal, async (bounded) => {
    const stream = await openSecured(options, bounded);
    stream.end(encodeCancelRequest(key));
    await readExactly(stream, 1);
    stream.destroy();
  });
}

async function logIn(stream: Duplex, options: UpstreamOptions): Promise<Upstream> {
  for (let asked = false; ; ) {
    const message = await readMessage(stream, MAX_LOGIN_MESSAGE_BYTES);
    if (message === undefined)
      throw noUpstream(stream.errored ?? 'the connection was closed during the login');
    const { type, body, bytes } = message;
    if (type === Type.error) return { stream, first: bytes };
    if (type === Type.negotiateProtocolVersion) continue; // the client was told what it gets
    if (type !== Type.authentication || body.length < 4)
      throw noUpstream(`the server sent a message of type ${type} during the login`);
    const method = body.readInt32BE(0);
    if (method === Authentication.ok) return { stream, first: bytes };
    if (method !== Authentication.cleartextPassword || options.password === undefined || asked)
      throw noUpstream(`the server asks for an authentication that is not a token's (method ${method})`);
    // A token is a bearer's: it goes through verified TLS or not at all.
    if (options.ssl === false) throw noUpstream('the server asks for a password without TLS');
    asked = true;
    stream.write(encodePassword(await options.password()));
  }
}

async function openSecured(options: UpstreamOptions, signal: AbortSignal): Promise<Duplex> {
  const plain = await openPlain(options, signal);
  if (options.ssl === false) return plain;
  const direct = options.sslnegotiation === 'direct';
  if (!direct) {
    plain.write(encodeSslRequest());
    const answer = await readExactly(plain, 1);
    if (answer?.toString('latin1') !== 'S') {
      throw noUpstream(
        answer === undefined
          ? (plain.errored ?? 'the connection was closed before TLS')
          : 'the server does not support TLS',
      );
    }
    // Whatever came behind the answer was sent before TLS, by somebody in between.
    if (plain.readableLength > 0) throw noUpstream('the server sent data before TLS');
  }
  const { ca, ...ssl } = options.ssl;
  const secure = connectTls({
    ...ssl,
    ca: [...ca],
    socket: plain,
    ...(direct ? { ALPNProtocols: [ALPN] } : {}),
  });
  destroyOnAbort(secure, signal);
  await settled(secure, 'secureConnect');
  if (direct && secure.alpnProtocol !== ALPN) throw noUpstream('the server does not know direct TLS');
  return secure;
}

async function openPlain(options: UpstreamOptions, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted();
  const stream = options.stream() as Duplex & { connect: (port: number, host: string) => unknown };
  destroyOnAbort(stream, signal);
  stream.connect(options.port, options.host);
  await settled(stream, 'connect');
  return stream;
}

/** Fulfils on `event`, rejects when the stream ends before. */
function settled(stream: Duplex | TLSSocket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.on('error', reject); // stays: later errors show as the close of the stream
    stream.once('close', () => reject(stream.errored ?? new Error('the connection was closed')));
    stream.once(event, () => resolve());
  });
}

function destroyOnAbort(stream: Duplex, signal: AbortSignal): void {
  const onAbort = (): void => void stream.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  stream.once('close', () => signal.removeEventListener('abort', onAbort));
}

/** Ends the attempt with a reason when it takes too long, and leaves no stream of a failed one behind. */
async function withDeadline<T>(
  options: UpstreamOptions,
  signal: AbortSignal,
  work: (bounded: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  const { connectionTimeoutMillis: limitMs } = options;
  const late = noUpstream(`no answer of ${options.host}:${options.port} within ${limitMs} ms`);
  const timer = setTimeout(() => ending.abort(late), limitMs);
  try {
    return await work(AbortSignal.any([signal, ending.signal]));
  } catch (error) {
    const reason = ending.signal.aborted ? late : error;
    ending.abort(reason);
    throw reason instanceof Refusal ? reason : noUpstream(reason);
  } finally {
    clearTimeout(timer);
  }
}
