import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import {
  type FakeAnswer,
  type FakeApi,
  type FakeCall,
  startedSession,
  startFakeApi,
} from '../../test/aws-fake-api.ts';
import type { TunnelErrorCode } from '../errors.ts';
import { createSessionApi, type SessionApi, type SessionApiSettings } from './session-api.ts';

const never = new AbortController().signal;
const settings: SessionApiSettings = {
  candidates: ['i-0a1b2c3d4e5f60718'],
  tags: undefined,
  documentName: 'AWS-StartPortForwardingSession',
  parameters: { portNumber: ['5432'] },
  reason: 'tests',
  streamEndpoint: undefined,
  region: 'eu-west-2',
  endpoint: undefined,
  useFipsEndpoint: undefined,
  proxy: undefined,
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'top-secret', sessionToken: 'secret-session' },
  connectTimeoutMs: 5_000,
};

interface Setup extends AsyncDisposable {
  api: SessionApi;
  fake: FakeApi;
}

async function setUp(
  answer: (call: FakeCall, port: number) => FakeAnswer,
  change: Partial<SessionApiSettings> = {},
): Promise<Setup> {
  const fake = await startFakeApi(answer);
  const api = await createSessionApi({ ...settings, endpoint: fake.endpoint, ...change });
  return {
    api,
    fake,
    async [Symbol.asyncDispose]() {
      api.destroy();
      await fake[Symbol.asyncDispose]();
    },
  };
}

const failing =
  (name: string, message = 'because') =>
  () => ({ __type: name, message });
const ok = (_: FakeCall, port: number): FakeAnswer => startedSession(port);

describe('a session', () => {
  it('is started on the node that is asked for, with the reason and a mark of this process', async () => {
    await using setup = await setUp(ok);
    expect(await setup.api.start('mi-0123456789abcdef0', never)).toEqual({
      sessionId: 's-1',
      tokenValue: 'secret-token',
      streamUrl: startedSession(setup.fake.port)['StreamUrl'],
    });
    expect(setup.fake.calls[0]?.body).toEqual({
      Target: 'mi-0123456789abcdef0',
      DocumentName: 'AWS-StartPortForwardingSession',
      Parameters: { portNumber: ['5432'] },
      Reason: expect.stringMatching(new RegExp(`^tests \\[postern [0-9a-f]{12} ${process.pid} \\d+\\]$`)),
    });
  });

  it('is resumed with a new token', async () => {
    await using setup = await setUp(ok);
    expect(await setup.api.resume('s-1', never)).toMatchObject({
      sessionId: 's-1',
      tokenValue: 'secret-token',
    });
    expect(setup.fake.calls).toMatchObject([{ operation: 'ResumeSession', body: { SessionId: 's-1' } }]);
  });

  it.each<[string, FakeAnswer]>([
    ['the answer has no token', { SessionId: 's-1' }],
    ['there is no such session', { __type: 'DoesNotExistException', message: 'gone' }],
    ['it was terminated', { __type: 'ValidationException', message: 'Session is already terminated' }],
    ['it is in no state for it', { __type: 'BadRequest', message: 'Session is not in a valid state' }],
  ])('counts as over when %s', async (_, answer) => {
    await using setup = await setUp(() => answer);
    expect(await setup.api.resume('s-1', never)).toBeUndefined();
  });

  it.each(['ValidationException', 'DoesNotExistException'])(
    'that is over is terminated well (%s)',
    async (name) => {
      await using setup = await setUp(failing(name));
      await setup.api.terminate('s-1', never);
      expect(setup.fake.calls).toHaveLength(1);
    },
  );
});

describe('an API error', () => {
  it.each<[string, TunnelErrorCode]>([
    ['ExpiredTokenException', 'SSM_CREDENTIALS_UNAVAILABLE'],
    ['UnrecognizedClientException', 'SSM_CREDENTIALS_UNAVAILABLE'],
    ['AccessDeniedException', 'SSM_ACCESS_DENIED'],
    ['ValidationException', 'SSM_REQUEST_REFUSED'],
    ['SomethingNew', 'SSM_API_FAILED'],
  ])('of ResumeSession is told from the end of the session (%s)', async (name, code) => {
    await using setup = await setUp(failing(name));
    await expect(setup.api.resume('s-1', never)).rejects.toMatchObject({
      name: 'TunnelError',
      code,
      message: expect.stringMatching(/^ResumeSession for s-1 failed.*because$/),
    });
  });

  it('names the permission that is missing', async () => {
    await using setup = await setUp(failing('AccessDeniedException'), { tags: { Role: 'bastion' } });
    const denied = (action: string) => ({
      code: 'SSM_ACCESS_DENIED',
      kind: 'denied',
      hint: expect.stringContaining(action),
    });
    await expect(setup.api.start('i-1', never)).rejects.toMatchObject(denied('ssm:StartSession'));
    await expect(setup.api.resume('s-1', never)).rejects.toMatchObject(denied('ssm:ResumeSession'));
    await expect(setup.api.terminate('s-1', never)).rejects.toMatchObject(denied('ssm:TerminateSession'));
    await expect(setup.api.targets(never)).rejects.toMatchObject(denied('ssm:DescribeInstanceInformation'));
  });

  it('says what to do when the environment contradicts itself', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_SSM', 'https://ssm.example.test');
    vi.stubEnv('AWS_USE_FIPS_ENDPOINT', 'true');
    const api = await createSessionApi(settings);
    try {
      await expect(api.resume('s-1', never)).rejects.toMatchObject({
        code: 'SSM_OPTIONS_INVALID',
        hint: expect.stringContaining('AWS_USE_FIPS_ENDPOINT'),
      });
    } finally {
      api.destroy();
      vi.unstubAllEnvs();
    }
  });

  it('holds no secret, neither in the message nor anywhere below', async () => {
    await using setup = await setUp(failing('AccessDeniedException'));
    const error = await setup.api.resume('s-1', never).catch((caught: unknown) => caught);
    expect(inspect(error, { depth: 20 })).not.toMatch(/secret|Signature=/);
  });
});

describe('cancelling', () => {
  it.each<[string, (api: SessionApi, signal: AbortSignal) => Promise<unknown>]>([
    ['resume', (api, signal) => api.resume('s-1', signal)],
    ['terminate', (api, signal) => api.terminate('s-1', signal)],
    ['targets', (api, signal) => api.targets(signal)],
    ['start', (api, signal) => api.start('i-1', signal)],
  ])('ends %s with the caller’s own reason, although nobody answers', async (_, call) => {
    const reason = new Error('enough');
    const controller = new AbortController();
    await using setup = await setUp(
      () => {
        controller.abort(reason);
        return undefined;
      },
      { tags: { Role: 'bastion' } },
    );
    await expect(call(setup.api, controller.signal)).rejects.toBe(reason);
    await expect(call(setup.api, controller.signal)).rejects.toBe(reason);
    expect(setup.fake.calls).toHaveLength(1);
  });

  it('does not wait for credentials that do not come', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const credentials = () => {
      controller.abort(reason);
      return new Promise<never>(() => {});
    };
    await using setup = await setUp(ok, { credentials });
    await expect(setup.api.resume('s-1', controller.signal)).rejects.toBe(reason);
  });

  it('still hands over a session that was started', async () => {
    const controller = new AbortController();
    await using setup = await setUp((_, port) => {
      controller.abort();
      return startedSession(port);
    });
    expect(await setup.api.start('i-1', controller.signal)).toMatchObject({ sessionId: 's-1' });
  });
});

describe('nodes by tag', () => {
  const node = (id: string, ping: string, seconds: number) => ({
    InstanceId: id,
    PingStatus: ping,
    LastPingDateTime: seconds,
  });

  it('are those that are online, the last seen first, over all pages', async () => {
    const pages: Record<string, object> = {
      '': {
        InstanceInformationList: [node('i-old', 'Online', 100), node('i-off', 'ConnectionLost', 900)],
        NextToken: 'a',
      },
      a: { InstanceInformationList: [], NextToken: 'b' },
      b: { InstanceInformationList: [node('mi-new', 'Online', 300), node('i-mid', 'Online', 200)] },
    };
    await using setup = await setUp(({ body }) => pages[String(body['NextToken'] ?? '')], {
      tags: { Role: 'bastion', Stage: 'dev' },
    });
    expect(await setup.api.targets(never)).toEqual(['mi-new', 'i-mid', 'i-old']);
    expect(setup.fake.calls.map(({ body }) => body)).toEqual(
      [{}, { NextToken: 'a' }, { NextToken: 'b' }].map((token) => ({
        Filters: [
          { Key: 'tag:Role', Values: ['bastion'] },
          { Key: 'tag:Stage', Values: ['dev'] },
        ],
        MaxResults: 50,
        ...token,
      })),
    );
  });

  it('are looked up anew each time', async () => {
    let id = 'i-1';
    await using setup = await setUp(() => ({ InstanceInformationList: [node(id, 'Online', 1)] }), {
      tags: { Role: 'bastion' },
    });
    expect(await setup.api.targets(never)).toEqual(['i-1']);
    id = 'i-2';
    expect(await setup.api.targets(never)).toEqual(['i-2']);
  });

  it('do not hang on an API that always says there is more', async () => {
    await using setup = await setUp(
      () => ({ InstanceInformationList: [node('i-1', 'Online', 1)], NextToken: 'same' }),
      { tags: { Role: 'bastion' } },
    );
    expect(await setup.api.targets(never)).toContain('i-1');
  });

  it.each<[string, object[], RegExp]>([
    ['does not exist', [], /^No managed node has all of the tags Role=bastion, Stage=dev\.$/],
    ['is off', [node('i-1', 'ConnectionLost', 1)], /is online \(i-1: ConnectionLost\)\.$/],
  ])('tell a node that %s', async (_, nodes, message) => {
    await using setup = await setUp(() => ({ InstanceInformationList: nodes }), {
      tags: { Role: 'bastion', Stage: 'dev' },
    });
    await expect(setup.api.targets(never)).rejects.toMatchObject({
      code: 'SSM_TARGET_NOT_FOUND',
      kind: 'not-found',
      message: expect.stringMatching(message),
    });
  });

  it('are not needed when nodes are named', async () => {
    await using setup = await setUp(ok);
    expect(await setup.api.targets(never)).toEqual(settings.candidates);
    expect(setup.fake.calls).toEqual([]);
  });
});

describe('an upgrade', () => {
  it('goes where the service said, with path and query as they were', async () => {
    await using setup = await setUp(ok);
    const { streamUrl } = await setup.api.start('i-1', never);
    const { url, headers, agent } = await setup.api.upgrade(streamUrl);
    expect([url, agent]).toEqual([streamUrl, undefined]);
    expect(headers['authorization']).toMatch(/\/eu-west-2\/ssmmessages\/aws4_request, SignedHeaders=host;/);
  });

  it('goes to the stream endpoint instead, and is signed for that host', async () => {
    const streamEndpoint = 'wss://vpce-1.ssmmessages.eu-west-2.vpce.amazonaws.com:8443';
    const streamUrl =
      'wss://ssmmessages.eu-west-2.amazonaws.com/v1/data-channel/s-1?role=x&cell-number=A+b/=';
    await using setup = await setUp(ok, { streamEndpoint });
    await using plain = await setUp(ok);
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const given = await setup.api.upgrade(streamUrl);
      expect(given.url).toBe(`${streamEndpoint}/v1/data-channel/s-1?role=x&cell-number=A+b/=`);
      const direct = await plain.api.upgrade(given.url);
      expect(given.headers).toEqual(direct.headers);
      expect(given.headers).not.toEqual((await plain.api.upgrade(streamUrl)).headers);
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([
    ['ws://ssmmessages.example.com/secret', undefined],
    ['wss://example.com/', 'ws://ssmmessages.example.com'],
    ['secret', 'wss://example.com'],
  ])('of %s by way of %s is refused: the token must not leave in the clear', async (url, streamEndpoint) => {
    await using setup = await setUp(ok, { streamEndpoint });
    const error = await setup.api.upgrade(url).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'SSM_STREAM_URL_REFUSED' });
    expect(String(error)).not.toContain('secret');
  });

  it('is signed with the clock of AWS when that of this machine is wrong', async () => {
    const date = () => new Date(Date.now() + 3_600_000);
    await using fake = await startFakeApi(ok, { date });
    const api = await createSessionApi({ ...settings, endpoint: fake.endpoint });
    const { streamUrl } = await api.start('i-1', never);
    const { headers } = await api.upgrade(streamUrl);
    api.destroy();
    const hour = date().toISOString().replace(/\D/g, '').slice(0, 10);
    const next = new Date(date().getTime() + 60_000).toISOString().replace(/\D/g, '').slice(0, 10);
    expect([`${hour.slice(0, 8)}T${hour.slice(8)}`, `${next.slice(0, 8)}T${next.slice(8)}`]).toContain(
      headers['x-amz-date']?.slice(0, 11),
    );
  });
});

it('takes no FIPS endpoint beside an endpoint', async () => {
  await expect(
    createSessionApi({ ...settings, endpoint: 'https://vpce.example.test', useFipsEndpoint: true }),
  ).rejects.toMatchObject({
    code: 'SSM_OPTIONS_INVALID',
    problems: [expect.stringMatching(/^useFipsEndpoint:/)],
  });
});
