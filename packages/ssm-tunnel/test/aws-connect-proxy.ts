import { once } from 'node:events';
import { createServer as createPlainServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface ConnectProxy extends AsyncDisposable {
  /** Without user and password. */
  readonly url: string;
  readonly port: number;
  /** What was asked for, in order. */
  readonly asked: { authority: string; authorization: string | undefined }[];
}

export interface ProxyScript {
  /** Status of every answer, or of the nth; 0 for none at all. Default 200. */
  status?: number | ((nth: number) => number);
  /** Speak TLS to the client. */
  tls?: { cert: string; key: string };
  /** Where connections go instead of where the client wants. */
  port?: number;
}

/** An HTTP proxy that knows CONNECT and nothing else. */
export async function startConnectProxy(script: ProxyScript = {}): Promise<ConnectProxy> {
  const { port, tls } = script;
  const asked: ConnectProxy['asked'] = [];
  const sockets = new Set<Socket>();
  const server = tls === undefined ? createPlainServer() : createSecureServer(tls);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.on('connect', (request, socket: Socket, head) => {
    const authority = request.url ?? '';
    asked.push({ authority, authorization: request.headers['proxy-authorization'] });
    const status = typeof script.status === 'function' ? script.status(asked.length) : (script.status ?? 200);
    if (status === 0) return;
    if (status !== 200) {
      socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 4\r\n\r\nnope`);
      return;
    }
    const { hostname, port: wanted } = new URL(`http://${authority}`);
    const upstream = connect(
      port ?? Number(wanted || 80),
      port === undefined ? hostname : '127.0.0.1',
      () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        upstream.write(head);
        socket.pipe(upstream).pipe(socket);
      },
    );
    sockets.add(upstream);
    upstream.on('error', () => socket.destroy());
    upstream.on('close', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${own}`,
    port: own,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
