import { once } from 'node:events';
import { createServer as createPlainServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

export interface FakeCall {
  readonly operation: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: IncomingMessage['headers'];
}

/** A body, with `__type` that of an error; undefined: no answer at all. */
export type FakeAnswer = object | undefined;

export interface FakeApi extends AsyncDisposable {
  readonly port: number;
  readonly endpoint: string;
  readonly calls: FakeCall[];
  /** Upgrades, which are all accepted. */
  readonly upgrades: { url: string; headers: IncomingMessage['headers'] }[];
}

export interface FakeApiOptions {
  tls?: { cert: string; key: string };
  /** Of the server's clock. */
  date?: () => Date;
}

/** The SSM API with the answers that a test wants, for what the simulator rightly never answers. */
export async function startFakeApi(
  answer: (call: FakeCall, port: number) => FakeAnswer,
  { tls, date = () => new Date() }: FakeApiOptions = {},
): Promise<FakeApi> {
  const calls: FakeCall[] = [];
  const upgrades: FakeApi['upgrades'] = [];
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
      const call = {
        operation,
        body: JSON.parse(Buffer.concat(chunks).toString()),
        headers: request.headers,
      };
      calls.push(call);
      const body = answer(call, port());
      if (body === undefined) return;
      response.writeHead('__type' in body ? 400 : 200, {
        'content-type': 'application/x-amz-json-1.1',
        date: date().toUTCString(),
      });
      response.end(JSON.stringify(body));
    });
  };
  const server = tls === undefined ? createPlainServer(listener) : createSecureServer(tls, listener);
  const webSockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    upgrades.push({ url: request.url ?? '', headers: request.headers });
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('message', (data) => webSocket.send(data));
    });
  });
  const port = (): number => (server.address() as AddressInfo).port;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: port(),
    endpoint: `http://127.0.0.1:${port()}`,
    calls,
    upgrades,
    async [Symbol.asyncDispose]() {
      for (const webSocket of webSockets.clients) webSocket.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A good answer to StartSession and ResumeSession. */
export function startedSession(port: number): Record<string, string> {
  return {
    SessionId: 's-1',
    TokenValue: 'secret-token',
    StreamUrl: `ws://127.0.0.1:${port}/v1/data-channel/s-1?role=publish_subscribe&cell-number=AA+b/c=`,
  };
}
