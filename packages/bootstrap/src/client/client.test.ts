import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { BootstrapError } from '../errors.ts';
import { createBootstrapClient } from './client.ts';
import { continueUntilDone } from './continuation.ts';

type Answer = (response: ServerResponse, body: string) => void;

let server: Server | undefined;
let requestTimeoutMs = 20_000;
afterEach(() => {
  vi.unstubAllEnvs();
  requestTimeoutMs = 20_000;
  server?.closeAllConnections();
  server?.close();
});

/** A Lambda endpoint that answers as told, in turn; the last answer again and again. */
async function lambda(
  ...answers: Answer[]
): Promise<{ client: ReturnType<typeof createBootstrapClient>; calls: string[] }> {
  const calls: string[] = [];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      calls.push(`${request.method} ${request.url} ${request.headers['x-amz-log-type']} ${body}`);
      answers[Math.min(calls.length, answers.length) - 1]?.(response, body);
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const client = createBootstrapClient({
    functionName: 'fn',
    region: 'eu-west-2',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    startTimeoutMs: 20_000,
    requestTimeoutMs,
  });
  return { client, calls };
}

const log = Buffer.from(
  'START\n{"event":"x"}\nAKIAABCDEFGHIJKLMNOP password=hunter2 postgres://u:pw@h/d X-Amz-Signature=abc&x\nEND',
).toString('base64');
const apiError =
  (status: number, type: string, message = 'told'): Answer =>
  (response) =>
    void response
      .writeHead(status, { 'x-amzn-errortype': type, 'content-type': 'application/json' })
      .end(JSON.stringify({ message }));
const functionError =
  (payload: unknown): Answer =>
  (response) =>
    void response
      .writeHead(200, { 'x-amz-function-error': 'Unhandled', 'x-amz-log-result': log })
      .end(JSON.stringify(payload));
const returns =
  (payload: unknown): Answer =>
  (response) =>
    void response.writeHead(200, { 'x-amz-log-result': log }).end(JSON.stringify(payload));

describe('the bootstrap client', () => {
  test('sends the request of the contract and gives the result', async () => {
    const { client, calls } = await lambda(returns({ ok: true, result: { dropped: ['a'] } }));
    expect(await client.drop({ run: 'abcdefgh' })).toEqual({ dropped: ['a'] });
    expect(calls).toEqual([
      expect.stringMatching(
        /^POST \/2015-03-31\/functions\/fn\/invocations Tail {"action":"drop","run":"abcdefgh","correlationId":"[0-9a-f-]{36}"}$/,
      ),
    ]);
    await client.close();
  });

  test('waits for a function that cannot start yet, and runs it once', async () => {
    const { client, calls } = await lambda(
      apiError(409, 'ResourceConflictException'),
      apiError(429, 'TooManyRequestsException'),
      apiError(502, 'EC2ThrottledException'),
      apiError(502, 'ENILimitReachedException'),
      returns({ ok: true, result: { ok: 1 } }),
    );
    const seen: unknown[] = [];
    const listener = (message: unknown): void => void seen.push(message);
    subscribe('postern:bootstrap:invoke', listener);
    await client.apply();
    unsubscribe('postern:bootstrap:invoke', listener);
    expect(calls).toHaveLength(5);
    expect(seen).toMatchObject([{ functionName: 'fn', action: 'apply', attempts: 5, failed: false }]);
  });

  test('does not run again what may be running: a late answer, a broken connection, an error of the service', async () => {
    for (const [answer, code, timeoutMs] of [
      [() => undefined, 'BOOTSTRAP_INVOKE_TIMEOUT', 200],
      [(response: ServerResponse) => response.destroy(), 'BOOTSTRAP_INVOKE_FAILED', 20_000],
      [apiError(500, 'ServiceException'), 'BOOTSTRAP_INVOKE_FAILED', 20_000],
    ] as const) {
      requestTimeoutMs = timeoutMs;
      const { client, calls } = await lambda(answer as Answer);
      await expect(client.apply()).rejects.toMatchObject({ code });
      expect(calls).toHaveLength(1);
      server?.closeAllConnections();
      server?.close();
    }
  });

  test.each([502, 503, 504, 429, 409])(
    'does not run again what may be running: a proxy on the way that gives up waiting with %i',
    async (status) => {
      const { client, calls } = await lambda(
        (response) =>
          void response.writeHead(status, { 'content-type': 'text/html' }).end('<html>Bad Gateway</html>'),
        returns({ ok: true, result: { reverted: ['1'] } }),
      );
      await expect(
        client.down({ database: 'd', count: 1, from: '1' }, { correlationId: 'c' }),
      ).rejects.toMatchObject({ code: 'BOOTSTRAP_INVOKE_FAILED', details: { status, correlationId: 'c' } });
      expect(calls).toHaveLength(1);
    },
  );

  test('rebuilds the error that the function answered, with the end of its log and without its secrets', async () => {
    const { client } = await lambda(
      returns({
        ok: false,
        error: {
          code: 'TESTDB_RUN_CLOSED',
          kind: 'closed',
          message: 'over',
          hint: 'start anew',
          details: { a: 1 },
        },
      }),
    );
    const error = await client
      .prepare({ database: 'x', hash: 'h', run: 'r', count: 1 })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      name: 'BootstrapError',
      code: 'TESTDB_RUN_CLOSED',
      kind: 'closed',
      message: 'over',
      hint: 'start anew',
      details: { a: 1, functionName: 'fn', correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    const { logTail } = (error as { details: { logTail: string } }).details;
    expect(logTail).toContain('{"event":"x"}');
    expect(logTail).not.toMatch(/hunter2|AKIA|:pw@|Signature=abc/);
  });

  test.each([
    [
      {
        errorType: 'Sandbox.Timedout',
        errorMessage: 'RequestId: 1 Error: Task timed out after 3.00 seconds',
      },
      'BOOTSTRAP_FUNCTION_TIMEOUT',
      'timeout',
    ],
    [
      { errorMessage: '2026-01-01T00:00:00Z 1 Task timed out after 3.00 seconds' },
      'BOOTSTRAP_FUNCTION_TIMEOUT',
      'timeout',
    ],
    [
      {
        errorType: 'Runtime.ExitError',
        errorMessage: 'RequestId: 1 Error: Runtime exited with error: signal: killed',
      },
      'BOOTSTRAP_FUNCTION_OUT_OF_MEMORY',
      'internal',
    ],
    [
      { errorType: 'Runtime.OutOfMemory', errorMessage: 'RequestId: 1' },
      'BOOTSTRAP_FUNCTION_OUT_OF_MEMORY',
      'internal',
    ],
    [
      {
        errorType: 'Runtime.ExitError',
        errorMessage: 'RequestId: 1 Error: Runtime exited with error: exit status 1',
      },
      'BOOTSTRAP_FUNCTION_CRASHED',
      'internal',
    ],
    [
      { errorType: 'Runtime.HandlerNotFound', errorMessage: 'index.handler is undefined or not exported' },
      'BOOTSTRAP_FUNCTION_CRASHED',
      'internal',
    ],
    ['nonsense', 'BOOTSTRAP_FUNCTION_CRASHED', 'internal'],
  ])('tells a function error by its cause: %j', async (payload, code, kind) => {
    const { client } = await lambda(functionError(payload));
    await expect(client.apply()).rejects.toMatchObject({
      code,
      kind,
      details: { logTail: expect.stringContaining('START') },
    });
  });

  test.each([
    [404, 'ResourceNotFoundException', 'BOOTSTRAP_FUNCTION_NOT_FOUND', 'not-found'],
    [403, 'AccessDeniedException', 'BOOTSTRAP_ACCESS_DENIED', 'denied'],
    [403, 'ExpiredTokenException', 'BOOTSTRAP_ACCESS_DENIED', 'denied'],
    [413, 'RequestTooLargeException', 'BOOTSTRAP_INVOKE_FAILED', 'unavailable'],
  ])('tells an error of the API: %s %s', async (status, type, code, kind) => {
    const { client } = await lambda(apiError(status, type));
    await expect(client.ping()).rejects.toMatchObject({ code, kind, details: { awsError: type } });
  });

  test.each([null, 5, 'text', {}, { ok: false }, { ok: 'yes', result: 1 }])(
    'does not take the answer of another function for its own: %j',
    async (payload) => {
      const { client } = await lambda(returns(payload));
      await expect(client.ping()).rejects.toMatchObject({
        code: 'BOOTSTRAP_RESPONSE_INVALID',
        kind: 'protocol',
      });
    },
  );

  test('stops waiting for a function when cancelled', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const { client } = await lambda((response) => {
      apiError(409, 'ResourceConflictException')(response, '');
      setImmediate(() => controller.abort(reason));
    });
    await expect(client.apply({}, { signal: controller.signal })).rejects.toBe(reason);
  });

  test('says so when there are no credentials', async () => {
    const client = createBootstrapClient({
      functionName: 'fn',
      region: 'eu-west-2',
      endpoint: 'http://127.0.0.1:1',
      credentials: () =>
        Promise.reject(Object.assign(new Error('no session'), { name: 'CredentialsProviderError' })),
    });
    const error = await client.ping().catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'BOOTSTRAP_CREDENTIALS_UNAVAILABLE', kind: 'denied' });
    expect(error).not.toHaveProperty('details.correlationId');
  });

  test('who forgot the region is not sent to look for a broken network, or into a log', async () => {
    for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE']) vi.stubEnv(name, undefined);
    for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) vi.stubEnv(name, '/dev/null');
    const client = createBootstrapClient({
      functionName: 'fn',
      credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    });
    const error = await client.ping().catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: 'BOOTSTRAP_REGION_MISSING',
      kind: 'invalid',
      hint: 'Set AWS_REGION, or region in the profile of AWS_PROFILE.',
    });
    expect(error).not.toHaveProperty('details.correlationId');
  });

  describe('when the function stops in time', () => {
    const statement = { group: 'g', database: 'd', sql: 's', why: 'w', durationMs: 1 };
    const stopped = (applied: string[], pending: string[], more: object = {}): Answer =>
      returns({
        ok: true,
        result: {
          migrations: [{ database: 'd', applied, ...(pending.length > 0 ? { pending } : {}) }],
          done: pending.length === 0,
          manifest: 'm',
          statements: [],
          ...more,
        },
      });

    test('credentials that run out in between: what has run is found in the log', async () => {
      const migrations = [{ database: 'd', applied: ['1'], pending: ['2'] }];
      const answers = [{ migrations, done: false, manifest: 'm', statements: [] }];
      const invoke = async (): Promise<unknown> => {
        const answer = answers.shift();
        if (answer === undefined) throw new BootstrapError('BOOTSTRAP_CREDENTIALS_UNAVAILABLE', 'expired');
        return answer;
      };
      await expect(
        continueUntilDone({ action: 'apply' }, { correlationId: 'c' }, invoke),
      ).rejects.toMatchObject({
        code: 'BOOTSTRAP_CREDENTIALS_UNAVAILABLE',
        details: { correlationId: 'c', earlier: { migrations } },
      });
    });

    test('invokes it again until all is done, and gives what all invocations did', async () => {
      const { client, calls } = await lambda(
        stopped([], ['1', '2'], { statements: [statement] }),
        stopped(['1'], ['2']),
        stopped(['2'], []),
      );
      expect(await client.apply()).toEqual({
        statements: [statement],
        migrations: [{ database: 'd', applied: ['1', '2'] }],
        done: true,
        manifest: 'm',
      });
      expect(calls).toHaveLength(3);
      const ids = calls.map((call) => /"correlationId":"([^"]+)"/.exec(call)?.[1]);
      expect(new Set(ids).size).toBe(1);
    });

    test('with onProgress asks for short invocations and tells of each when it is over', async () => {
      const notices = [{ migration: '1', severity: 'NOTICE', message: 'hello' }];
      const { client, calls } = await lambda(
        stopped([], ['1', '2'], { statements: [statement] }),
        returns({
          ok: true,
          result: {
            statements: [],
            migrations: [{ database: 'd', applied: ['1'], notices, pending: ['2'] }],
            done: false,
          },
        }),
        stopped(['2'], []),
      );
      const told: unknown[] = [];
      const onProgress = (event: { event: string; name?: string; message?: string }): void =>
        void told.push([calls.length, event.event, event.name ?? event.message]);
      const result = await client.apply({}, { onProgress });
      expect(result.migrations).toEqual([{ database: 'd', applied: ['1', '2'], notices }]);
      expect(told).toEqual([
        [1, 'statement', undefined],
        [2, 'notice', 'hello'],
        [2, 'migration', '1'],
        [3, 'migration', '2'],
      ]);
      expect(calls.every((call) => call.includes('"budgetMs":10000'))).toBe(true);
    });

    const down = (reverted: string[], done: boolean): Answer =>
      returns({ ok: true, result: { database: 'd', reverted, done, dryRun: false } });
    const status = (applied: string[], pending: string[]): Answer =>
      returns({
        ok: true,
        result: { databases: [{ name: 'd', applied: applied.map((name) => ({ name })), pending }] },
      });

    test('a down is asked for from where it began, so that no invocation takes back what was not meant', async () => {
      const { client, calls } = await lambda(
        status(['1', '2', '3', '4', '5'], []),
        down(['5', '4'], false),
        down(['3'], true),
      );
      expect((await client.down({ database: 'd', count: 3 })).reverted).toEqual(['5', '4', '3']);
      expect(calls[0]).toContain('"action":"status","databases":["d"]');
      for (const call of calls.slice(1)) expect(call).toContain('"count":3,"from":"5"');
      server?.close();
      const named = await lambda(down(['5', '4'], false), down(['3'], true));
      await named.client.down({ database: 'd', count: 3, from: '5' });
      for (const call of named.calls) expect(call).toContain('"count":3,"from":"5"');
      server?.close();
      // What keeps nothing can be repeated as it is.
      const dry = await lambda(down(['5'], true));
      await dry.client.down({ database: 'd', count: 1, dryRun: true });
      expect(dry.calls).toHaveLength(1);
    });

    test('a down whose answer is lost says how to repeat it: by its count alone it would take back two more', async () => {
      requestTimeoutMs = 200;
      for (const [answer, code] of [
        [() => undefined, 'BOOTSTRAP_INVOKE_TIMEOUT'],
        [(response: ServerResponse) => response.destroy(), 'BOOTSTRAP_INVOKE_FAILED'],
        [functionError({ errorType: 'Sandbox.Timedout' }), 'BOOTSTRAP_FUNCTION_TIMEOUT'],
      ] as const) {
        const { client, calls } = await lambda(status(['1', '2'], ['3']), answer as Answer);
        await expect(client.down({ database: 'd', count: 2 })).rejects.toMatchObject({
          code,
          hint: expect.stringMatching(/Repeat it with from: "2": .* left of these 2 and no more\.$/),
          details: { from: '2' },
        });
        expect(calls).toHaveLength(2);
        server?.closeAllConnections();
        server?.close();
      }
    });

    test('a down of which nobody can tell where it begins is not begun', async () => {
      const forbidden = returns({
        ok: false,
        error: { code: 'BOOTSTRAP_ACTION_FORBIDDEN', kind: 'denied', message: 'm', hint: 'h' },
      });
      for (const [answer, code, hint] of [
        [forbidden, 'BOOTSTRAP_ACTION_FORBIDDEN', 'allow status beside down'],
        [status([], []), 'BOOTSTRAP_MIGRATION_UNKNOWN', 'drift of status'],
      ] as const) {
        const { client, calls } = await lambda(answer);
        await expect(client.down({ database: 'd', count: 2 })).rejects.toMatchObject({
          code,
          hint: expect.stringContaining(hint),
        });
        expect(calls).toHaveLength(1);
        server?.close();
      }
    });

    test('does not ask for ever when a statement never holds, and no invocation comes to a migration', async () => {
      const { client, calls } = await lambda(
        stopped([], ['1'], { statements: [{ ...statement, sql: 'CREATE ROLE a' }, statement] }),
        stopped([], ['1'], { statements: [statement] }),
      );
      await expect(client.apply()).rejects.toMatchObject({
        code: 'BOOTSTRAP_NOT_CONVERGED',
        kind: 'conflict',
        details: { statements: [statement], earlier: { migrations: [{ pending: ['1'] }] } },
      });
      expect(calls).toHaveLength(3);
    });

    test('says what was done before when a later invocation fails, and does not ask for ever', async () => {
      const failed = await lambda(
        stopped(['1'], ['2']),
        returns({ ok: false, error: { code: 'BOOTSTRAP_MIGRATION_FAILED', kind: 'conflict', message: 'm' } }),
      );
      await expect(failed.client.migrate()).rejects.toMatchObject({
        code: 'BOOTSTRAP_MIGRATION_FAILED',
        details: { earlier: { migrations: [{ database: 'd', applied: ['1'], pending: ['2'] }] } },
      });
      server?.close();
      const idle = await lambda(stopped([], ['1']));
      await expect(idle.client.apply()).rejects.toMatchObject({
        code: 'BOOTSTRAP_INCOMPLETE',
        kind: 'timeout',
      });
      expect(idle.calls).toHaveLength(1);
    });
  });
});
