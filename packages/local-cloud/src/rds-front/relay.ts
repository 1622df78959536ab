import { createConnection, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { endGently } from './connection.ts';
import { notAccepting } from './refusal.ts';
import { encodeStartup } from './wire.ts';

/** Connects to the server behind the front. */
export function openBackend(socketPath: string): Promise<Socket> {
  return new Promise((fulfil, reject) => {
    const backend = createConnection(socketPath);
    backend.once('connect', () => fulfil(backend));
    backend.once('error', (cause: NodeJS.ErrnoException) =>
      reject(notAccepting('the database system is shutting down', `the socket is closed: ${cause.code}`)),
    );
  });
}

/**
 * Starts the session on the server, which trusts its socket, and from then on only carries bytes: its
 * AuthenticationOk and every later error reach the client unchanged. Each side is read no faster than the other
 * takes it. Fulfils when both are closed.
 */
export function relay(
  client: Duplex,
  backend: Socket,
  parameters: ReadonlyMap<string, string>,
): Promise<void> {
  backend.write(encodeStartup(parameters));
  client.pipe(backend);
  backend.pipe(client);
  return bothClosed(client, backend);
}

/** Hands a cancel request to the server, which never answers one, and closes when the server has taken it. */
export async function forwardCancel(client: Duplex, backend: Socket, packet: Buffer): Promise<void> {
  const length = Buffer.alloc(4);
  length.writeInt32BE(packet.length + 4);
  backend.end(Buffer.concat([length, packet]));
  backend.resume();
  await bothClosed(client, backend);
}

function bothClosed(client: Duplex, backend: Socket): Promise<void> {
  backend.on('error', () => {}); // its close ends the client
  const closed = (stream: Duplex): Promise<void> =>
    new Promise((fulfil) => {
      if (stream.closed) fulfil();
      else stream.once('close', () => fulfil());
    });
  const clientClosed = closed(client).then(() => void backend.destroy());
  const backendClosed = closed(backend).then(() => endGently(client));
  return Promise.all([clientClosed, backendClosed]).then(() => {});
}
