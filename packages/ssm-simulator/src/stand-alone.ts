import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SsmCaller } from './caller.ts';
import { isSsmApiError, SsmApiError, SsmSimulatorError } from './errors.ts';
import type { SsmSimulatorOptions } from './options.ts';
import { anonymousCaller, createSsmSimulator, type SsmSimulator } from './simulator.ts';

export interface StandAloneOptions extends SsmSimulatorOptions {
  /** Port on 127.0.0.1. Default 0: any free one. */
  port?: number;
  /** Who makes an API call; throws `SsmApiError` to refuse. Default: nothing is checked. */
  verifyRequest?: (request: IncomingMessage, body: Buffer) => SsmCaller;
}

/** The largest request body of a real client is some kilobytes; a document may have 64 KiB. */
const MAX_BODY_BYTES = 1024 * 1024;

/**
 * A simulator with a server of its own on 127.0.0.1: the SSM API (JSON 1.1) and the data channels on one port.
 * Rejects with `SSM_SIMULATOR_LISTEN_FAILED` when the port is taken. `endpoint` is what SDKs take as endpoint URL. The server holds the process open until `close()`.
 */
export async function startSsmSimulator(
  options: StandAloneOptions = {},
): Promise<SsmSimulator & { readonly endpoint: string }> {
  const simulator = createSsmSimulator(options);
  const verify = options.verifyRequest ?? (() => anonymousCaller);
  const server = createServer((request, response) => {
    void answer(simulator, verify, request, response);
  });
  server.on('upgrade', (request, socket, head) => {
    if (simulator.handleUpgrade(request, socket, head)) return;
    socket.on('error', () => {}); // the client may be gone already
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new SsmSimulatorError(
      'SSM_SIMULATOR_LISTEN_FAILED',
      `port ${options.port ?? 0} of 127.0.0.1 cannot be had: ${error instanceof Error ? error.message : error}`,
      error,
    );
  }
  const { port } = server.address() as AddressInfo;
  simulator.setStreamBase(`ws://127.0.0.1:${port}`);

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      const closed = once(server, 'close');
      server.close();
      await simulator.close();
      server.closeAllConnections();
      await closed;
    })();
    return closing;
  };
  return { ...simulator, endpoint: `http://127.0.0.1:${port}`, close, [Symbol.asyncDispose]: close };
}

async function answer(
  simulator: SsmSimulator,
  verify: (request: IncomingMessage, body: Buffer) => SsmCaller,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const body = await readBody(request);
    const caller = verify(request, body);
    const [service, operation = ''] = String(request.headers['x-amz-target'] ?? '').split('.');
    if (request.method !== 'POST' || service !== 'AmazonSSM')
      throw new SsmApiError(
        'UnknownOperationException',
        'This endpoint answers POST with X-Amz-Target: AmazonSSM.*',
      );
    send(response, 200, (await simulator.handleApi(operation, parseJson(body), caller)) ?? {});
  } catch (error) {
    if (isSsmApiError(error)) send(response, error.status, { __type: error.code, message: error.message });
    else {
      const message = error instanceof Error ? error.message : String(error);
      send(response, 500, { __type: 'InternalServerError', message });
    }
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': randomUUID(),
  });
  response.end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BODY_BYTES)
      throw new SsmApiError('RequestEntityTooLargeException', 'Body too large.', 413);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

function parseJson(body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new SsmApiError('SerializationException', 'The request body is not JSON.');
  }
}
