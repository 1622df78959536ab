import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Response } from '../contract/response.ts';
import { handleCloudFormation, type Send } from './cloudformation.ts';

const url =
  'https://cloudformation-custom-resource-response-euwest2.s3.eu-west-2.amazonaws.com/arn%3Aaws/x?X-Amz-Signature=hunter2';
const event = {
  RequestType: 'Create',
  ResponseURL: url,
  StackId: 'arn:aws:cloudformation:eu-west-2:123456789012:stack/s/guid',
  RequestId: 'b9a8f3c0-0000-4000-8000-000000000000',
  ResourceType: 'Custom::Postern',
  LogicalResourceId: 'Database',
  ResourceProperties: { ServiceToken: 'arn:aws:lambda:…', databases: ['shop'] },
};
const applied: Response = {
  ok: true,
  result: {
    statements: [{ group: 'g', database: 'd', sql: 's', why: 'w', durationMs: 1 }],
    migrations: [{ database: 'shop', applied: ['1', '2'] }],
    done: true,
    manifest: 'm',
  },
};

interface Told {
  readonly requests: unknown[];
  readonly answers: { Status: string; Reason?: string; PhysicalResourceId: string; Data?: unknown }[];
  readonly sent: { url: string; headers: Record<string, string>; body: string }[];
}

/** Handles one event; `statuses` are those that S3 answers, in turn. */
async function handle(
  of: object,
  options: {
    response?: Response | Promise<Response>;
    statuses?: (number | Error)[];
    remainingMs?: number;
    onSend?: () => void;
  } = {},
): Promise<Told> {
  const told: Told = { requests: [], answers: [], sent: [] };
  const { response = applied, statuses = [200], remainingMs = 300_000 } = options;
  const send: Send = async (to, { headers, body }) => {
    told.sent.push({ url: to, headers, body });
    options.onSend?.();
    const status = statuses[Math.min(told.sent.length, statuses.length) - 1] ?? 200;
    if (status instanceof Error) throw status;
    if (status === 200) told.answers.push(JSON.parse(body));
    return { status };
  };
  const run = async (request: unknown): Promise<Response> => {
    told.requests.push(request);
    return await response;
  };
  await handleCloudFormation(of as typeof event, {
    run,
    send,
    remainingMs: () => remainingMs,
    logSql: 'masked',
  }).catch((error: unknown) => {
    throw Object.assign(error as Error, { told });
  });
  return told;
}

describe('a custom resource of CloudFormation', () => {
  test('that is created applies, and answers what the stack may use', async () => {
    const { requests, answers, sent } = await handle(event);
    expect(requests).toEqual([{ action: 'apply', databases: ['shop'] }]);
    expect(answers).toEqual([
      {
        Status: 'SUCCESS',
        PhysicalResourceId: expect.stringMatching(/^postern-bootstrap-[0-9a-f]{16}$/),
        StackId: event.StackId,
        RequestId: event.RequestId,
        LogicalResourceId: 'Database',
        Data: { statements: '1', migrations: '2', manifest: 'm' },
      },
    ]);
    expect(sent).toMatchObject([{ url, headers: { 'content-type': '' } }]);
  });

  test('keeps its physical id, whatever happens: another one would make CloudFormation delete the resource', async () => {
    const [created] = (await handle(event)).answers;
    expect((await handle(event)).answers[0]?.PhysicalResourceId).toBe(created?.PhysicalResourceId);
    const failed: Response = {
      ok: false,
      error: { code: 'BOOTSTRAP_BUSY', kind: 'unavailable', message: 'm' },
    };
    expect((await handle(event, { response: failed })).answers[0]).toMatchObject({
      Status: 'FAILED',
      PhysicalResourceId: created?.PhysicalResourceId,
    });
    const update = {
      ...event,
      RequestType: 'Update',
      PhysicalResourceId: 'as-it-was',
      OldResourceProperties: {},
    };
    expect((await handle(update)).answers[0]).toMatchObject({ PhysicalResourceId: 'as-it-was' });
  });

  test('that is deleted deletes nothing, also when its properties are none of ours', async () => {
    const { requests, answers } = await handle({
      ...event,
      RequestType: 'Delete',
      PhysicalResourceId: 'as-it-was',
      ResourceProperties: { action: 'prune', nonsense: {} },
    });
    expect(requests).toEqual([]);
    expect(answers).toMatchObject([{ Status: 'SUCCESS', PhysicalResourceId: 'as-it-was' }]);
  });

  test('reads numbers and booleans from text, strictly, and passes on what it does not know for refusal', async () => {
    const requestOf = async (ResourceProperties: unknown): Promise<unknown> =>
      (await handle({ ...event, ResourceProperties })).requests[0];
    expect(
      await requestOf({
        ServiceToken: 'x',
        ServiceTimeout: '60',
        trigger: 'v1',
        action: 'migrate',
        dryRun: 'true',
      }),
    ).toEqual({ action: 'migrate', dryRun: true });
    expect(await requestOf({ action: 'down', database: 'shop', count: '2', dryRun: 'false' })).toEqual({
      action: 'down',
      database: 'shop',
      count: 2,
      dryRun: false,
    });
    expect(await requestOf({ dryRun: 'TRUE', count: '1e3', sql: 'x', trigger: { a: 1 } })).toEqual({
      action: 'apply',
      dryRun: 'TRUE',
      count: '1e3',
      sql: 'x',
      trigger: { a: 1 },
    });
    expect(await requestOf('text')).toBe('text');
  });

  test('is told of a failure and of a run that stopped in time, with the next step', async () => {
    const failed: Response = {
      ok: false,
      error: { code: 'BOOTSTRAP_BUSY', kind: 'unavailable', message: 'another apply', hint: 'Wait.' },
    };
    expect((await handle(event, { response: failed })).answers).toMatchObject([
      { Status: 'FAILED', Reason: 'BOOTSTRAP_BUSY: another apply\nWait.' },
    ]);
    const stopped: Response = {
      ok: true,
      result: {
        migrations: [{ database: 'd', applied: ['1'], pending: ['2', '3'] }],
        done: false,
        dryRun: false,
      },
    };
    expect((await handle(event, { response: stopped })).answers).toMatchObject([
      { Status: 'FAILED', Reason: expect.stringMatching(/^BOOTSTRAP_INCOMPLETE: .*2 migrations/) },
    ]);
  });

  test('gets its answer before the time is up, not never', async () => {
    let finish: (response: Response) => void = () => undefined;
    const response = new Promise<Response>((resolve) => {
      finish = resolve;
    });
    // What is at work ends only after the answer has gone out, and is waited for.
    const handling = handle(event, { response, remainingMs: 100, onSend: () => finish(applied) });
    expect((await handling).answers).toMatchObject([
      { Status: 'FAILED', Reason: expect.stringContaining('BOOTSTRAP_INCOMPLETE') },
    ]);
  });

  test('is answered again while S3 is not well; what it refuses is thrown, without the signed address', async () => {
    const reset = Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNRESET' } });
    expect((await handle(event, { statuses: [503, reset, 200] })).sent).toHaveLength(3);
    const error = await handle(event, { statuses: [403] }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'BOOTSTRAP_CALLBACK_FAILED',
      kind: 'unavailable',
      message: expect.stringContaining('status 403'),
      told: { sent: [{}] },
    });
    const { told: _told, ...shown } = error as Error & { told: Told };
    expect(JSON.stringify([shown, String(error), (error as Error).stack])).not.toMatch(/hunter2|Signature/);
  });

  test.each([
    'http://cloudformation-custom-resource-response-euwest2.s3.eu-west-2.amazonaws.com/x',
    'https://example.org/x',
    'https://evil.s3.amazonaws.com/cloudformation-custom-resource-x',
    'https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com.example.org/x',
    'https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com:8443/x',
    'https://user@cloudformation-custom-resource-response-useast1.s3.amazonaws.com/x',
    'https://cloudformation-custom-resource-evil.s3.eu-west-2.amazonaws.com/x',
    'https://cloudformation-custom-resource-response-my-evil.s3.eu-west-2.amazonaws.com/x',
    'https://s3.eu-west-2.amazonaws.com/cloudformation-custom-resource-evil/x',
    'https://s3.eu-west-2.amazonaws.com/cloudformation-custom-resource-response-my-evil/x',
    'https://cloudformation-custom-resource-evil-123456789012.s3-accesspoint.eu-west-2.amazonaws.com/x',
    'https://cloudformation-custom-resource-response-evil.s3-accesspoint.eu-west-2.amazonaws.com/x',
    'https://cloudformation-custom-resource-response-evil.s3-website-eu-west-2.amazonaws.com/x',
    'https://169.254.169.254/latest/meta-data',
    'https://s3.amazonaws.com/mine/x',
    'file:///etc/passwd',
    'nonsense',
  ])('has nothing to say to %s', async (ResponseURL) => {
    const error = await handle({ ...event, ResponseURL }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'BOOTSTRAP_REQUEST_INVALID',
      told: { sent: [], requests: [] },
    });
  });

  test.each([
    'https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/x?y=z',
    'https://cloudformation-custom-resource-response-cnnorth1.s3.cn-north-1.amazonaws.com.cn/x',
    'https://cloudformation-custom-resource-response-euscdeeast1.s3.eusc-de-east-1.amazonaws.eu/x',
    'https://cloudformation-custom-resource-response-usgovwest1.s3.us-gov-west-1.amazonaws.com/x',
    'https://cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com/x',
    'https://s3-us-west-2.amazonaws.com/cloudformation-custom-resource-response-uswest2/x',
    'https://cloudformation-custom-resource-response-useast1.s3.dualstack.us-east-1.amazonaws.com/x',
  ])('answers to %s', async (ResponseURL) => {
    expect((await handle({ ...event, ResponseURL })).sent[0]?.url).toBe(ResponseURL);
  });

  test('never gets more than 4096 bytes, and always what it needs', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', maxLength: 9000, size: 'max' }),
        fc.string({ unit: 'grapheme', maxLength: 200 }),
        async (message, hint) => {
          const response: Response = {
            ok: false,
            error: { code: 'BOOTSTRAP_INTERNAL', kind: 'internal', message, hint },
          };
          const { sent, answers } = await handle(event, { response });
          expect(Buffer.byteLength(sent[0]?.body ?? '')).toBeLessThanOrEqual(4096);
          expect(answers[0]).toMatchObject({ Status: 'FAILED', StackId: event.StackId });
          expect(answers[0]?.Reason).toContain('BOOTSTRAP_INTERNAL');
        },
      ),
      { numRuns: 60 },
    );
  });

  test('is answered as S3 wants it: PUT, an empty content type, a length, no redirect followed', async () => {
    const seen: unknown[] = [];
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        const {
          'content-type': type,
          'content-length': length,
          'transfer-encoding': encoding,
        } = request.headers;
        seen.push([request.method, type, Number(length) > 100, encoding]);
        response.writeHead(seen.length === 1 ? 307 : 200, { location: '/elsewhere' }).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const local = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
    const ports = { run: async () => applied, remainingMs: () => 60_000, logSql: 'masked' } as const;
    expect(await handleCloudFormation(event, { ...ports, send: (_url, init) => fetch(local, init) })).toEqual(
      { status: 'SUCCESS' },
    );
    server.closeAllConnections();
    server.close();
    expect(seen).toEqual([
      ['PUT', '', true, undefined],
      ['PUT', '', true, undefined],
    ]);
  });
});
