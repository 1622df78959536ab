import { chmod } from 'node:fs/promises';
import { createServer, type ListenOptions as NetListenOptions, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { TunnelError } from '../errors.ts';
import { optionsInvalid } from '../resolve-options.ts';
import { joinSocket } from './join-socket.ts';

export type ListenOptions =
  /** A Unix socket, readable and writable by its owner only. */
  | { readonly path: string }
  /** Loopback TCP. Default host 127.0.0.1, default port 0: any free one. */
  | { readonly host?: '127.0.0.1' | '::1'; readonly port?: number };

export interface TunnelListener {
  /** Where it really listens. */
  readonly address: { readonly path: string } | { readonly host: string; readonly port: number };
  /** Stops accepting. Connections that are open live on until they or the tunnel end. */
  close(): Promise<void>;
}

/** What the kernel takes for a Unix socket's name, without the terminating zero. */
const MAX_PATH_BYTES = process.platform === 'darwin' ? 103 : 107;

/** Listens; each connection gets a stream of its own from `connect`. */
export async function startListener(
  options: ListenOptions,
  connect: () => Duplex,
  onClosed: () => void,
): Promise<TunnelListener> {
  const where = listenOptions(options);
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    joinSocket(socket, connect(), where.path === undefined),
  );
  await bind(server, where);
  if (where.path !== undefined) {
    try {
      await chmod(where.path, 0o600);
    } catch (error) {
      server.close();
      throw listenFailed(where, error);
    }
  }
  // Failing to accept one connection (out of descriptors) is no reason to stop.
  server.on('error', () => {});
  const bound = server.address();
  let closed: Promise<void> | undefined;
  return {
    address:
      typeof bound === 'object' && bound !== null
        ? { host: bound.address, port: bound.port }
        : { path: where.path ?? '' },
    close() {
      // Not its callback: that waits for the open connections, while listening itself ends with the call.
      closed ??= new Promise((resolve) => {
        server.close();
        onClosed();
        setImmediate(resolve);
      });
      return closed;
    },
  };
}

function listenOptions(options: ListenOptions): NetListenOptions {
  if ('path' in options) {
    const { path } = options;
    if (typeof path === 'string' && path !== '' && Buffer.byteLength(path) <= MAX_PATH_BYTES) return { path };
    throw optionsInvalid([`path: must have 1 to ${MAX_PATH_BYTES} bytes`]);
  }
  const { host = '127.0.0.1', port = 0 } = options;
  const problems: string[] = [];
  if (host !== '127.0.0.1' && host !== '::1') problems.push('host: must be 127.0.0.1 or ::1');
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    problems.push('port: must be a whole number from 0 to 65535');
  if (problems.length > 0) throw optionsInvalid(problems);
  return { host, port, exclusive: true };
}

function bind(server: Server, where: NetListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: unknown): void => reject(listenFailed(where, error));
    server.once('error', onError);
    server.listen(where, () => {
      server.removeListener('error', onError);
      resolve();
    });
  });
}

function listenFailed({ path, host, port }: NetListenOptions, error: unknown): TunnelError {
  const place = path ?? `port ${port} of ${host}`;
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return new TunnelError('SSM_PORT_IN_USE', `Cannot listen on ${place}: it is in use.`, {
      hint: 'Choose another one, or 0 for any free port.',
      cause: error,
    });
  }
  return new TunnelError('SSM_LISTEN_FAILED', `Cannot listen on ${place}: ${String(error)}`, {
    hint: 'Check that the place exists and that you may use it.',
    cause: error,
  });
}
