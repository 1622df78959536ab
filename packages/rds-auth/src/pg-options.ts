import type { Duplex } from 'node:stream';
import { ConnectingStream } from './connecting-stream.ts';
import { RdsAuthError } from './errors.ts';
import { RedirectedSocket } from './redirected-socket.ts';

/**
 * Default of `connectionTimeoutMillis`, which pg leaves unlimited. An Aurora cluster that paused answers TCP at once
 * and then nothing for about 15 s, 30 s and more after a day; below that the limit would break what only needs time.
 */
export const DEFAULT_CONNECT_TIMEOUT_MS: number = 45_000;

/**
 * P-256 first: PostgreSQL up to 17 accepts only that curve, and Node's own first choice (X25519) costs a
 * HelloRetryRequest, one round trip on every connection. Harmless from 18 on, which knows both.
 */
const TLS_CURVES = 'P-256:X25519';

/** A token is handed out with a minute of life left, at least; half of that may pass before the server asks. */
const REUSE_TOKEN_MS = 30_000;

export interface PgOptionsInit {
  /** The endpoint that is signed for and that TLS verifies: the name RDS reports. */
  endpoint: { host: string; port: number };
  user: string;
  database: string;
  /** Where the password comes from; see `createTokenSource`. Asked once per connection. */
  token: () => Promise<string>;
  /** PEM certificates to trust; see `loadCaBundle`. */
  ca: string | readonly string[];
  /** Opens the way to the endpoint, one stream per connection. Default: TCP to `address`. */
  openStream?: () => Duplex | Promise<Duplex>;
  /** Where the bytes go when that is not the endpoint: a Unix socket or a loopback port of a tunnel. */
  address?: { path: string } | { host: string; port: number };
  /** Everything from TCP to "ready", in milliseconds. Default 45 s, so that a paused Aurora cluster can wake up. */
  connectTimeoutMs?: number;
  applicationName?: string;
  /**
   * Begin TLS at once instead of asking whether the server speaks it: one round trip less for each connection. Servers know
   * it from PostgreSQL 17 on; an older one, or a proxy in between, ends the connection, so try it once before. Default false.
   */
  directTls?: boolean;
}

export interface PgTlsOptions {
  readonly ca: string[];
  readonly servername: string;
  readonly ecdhCurve: string;
  readonly minVersion: 'TLSv1.2';
  readonly rejectUnauthorized: true;
}

/** Options for `new Client()` or `new Pool()` of pg. Add pool settings, but no `connectionString`: it would win. */
export interface PgOptions {
  host: string;
  port: number;
  user: string;
  database: string;
  password: () => Promise<string>;
  ssl: PgTlsOptions;
  stream: () => Duplex;
  connectionTimeoutMillis: number;
  application_name?: string;
  sslnegotiation?: 'direct';
}

/**
 * Options for pg: the real endpoint name as `host` (pg overwrites `servername` with it, and errors and logs then name
 * what one means), a stream that leads there whatever the way is, the token as password, and verification that no
 * option can switch off.
 *
 * The token is made before the stream is opened, because pg leaves the socket open for the server's
 * `authentication_timeout` when the password function fails. It is asked for again only when the server takes long to
 * want it, as a paused cluster does. Throws `RDS_OPTIONS_INVALID`.
 */
export function pgOptions(init: PgOptionsInit): PgOptions {
  checkInit(init);
  const { endpoint, user, database } = init;
  const name = `${endpoint.host}:${endpoint.port}`;
  let last: { token: string; at: number } | undefined;
  const renew = async (): Promise<string> => {
    const token = await init.token();
    last = { token, at: performance.now() };
    return token;
  };
  const password = async (): Promise<string> => {
    if (last === undefined) return await renew();
    if (performance.now() - last.at < REUSE_TOKEN_MS) return last.token;
    const { token } = last;
    return await renew().catch(() => token); // if that one has expired by now, the server says so
  };
  const { openStream } = init;
  const stream =
    openStream === undefined
      ? (): Duplex => new RedirectedSocket(init.address ?? endpoint, renew)
      : (): Duplex => new ConnectingStream({ name, open: openStream, ready: renew });
  return {
    host: endpoint.host,
    port: endpoint.port,
    user,
    database,
    password,
    ssl: pgTlsOptions(init),
    stream,
    connectionTimeoutMillis: init.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    ...(init.applicationName === undefined ? {} : { application_name: init.applicationName }),
    ...(init.directTls === true ? { sslnegotiation: 'direct' as const } : {}),
  };
}

/** How TLS is done with an endpoint, by pg and by whoever speaks TLS to it without pg. Its name is verified. */
export function pgTlsOptions({ endpoint, ca }: Pick<PgOptionsInit, 'endpoint' | 'ca'>): PgTlsOptions {
  return Object.freeze({
    ca: typeof ca === 'string' ? [ca] : [...ca],
    servername: endpoint.host,
    ecdhCurve: TLS_CURVES,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
  });
}

function checkInit(init: PgOptionsInit): void {
  const problems: string[] = [];
  const { endpoint, user, database, token, ca } = init;
  if (!endpoint?.host) problems.push('endpoint.host is missing');
  if (!Number.isInteger(endpoint?.port)) problems.push('endpoint.port is missing');
  if (!user) problems.push('user is missing');
  if (!database) problems.push('database is missing');
  if (typeof token !== 'function') problems.push('token must be a function');
  if (ca === undefined || ca.length === 0) problems.push('ca is missing');
  if (init.openStream !== undefined && init.address !== undefined) {
    problems.push('openStream and address exclude each other');
  }
  if (problems.length === 0) return;
  throw new RdsAuthError({
    code: 'RDS_OPTIONS_INVALID',
    kind: 'invalid',
    message: `pgOptions: ${problems.join('; ')}.`,
    hint: 'See PgOptionsInit; TLS verification is not optional, so the roots to trust must be given.',
  });
}
