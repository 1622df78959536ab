import { isAbsolute } from 'node:path';
import type { Duplex } from 'node:stream';
import { RdsAuthError } from './errors.ts';
import { RedirectedSocket } from './redirected-socket.ts';

/** A server behind a socket of this machine answers at once or not at all. */
const DEFAULT_CONNECT_TIMEOUT_MS = 15_000;

export interface PgSocketOptionsInit {
  /** A Unix socket by its absolute path, or a pipe of this machine (`\\.\pipe\…`). Never a host. */
  path: string;
  user: string;
  database: string;
  /** Everything from connecting to "ready", in milliseconds. Default 15 s. */
  connectTimeoutMs?: number;
  applicationName?: string;
}

/** Options for `new Client()` or `new Pool()` of pg. Add pool settings, but no `connectionString`: it would win. */
export interface PgSocketOptions {
  host: string;
  port: number;
  user: string;
  database: string;
  /** There is no network in between that could listen or answer in the server's place. */
  ssl: false;
  stream: () => Duplex;
  connectionTimeoutMillis: number;
  application_name?: string;
}

/**
 * Options for pg to a server on this machine that trusts its socket: who may open the socket may log in, so its folder's
 * permissions are the authentication. Neither TLS nor token, hence not a switch of `pgOptions` but a function of its own
 * that takes no address outside this machine. Throws `RDS_OPTIONS_INVALID`.
 */
export function pgSocketOptions(init: PgSocketOptionsInit): PgSocketOptions {
  checkInit(init);
  const { path, user, database } = init;
  return {
    // What pg takes for a socket and shows in messages; the stream goes where `path` says in any case.
    host: path,
    port: 5432,
    user,
    database,
    ssl: false,
    stream: () => new RedirectedSocket({ path }),
    connectionTimeoutMillis: init.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    ...(init.applicationName === undefined ? {} : { application_name: init.applicationName }),
  };
}

function checkInit({ path, user, database }: PgSocketOptionsInit): void {
  const problems: string[] = [];
  if (!isOfThisMachine(path)) problems.push('path must be the absolute path of a Unix socket');
  if (!user) problems.push('user is missing');
  if (!database) problems.push('database is missing');
  if (problems.length === 0) return;
  throw new RdsAuthError({
    code: 'RDS_OPTIONS_INVALID',
    kind: 'invalid',
    message: `pgSocketOptions: ${problems.join('; ')}.`,
    hint: 'See PgSocketOptionsInit. For a server that is reached by its name use pgOptions, which verifies it.',
  });
}

/** Windows: `\\server\pipe\…` is another machine's, `\\.\pipe\…` and `\\?\pipe\…` are this one's. */
function isOfThisMachine(path: unknown): boolean {
  if (typeof path !== 'string') return false;
  if (process.platform === 'win32') return /^\\\\[.?]\\pipe\\[^\\]/i.test(path);
  return isAbsolute(path);
}
