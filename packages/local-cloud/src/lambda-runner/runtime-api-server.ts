import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PendingInvocation {
  readonly requestId: string;
  readonly invokedArn: string;
  readonly deadlineMs: number;
  readonly payload: Buffer;
  readonly clientContext: string | undefined;
}

/** What the function's process says. */
export interface RuntimeEvents {
  /** It asks for the next event: initialised, or done with the last one. */
  onNext(): void;
  onResponse(requestId: string, body: Buffer): void;
  onError(requestId: string, body: Buffer): void;
  onInitError(body: Buffer): void;
}

export interface RuntimeApiServer {
  /** `host:port`, the form of `AWS_LAMBDA_RUNTIME_API`. */
  readonly address: string;
  deliver(invocation: PendingInvocation): void;
  close(): void;
}

/** Lambda Runtime API (2018-06-01) for one process. `next` is held open until there is an event. */
export async function startRuntimeApi(events: RuntimeEvents): Promise<RuntimeApiServer> {
  let waiting: ServerResponse | undefined;
  const server = createServer((request, response) => {
    void handle(request, response).catch(() => response.destroy());
  });
  // The process may be frozen for any time between two requests.
  server.keepAliveTimeout = 0;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').replace('/2018-06-01/runtime/', '');
    if (request.method === 'GET' && path === 'invocation/next') {
      waiting = response;
      events.onNext();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const match = /^invocation\/([^/]+)\/(response|error)$/.exec(path);
    if (match?.[2] === 'response') events.onResponse(match[1] as string, body);
    else if (match?.[2] === 'error') events.onError(match[1] as string, body);
    else if (path === 'init/error') events.onInitError(body);
    else {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"OK"}');
  }

  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    deliver: (invocation) => {
      waiting?.writeHead(200, {
        'content-type': 'application/json',
        'lambda-runtime-aws-request-id': invocation.requestId,
        'lambda-runtime-deadline-ms': String(invocation.deadlineMs),
        'lambda-runtime-invoked-function-arn': invocation.invokedArn,
        ...(invocation.clientContext === undefined
          ? {}
          : { 'lambda-runtime-client-context': invocation.clientContext }),
      });
      waiting?.end(invocation.payload);
      waiting = undefined;
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
