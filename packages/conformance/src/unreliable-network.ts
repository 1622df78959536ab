import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * An HTTP proxy on 127.0.0.1 between a tunnel and everything it talks to: what goes wrong in networks goes wrong
 * here, whatever service is behind it.
 */
export interface UnreliableNetwork extends AsyncDisposable {
  /** For the option `proxy`. */
  readonly proxy: string;
  /** Connections that went through so far. */
  readonly connections: number;
  /** Every connection breaks. New ones can be made at once. */
  cut(): void;
  /** Nothing comes through the connections there are, and nobody is told. New ones can be made. */
  freeze(): void;
  /** Every connection breaks, and no new one can be made until `up`. */
  down(): void;
  up(): void;
}

export async function startUnreliableNetwork(): Promise<UnreliableNetwork> {
  const sockets = new Set<Duplex>();
  let isUp = true;
  let connections = 0;
  const server = createServer((_, response) => response.writeHead(405).end());
  server.on('connection', (socket: Socket) => {
    if (!isUp) socket.resetAndDestroy();
  });
  server.on('connect', ({ url = '' }, client: Duplex, head: Buffer) => {
    const { hostname, port } = new URL(`http://${url}`);
    const remote = connect({ host: hostname, port: Number(port || 443), noDelay: true });
    const join = (from: Duplex, to: Duplex): void => {
      sockets.add(from);
      from.on('error', () => {}); // 'close' follows
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    };
    join(client, remote);
    join(remote, client);
    remote.once('connect', () => {
      connections++;
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      remote.write(head);
      client.pipe(remote).pipe(client);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    proxy: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    cut,
    freeze() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    down() {
      isUp = false;
      cut();
    },
    up() {
      isUp = true;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      cut();
      await closed;
    },
  };
}
