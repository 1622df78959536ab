import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';

export interface DataSocket {
  /** Connections open now, and accepted in all. */
  counts(): { open: number; accepted: number };
  close(): Promise<void>;
}

/**
 * The socket that test workers connect to. Each connection gets a stream of its own to the endpoint; TLS runs inside,
 * end to end, so nothing here sees a password or a row. A socket file and not a port: only this user reaches it.
 */
export async function openDataSocket(
  address: string,
  openStream: () => Promise<Duplex>,
  onError: (error: unknown) => void,
): Promise<DataSocket> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server: Server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    openStream().then(
      (stream) => {
        if (socket.destroyed) {
          stream.destroy();
          return;
        }
        // Either side's end or error ends the other; the client sees a closed connection and reports it.
        pipeline(socket, stream, socket, () => undefined);
        socket.resume();
      },
      (error: unknown) => {
        onError(error);
        socket.destroy();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, resolve);
  });
  if (process.platform !== 'win32') chmodSync(address, 0o600);
  let closing: Promise<void> | undefined;
  return {
    counts: () => ({ open: sockets.size, accepted }),
    close: () => {
      closing ??= new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
      return closing;
    },
  };
}
