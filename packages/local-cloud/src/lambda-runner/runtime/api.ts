import { Agent, request } from 'node:http';

export interface Invocation {
  readonly requestId: string;
  readonly deadlineMs: number;
  readonly functionArn: string;
  readonly traceId: string | undefined;
  readonly clientContext: string | undefined;
  readonly cognitoIdentity: string | undefined;
  readonly body: string;
}

export interface RuntimeApi {
  next(): Promise<Invocation>;
  postResponse(requestId: string, body: string): Promise<void>;
  postError(requestId: string, body: object): Promise<void>;
  postInitError(body: object): Promise<void>;
}

/** Runtime API, version 2018-06-01, over one kept connection and without a time-out. */
export function runtimeApi(address: string): RuntimeApi {
  const [host, port] = address.split(':');
  // While a handler runs the connection is idle and does not hold the process: an empty loop ends it.
  const agent = new Agent({ keepAlive: true, maxSockets: 1, timeout: 0 });

  const call = (method: string, path: string, body?: string, headers: Record<string, string> = {}) =>
    new Promise<{ headers: Record<string, string | undefined>; body: string }>((resolve, reject) => {
      const outgoing = request(
        { agent, host, port, method, path: `/2018-06-01/runtime${path}`, headers },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () =>
            resolve({
              headers: answer.headers as Record<string, string | undefined>,
              body: Buffer.concat(chunks).toString('utf8'),
            }),
          );
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  const post = async (path: string, body: string, errorType?: string): Promise<void> => {
    await call('POST', path, body, {
      'content-type': 'application/json',
      ...(errorType === undefined ? {} : { 'lambda-runtime-function-error-type': errorType }),
    });
  };
  const typeOf = (body: object): string => (body as { errorType?: string }).errorType ?? 'Error';

  return {
    next: async () => {
      const { headers, body } = await call('GET', '/invocation/next');
      return {
        requestId: headers['lambda-runtime-aws-request-id'] ?? '',
        deadlineMs: Number(headers['lambda-runtime-deadline-ms']),
        functionArn: headers['lambda-runtime-invoked-function-arn'] ?? '',
        traceId: headers['lambda-runtime-trace-id'],
        clientContext: headers['lambda-runtime-client-context'],
        cognitoIdentity: headers['lambda-runtime-cognito-identity'],
        body,
      };
    },
    postResponse: (requestId, body) => post(`/invocation/${requestId}/response`, body),
    postError: (requestId, body) =>
      post(`/invocation/${requestId}/error`, JSON.stringify(body), typeOf(body)),
    postInitError: (body) => post('/init/error', JSON.stringify(body), typeOf(body)),
  };
}
