import { randomUUID } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { IamDirectory } from '../iam/index.ts';
import type { WireAnswer } from './answer.ts';
import { errorAnswer } from './answer.ts';
import { ApiError } from './api-error.ts';
import { dispatch } from './dispatch.ts';
import { readBody } from './request-body.ts';
import { findRoute, matchRest, routingPath } from './route.ts';
import type { Service } from './service.ts';

export interface EndpointOptions {
  readonly region: string;
  readonly iam: IamDirectory;
  readonly services: readonly Service[];
  /** Epoch milliseconds; also sent as `Date`, which JavaScript SDKs adjust their clocks to. */
  readonly clock: () => number;
  /** A path in front of every request, as in `http://127.0.0.1:4566/base`; default none. */
  readonly basePath?: string;
  /** Takes a WebSocket upgrade, or says that the path is not its own. */
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;
}

export interface Endpoint {
  /** `http://127.0.0.1:<port>` without path or trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Requests by `Service.Operation`, refused ones included. */
  statistics(): Record<string, number>;
  /** Answers what is under way, then stops. */
  close(): Promise<void>;
}

/** Published for every answered request: `{ service, operation, status, principalArn, requestId, durationMs, error }`. */
const requests = channel('postern:local-cloud:request');
const maxBodyBytes = 10 * 1024 * 1024;
/** How long `close()` lets running requests end. */
const closeGraceMs = 5000;

/** All simulated services on one loopback port: verify first, then route, answer in the service's protocol. */
export async function startEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const counts: Record<string, number> = {};
  let closing: Promise<void> | undefined;
  const server = createServer((request, response) => {
    void answer(request, options, counts).then(
      (wire) => send(response, wire, options.clock(), closing !== undefined),
      () => response.destroy(),
    );
  });
  // Clients keep connections for reuse; one that the server closes first costs them a retry.
  server.keepAliveTimeout = 120_000;
  const upgraded = new Set<Duplex>();
  server.on('upgrade', (request, socket, head) => {
    upgraded.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => upgraded.delete(socket));
    if (options.upgrade?.(request, socket, head) === true) return;
    socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const close = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    server.closeIdleConnections();
    for (const socket of upgraded) socket.destroy();
    const force = setTimeout(() => server.closeAllConnections(), closeGraceMs);
    await closed;
    clearTimeout(force);
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    statistics: () => ({ ...counts }),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

async function answer(
  request: IncomingMessage,
  options: EndpointOptions,
  counts: Record<string, number>,
): Promise<WireAnswer> {
  const startedAt = performance.now();
  const requestId = randomUUID();
  const head = { method: request.method ?? '', url: request.url ?? '', rawHeaders: request.rawHeaders };
  const path = routingPath(head.url, options.basePath ?? '');
  const rest = matchRest(options.services, head.method, path);
  const limit = rest?.kind === 'rest' ? rest.route.maxBodyBytes : maxBodyBytes;
  const body = await readBody(request, limit);
  const route = findRoute(options.services, head, path, body === 'too-large' ? Buffer.alloc(0) : body);
  if (route === undefined) return { status: 404, headers: {}, body: '' };

  const operation = route.kind === 'unknown' ? 'Unknown' : route.operation;
  const name = `${route.service.id}.${operation}`;
  counts[name] = (counts[name] ?? 0) + 1;
  let principalArn: string | undefined;
  let error: unknown;
  let wire: WireAnswer;
  try {
    if (body === 'too-large') throw tooLarge(limit, operation);
    wire = await dispatch(
      route,
      { head, body, requestId, sourceIp: request.socket.remoteAddress },
      options,
      (arn) => {
        principalArn = arn;
      },
    );
  } catch (thrown) {
    error = thrown;
    wire = errorAnswer(thrown, route.service, requestId);
  }
  if (requests.hasSubscribers) {
    const durationMs = performance.now() - startedAt;
    const { id: service } = route.service;
    requests.publish({ service, operation, status: wire.status, principalArn, requestId, durationMs, error });
  }
  return wire;
}

function tooLarge(limit: number, operation: string): ApiError {
  const what = operation === 'Invoke' ? 'RequestTooLargeException' : 'RequestEntityTooLargeException';
  const named = operation === 'Invoke' ? 'InvokeFunction' : operation;
  return new ApiError(what, 413, `Request must be smaller than ${limit} bytes for the ${named} operation`);
}

function send(response: ServerResponse, wire: WireAnswer, nowMs: number, last: boolean): void {
  const body = typeof wire.body === 'string' ? Buffer.from(wire.body) : wire.body;
  response.writeHead(wire.status, {
    ...wire.headers,
    date: new Date(nowMs).toUTCString(),
    ...(last ? { connection: 'close' } : {}),
    ...(wire.status === 204 ? {} : { 'content-length': body.length }),
  });
  response.end(wire.status === 204 ? undefined : body);
}
