import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { IssuedCertificate } from '../tls/certificate-authority.ts';
import { authenticate, type Doorkeeping, type Login, namesOf } from './authentication.ts';
import { type Connection, refuse } from './connection.ts';
import { publishLogin, publishRefusal } from './events.ts';
import { negotiate } from './negotiation.ts';
import { Refusal } from './refusal.ts';
import { forwardCancel, openBackend, relay } from './relay.ts';
import { type FrontServer, openRoleDirectory } from './role-directory.ts';
import type { TokenVerifier } from './token-verifier.ts';

export interface RdsFrontOptions {
  readonly server: FrontServer;
  /** The endpoint's name, for which tokens must have been signed (together with the front's port). */
  readonly host: string;
  readonly certificate: IssuedCertificate;
  readonly tokens: TokenVerifier;
  /**
   * `rds.force_ssl`: whether roles with a password need TLS as well. Default true, as on RDS from version 15 and on
   * Aurora from version 17 on.
   */
  readonly forceSsl?: boolean;
  /** Default 0: any free one. */
  readonly port?: number;
  /** Time for TLS and authentication together; default 60,000, as the server's `authentication_timeout`. */
  readonly authenticationTimeoutMs?: number;
}

export interface RdsFrontStatistics {
  /** Clients that asked for a session, whatever came of it; cancel requests do not count. */
  readonly connections: number;
  readonly openSessions: number;
  readonly verifiedTokens: number;
  readonly refusedTokens: number;
  readonly passwordLogins: number;
  /** Successful logins by role. */
  readonly byUser: Readonly<Record<string, number>>;
}

/** The cluster endpoint of RDS in front of a server that trusts its socket. */
export interface RdsFront extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number;
  statistics(): RdsFrontStatistics;
  /** Stops listening and ends every connection. Twice is once. */
  close(): Promise<void>;
  readonly closed: Promise<void>;
}

/** Listens on 127.0.0.1 and behaves as an RDS for PostgreSQL endpoint with IAM authentication does. */
export async function startRdsFront(options: RdsFrontOptions): Promise<RdsFront> {
  const { server, certificate, authenticationTimeoutMs = 60_000 } = options;
  const secureContext = createSecureContext({
    cert: certificate.certPem,
    key: certificate.keyPem,
    minVersion: 'TLSv1.2',
    // PostgreSQL's own `ssl_ecdh_curve`: clients that guess another one pay a round trip here as they do there.
    ecdhCurve: server.major >= 18 ? 'X25519:P-256' : 'P-256',
  });
  const direct = server.major >= 17;
  const roles = await openRoleDirectory(server);
  const counters = {
    connections: 0,
    openSessions: 0,
    verifiedTokens: 0,
    refusedTokens: 0,
    passwordLogins: 0,
    byUser: new Map<string, number>(),
  };
  const sockets = new Set<Socket>();
  const listener = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    void serve(socket);
  });
  await new Promise<void>((fulfil, reject) => {
    listener.once('error', reject);
    listener.listen(options.port ?? 0, '127.0.0.1', fulfil);
  }).catch(async (cause: unknown) => {
    await roles.close();
    throw cause;
  });
  const door: Doorkeeping = {
    host: options.host,
    port: (listener.address() as AddressInfo).port,
    superuser: server.superuser,
    forceSsl: options.forceSsl ?? true,
    tokens: options.tokens,
    roles,
    // RFC 5929: the hash of the certificate's own signature algorithm, which our authority fixes to SHA-256.
    certificateHash: createHash('sha256').update(new X509Certificate(certificate.certPem).raw).digest(),
    pretence: randomBytes(32),
  };

  /** One connection from its first byte to its last. Never rejects. */
  async function serve(socket: Socket): Promise<void> {
    const acceptedAt = performance.now();
    const connection: Connection = { stream: socket, encrypted: false, address: socket.remoteAddress ?? '' };
    socket.on('error', () => {}); // a reset by the client; its close is enough
    // As the server does, without a word: it no longer trusts that the client is listening.
    const deadline = setTimeout(() => socket.destroy(), authenticationTimeoutMs);
    deadline.unref();
    socket.once('close', () => clearTimeout(deadline));
    let parameters: ReadonlyMap<string, string> | undefined;
    try {
      const opening = await negotiate(connection, socket, { secureContext, direct });
      if (!opening) return void connection.stream.destroy();
      if (opening.kind === 'cancel')
        return await forwardCancel(connection.stream, await openBackend(server.socketPath), opening.packet);
      counters.connections += 1;
      parameters = opening.parameters;
      const login = await authenticate(connection, parameters, door);
      if (!login || connection.stream.destroyed) return void connection.stream.destroy();
      countLogin(login, connection, parameters, performance.now() - acceptedAt);
      const backend = await openBackend(server.socketPath);
      clearTimeout(deadline);
      counters.openSessions += 1;
      await relay(connection.stream, backend, parameters).finally(() => {
        counters.openSessions -= 1;
      });
    } catch (cause) {
      if (!(cause instanceof Refusal)) return void connection.stream.destroy(cause as Error);
      countRefusal(cause, parameters);
      refuse(connection, cause);
    }
  }

  function countLogin(
    login: Login,
    { encrypted }: Connection,
    parameters: ReadonlyMap<string, string>,
    durationMs: number,
  ): void {
    const { user, database } = namesOf(parameters);
    if (login.method === 'token') counters.verifiedTokens += 1;
    else counters.passwordLogins += 1;
    counters.byUser.set(user, (counters.byUser.get(user) ?? 0) + 1);
    const principalArn = login.method === 'token' ? login.principalArn : undefined;
    publishLogin({ user, database, method: login.method, principalArn, encrypted, durationMs });
  }

  function countRefusal(refusal: Refusal, parameters: ReadonlyMap<string, string> | undefined): void {
    if (refusal.message.startsWith('PAM ')) counters.refusedTokens += 1;
    publishRefusal({
      user: parameters?.get('user'),
      database: parameters?.get('database') || parameters?.get('user'),
      sqlstate: refusal.sqlstate,
      message: refusal.message,
      reason: refusal.reason,
    });
  }

  let closing: Promise<void> | undefined;
  const ended = new Promise<void>((fulfil) => listener.once('close', fulfil));
  const close = (): Promise<void> => {
    closing ??= (async () => {
      listener.close();
      for (const socket of sockets) socket.destroy();
      await ended;
      await roles.close();
    })();
    return closing;
  };
  return {
    port: door.port,
    statistics: () => ({ ...counters, byUser: Object.fromEntries(counters.byUser) }),
    close,
    closed: ended,
    [Symbol.asyncDispose]: close,
  };
}
