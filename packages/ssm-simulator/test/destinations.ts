import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** A TCP server on 127.0.0.1 that a session leads to. */
export interface Destination extends AsyncDisposable {
  readonly port: number;
  readonly sockets: readonly Socket[];
}

export async function destination(serve: (socket: Socket) => void): Promise<Destination> {
  const sockets: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export const echo = (): Promise<Destination> => destination((socket) => socket.pipe(socket));

/** A port on 127.0.0.1 where nobody listens. */
export async function closedPort(): Promise<number> {
  const used = await destination(() => {});
  await used[Symbol.asyncDispose]();
  return used.port;
}
