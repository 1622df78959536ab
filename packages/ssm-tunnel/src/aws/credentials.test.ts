import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  type FakeAnswer,
  type FakeApi,
  type FakeCall,
  startedSession,
  startFakeApi,
} from '../../test/aws-fake-api.ts';
import type { TunnelCredentials } from '../options.ts';
import { createSessionApi, type SessionApi } from './session-api.ts';

const never = new AbortController().signal;

interface Setup extends AsyncDisposable {
  api: SessionApi;
  fake: FakeApi;
  /** Access keys that API calls were signed with. */
  keys(): string[];
}

async function setUp(
  credentials: TunnelCredentials | undefined,
  answer?: (call: FakeCall) => FakeAnswer,
  tags?: Record<string, string>,
): Promise<Setup> {
  const fake = await startFakeApi((call, port) => answer?.(call) ?? startedSession(port));
  const api = await createSessionApi({
    candidates: ['i-0a1b2c3d4e5f60718'],
    tags,
    documentName: 'AWS-StartPortForwardingSession',
    parameters: {},
    reason: 'tests',
    streamEndpoint: undefined,
    region: 'eu-west-2',
    endpoint: fake.endpoint,
    useFipsEndpoint: undefined,
    proxy: undefined,
    credentials,
    connectTimeoutMs: 5_000,
  });
  return {
    api,
    fake,
    keys: () => fake.calls.map(({ headers }) => keyOf(headers.authorization)),
    async [Symbol.asyncDispose]() {
      api.destroy();
      await fake[Symbol.asyncDispose]();
    },
  };
}

function keyOf(authorization: string | undefined): string {
  return /Credential=([^/]+)/.exec(authorization ?? '')?.[1] ?? 'none';
}

const keys = (accessKeyId: string, expiration?: Date) => ({
  accessKeyId,
  secretAccessKey: 'top-secret',
  ...(expiration === undefined ? {} : { expiration }),
});
const inOneHour = () => new Date(Date.now() + 3_600_000);

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('credentials that were rotated', () => {
  it.each<[string, () => Date | undefined]>([
    ['without an expiry, which the SDK keeps for ever', () => undefined],
    ['long before their expiry', inOneHour],
    ['after their expiry', () => new Date(0)],
  ])('are used by the next resume and its upgrade (%s)', async (_, expiration) => {
    let current = 'AKIDFIRST';
    await using setup = await setUp(async () => keys(current, expiration()));
    const { streamUrl } = await setup.api.start('i-0a1b2c3d4e5f60718', never);
    await setup.api.upgrade(streamUrl);
    current = 'AKIDSECOND';
    await setup.api.resume('s-1', never);
    const { headers } = await setup.api.upgrade(streamUrl);
    expect([...setup.keys(), keyOf(headers['authorization'])]).toEqual([
      'AKIDFIRST',
      'AKIDSECOND',
      'AKIDSECOND',
    ]);
    current = 'AKIDTHIRD';
    const again = await setup.api.upgrade(streamUrl);
    expect(keyOf(again.headers['authorization'])).toBe('AKIDTHIRD');
  });

  it('are read from the shared files again, which the SDK does once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'postern-credentials-'));
    const file = join(folder, 'credentials');
    const write = (key: string) =>
      writeFile(file, `[default]\naws_access_key_id = ${key}\naws_secret_access_key = top-secret\n`);
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE'])
      vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file);
    vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'));
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    try {
      await write('AKIDFIRST');
      await using setup = await setUp(undefined);
      await setup.api.start('i-0a1b2c3d4e5f60718', never);
      await write('AKIDSECOND');
      await setup.api.resume('s-1', never);
      expect(setup.keys()).toEqual(['AKIDFIRST', 'AKIDSECOND']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('are read from the environment again', async () => {
    vi.stubEnv('AWS_PROFILE', undefined);
    vi.stubEnv('AWS_SESSION_TOKEN', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'top-secret');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDFIRST');
    await using setup = await setUp(undefined);
    await setup.api.resume('s-1', never);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDSECOND');
    await setup.api.resume('s-1', never);
    expect(setup.keys()).toEqual(['AKIDFIRST', 'AKIDSECOND']);
  });
});

describe('old credentials', () => {
  const expired: FakeAnswer = { __type: 'ExpiredTokenException', message: 'The security token is expired' };
  const onlyNew = ({ headers }: FakeCall): FakeAnswer =>
    keyOf(headers.authorization) === 'AKIDFIRST' ? expired : undefined;

  it('do not keep a session from being ended', async () => {
    let current = 'AKIDFIRST';
    await using setup = await setUp(async () => keys(current), onlyNew);
    await expect(setup.api.start('i-1', never)).rejects.toMatchObject({
      code: 'SSM_CREDENTIALS_UNAVAILABLE',
    });
    current = 'AKIDSECOND';
    await setup.api.terminate('s-1', never);
    expect(setup.keys()).toEqual(['AKIDFIRST', 'AKIDFIRST', 'AKIDSECOND']);
  });

  it('do not keep nodes from being found', async () => {
    let current = 'AKIDFIRST';
    const nodes = { InstanceInformationList: [{ InstanceId: 'i-1', PingStatus: 'Online' }] };
    await using setup = await setUp(
      async () => keys(current),
      (call) => onlyNew(call) ?? nodes,
      { Role: 'x' },
    );
    await expect(setup.api.targets(never)).rejects.toMatchObject({ code: 'SSM_CREDENTIALS_UNAVAILABLE' });
    current = 'AKIDSECOND';
    expect(await setup.api.targets(never)).toEqual(['i-1']);
  });
});

describe('a provider', () => {
  it('is asked once for an API call and the upgrade that follows it', async () => {
    const provider = vi.fn(async () => keys('AKIDFIRST'));
    await using setup = await setUp(provider);
    await setup.api.upgrade((await setup.api.start('i-0a1b2c3d4e5f60718', never)).streamUrl);
    expect(provider).toHaveBeenCalledTimes(1);
    await setup.api.upgrade((await setup.api.resume('s-1', never))?.streamUrl ?? '');
    expect(provider).toHaveBeenCalledTimes(2);
  });

  it('that fails for a while does not end a tunnel whose credentials are good still', async () => {
    const provider = vi.fn(async () => keys('AKIDFIRST', inOneHour()));
    await using setup = await setUp(provider);
    await setup.api.start('i-0a1b2c3d4e5f60718', never);
    provider.mockRejectedValue(Object.assign(new Error('signed out'), { name: 'CredentialsProviderError' }));
    expect(await setup.api.resume('s-1', never)).toMatchObject({ sessionId: 's-1' });
  });

  it('that never had any is named as such', async () => {
    await using setup = await setUp(() =>
      Promise.reject(Object.assign(new Error('signed out'), { name: 'CredentialsProviderError' })),
    );
    await expect(setup.api.resume('s-1', never)).rejects.toMatchObject({
      code: 'SSM_CREDENTIALS_UNAVAILABLE',
      message: expect.stringContaining('signed out'),
    });
  });

  it('is asked again after AWS said that its credentials have expired', async () => {
    let current = 'AKIDFIRST';
    let answer: FakeAnswer = { __type: 'ExpiredTokenException', message: 'The security token is expired' };
    await using setup = await setUp(
      async () => keys(current, inOneHour()),
      () => answer,
    );
    await expect(setup.api.resume('s-1', never)).rejects.toMatchObject({
      code: 'SSM_CREDENTIALS_UNAVAILABLE',
    });
    current = 'AKIDSECOND';
    answer = undefined;
    await setup.api.resume('s-1', never);
    expect(setup.keys()).toEqual(['AKIDFIRST', 'AKIDSECOND']);
  });
});
