import { once } from 'node:events';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type ConnectProxy, startConnectProxy } from '../../test/aws-connect-proxy.ts';
import { startedSession, startFakeApi } from '../../test/aws-fake-api.ts';
import { selfSigned } from '../../test/aws-self-signed.ts';
import { proxyFor } from './proxy.ts';
import { createSessionApi, type SessionApi, type SessionApiSettings, type Upgrade } from './session-api.ts';

const never = new AbortController().signal;
const settings: SessionApiSettings = {
  candidates: ['i-0a1b2c3d4e5f60718'],
  tags: undefined,
  documentName: 'AWS-StartPortForwardingSession',
  parameters: {},
  reason: 'tests',
  streamEndpoint: undefined,
  region: 'eu-west-2',
  endpoint: undefined,
  useFipsEndpoint: undefined,
  proxy: undefined,
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'top-secret' },
  connectTimeoutMs: 5_000,
};

beforeEach(() => {
  for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY']) {
    vi.stubEnv(name, undefined);
    vi.stubEnv(name.toLowerCase(), undefined);
  }
});

afterEach(() => {
  vi.unstubAllEnvs();
});

async function withApi<T>(
  change: Partial<SessionApiSettings>,
  work: (api: SessionApi) => Promise<T>,
): Promise<T> {
  const api = await createSessionApi({ ...settings, ...change });
  try {
    return await work(api);
  } finally {
    api.destroy();
  }
}

/** Sends one message on an upgraded connection and waits for its echo. */
async function echo({ url, headers, agent }: Upgrade, message: string): Promise<string> {
  const socket = new WebSocket(url, { headers, agent });
  await once(socket, 'open');
  socket.send(message);
  const [answer] = await once(socket, 'message');
  socket.terminate();
  return String(answer);
}

describe('the proxy', () => {
  const api = new URL('https://ssm.eu-west-2.amazonaws.com');
  const stream = new URL('wss://ssmmessages.eu-west-2.amazonaws.com/v1/data-channel/s-1');

  it.each(['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'])('of %s is used for both ends', (name) => {
    vi.stubEnv(name, 'http://proxy.example.test:3128');
    expect([proxyFor(api, undefined)?.host, proxyFor(stream, undefined)?.host]).toEqual([
      'proxy.example.test:3128',
      'proxy.example.test:3128',
    ]);
  });

  it.each<[string, boolean]>([
    ['*', false],
    ['.amazonaws.com', false],
    ['ssm.eu-west-2.amazonaws.com,example.com', false],
    ['ssm.eu-west-2.amazonaws.com:443', false],
    ['ssm.eu-west-2.amazonaws.com:8443', true],
    ['amazonaws.com', true],
    ['', true],
  ])('is passed by as NO_PROXY=%s says', (value, proxied) => {
    for (const name of ['NO_PROXY', 'no_proxy']) {
      vi.stubEnv('NO_PROXY', undefined);
      vi.stubEnv(name, value);
      vi.stubEnv('HTTPS_PROXY', 'http://proxy.example.test');
      expect(proxyFor(api, undefined) !== undefined).toBe(proxied);
    }
  });

  it('of the environment is never asked for an address of this machine, nor for plain HTTP', () => {
    for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY'])
      vi.stubEnv(name, 'http://proxy.example.test');
    for (const url of ['http://127.0.0.1:4566', 'ws://localhost', 'https://[::1]', 'http://simulator:4566'])
      expect(proxyFor(new URL(url), undefined)).toBeUndefined();
  });

  it('of the options is used for everything, and false for nothing', () => {
    vi.stubEnv('HTTPS_PROXY', 'http://proxy.example.test');
    vi.stubEnv('NO_PROXY', '*');
    expect(proxyFor(new URL('ws://127.0.0.1'), 'http://own.example.test')?.host).toBe('own.example.test');
    vi.stubEnv('NO_PROXY', '');
    expect(proxyFor(api, false)).toBeUndefined();
  });

  it.each(['socks5://user:secret@proxy.example.test', 'http://['])(
    'of another kind is an error that does not quote it, rather than a way round it (%s)',
    (value) => {
      vi.stubEnv('ALL_PROXY', value);
      const failure = () => proxyFor(api, undefined);
      expect(failure).toThrow(expect.objectContaining({ code: 'SSM_OPTIONS_INVALID' }));
      expect(failure).toThrow(/^((?!secret).)*$/);
    },
  );
});

describe('through a proxy', () => {
  it('a loopback endpoint is reached when the proxy was given, with its credentials', async () => {
    await using fake = await startFakeApi((_, port) => startedSession(port));
    await using proxy = await startConnectProxy();
    const url = proxy.url.replace('//', '//us%65r:p%40ss@');
    await withApi({ endpoint: fake.endpoint, proxy: url }, async (api) => {
      const { streamUrl } = await api.start('i-1', never);
      expect(await echo(await api.upgrade(streamUrl), 'hello')).toBe('hello');
    });
    const authorization = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;
    expect(proxy.asked).toEqual([1, 2].map(() => ({ authority: `127.0.0.1:${fake.port}`, authorization })));
    expect(fake.upgrades).toHaveLength(1);
  });

  it('API and data channel are reached over TLS, by names that only the proxy can resolve', async () => {
    const tls = selfSigned('ssm.example.test');
    const trusted = getCACertificates('default');
    setDefaultCACertificates([...trusted, tls.cert]);
    try {
      await using fake = await startFakeApi(
        () => ({ ...startedSession(1), StreamUrl: 'wss://ssm.example.test/v1/data-channel/s-1' }),
        { tls },
      );
      await using proxy = await startConnectProxy({ port: fake.port });
      vi.stubEnv('HTTPS_PROXY', proxy.url);
      await withApi({ endpoint: 'https://ssm.example.test:8443' }, async (api) => {
        const { streamUrl } = await api.start('i-1', never);
        const upgrade = await api.upgrade(streamUrl);
        const big = 'x'.repeat(200_000);
        expect(await echo(upgrade, big)).toBe(big);
        expect(upgrade.agent).toBeDefined();
      });
      expect(proxy.asked.map(({ authority }) => authority)).toEqual([
        'ssm.example.test:8443',
        'ssm.example.test:443',
      ]);
    } finally {
      setDefaultCACertificates(trusted);
    }
  });

  it('that speaks TLS itself, a server is reached as well', async () => {
    const own = selfSigned('localhost');
    const tls = selfSigned('ssm.example.test');
    const trusted = getCACertificates('default');
    setDefaultCACertificates([...trusted, own.cert, tls.cert]);
    try {
      await using fake = await startFakeApi((_, port) => startedSession(port), { tls });
      await using proxy = await startConnectProxy({ port: fake.port, tls: own });
      const settings = {
        endpoint: 'https://ssm.example.test',
        proxy: `https://user:secret@localhost:${proxy.port}`,
      };
      await withApi(settings, async (api) => {
        await api.start('i-1', never);
        const upgrade = await api.upgrade('wss://ssm.example.test/v1/data-channel/s-1');
        expect(await echo(upgrade, 'hello')).toBe('hello');
      });
      expect(proxy.asked).toHaveLength(2);
    } finally {
      setDefaultCACertificates(trusted);
    }
  });

  it('a server with a certificate for another name is not trusted', async () => {
    const tls = selfSigned('other.example.test');
    const trusted = getCACertificates('default');
    setDefaultCACertificates([...trusted, tls.cert]);
    try {
      await using fake = await startFakeApi(() => startedSession(1), { tls });
      await using proxy = await startConnectProxy({ port: fake.port });
      await withApi({ endpoint: 'https://ssm.example.test', proxy: proxy.url }, async (api) => {
        await expect(api.start('i-1', never)).rejects.toMatchObject({
          code: 'SSM_API_FAILED',
          message: expect.stringContaining('ssm.example.test'),
        });
      });
      expect(fake.calls).toEqual([]);
    } finally {
      setDefaultCACertificates(trusted);
    }
  });

  it('a host that NO_PROXY names is reached directly', async () => {
    await using proxy = await startConnectProxy({ status: 403 });
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    vi.stubEnv('NO_PROXY', 'nowhere.invalid');
    // Where no name server answers, three attempts are waited for.
    await withApi({ endpoint: 'https://nowhere.invalid', connectTimeoutMs: 1_000 }, async (api) => {
      await expect(api.start('i-1', never)).rejects.toMatchObject({ code: 'SSM_API_FAILED' });
      expect((await api.upgrade('wss://nowhere.invalid/')).agent).toBeUndefined();
    });
    expect(proxy.asked).toEqual([]);
  });
});

it('a proxy of a kind that is not known is named by every call', async () => {
  vi.stubEnv('ALL_PROXY', 'socks5://proxy.example.test');
  await withApi({ endpoint: 'https://nowhere.invalid' }, async (api) => {
    const invalid = { code: 'SSM_OPTIONS_INVALID', problems: [expect.stringContaining('ALL_PROXY')] };
    await expect(api.start('i-1', never)).rejects.toMatchObject(invalid);
    await expect(api.upgrade('wss://nowhere.invalid/')).rejects.toMatchObject(invalid);
  });
});

describe('a proxy that does not help', () => {
  const upgradeError = async (api: SessionApi, url: string): Promise<unknown> => {
    const { agent, headers, ...upgrade } = await api.upgrade(url);
    const socket = new WebSocket(upgrade.url, { headers, agent });
    const [error] = await once(socket, 'error');
    return error;
  };

  it.each<[number, string]>([
    [407, 'user and password'],
    [403, 'NO_PROXY'],
  ])('but answers %i is named, and told from a refusal by AWS', async (status, hint) => {
    await using proxy = await startConnectProxy({ status });
    const url = proxy.url.replace('//', '//user:secret@');
    await withApi({ endpoint: 'https://ssm.example.test', proxy: url }, async (api) => {
      const refused = {
        name: 'TunnelError',
        code: 'SSM_PROXY_REFUSED',
        kind: 'denied',
        message: `The proxy ${proxy.url} refused a connection to ssm.example.test:443 with HTTP ${status}.`,
        hint: expect.stringContaining(hint),
      };
      const error = await api.start('i-1', never).catch((caught: unknown) => caught);
      expect(error).toMatchObject(refused);
      const upgrading = await upgradeError(api, 'wss://ssm.example.test/v1/data-channel/s-1');
      expect(upgrading).toMatchObject(refused);
      expect(inspect([error, upgrading], { depth: 20 })).not.toMatch(/secret|dXNlcjpzZWNyZXQ/);
    });
    expect(proxy.asked).toHaveLength(2);
  });

  it.each<[string, (proxy: ConnectProxy) => string, RegExp]>([
    ['cannot reach AWS', (proxy) => proxy.url, /could not reach ssm\.example\.test:443 \(HTTP 502\)/],
    ['is away', () => 'http://user:secret@127.0.0.1:9', /The proxy http:\/\/127\.0\.0\.1:9 failed/],
  ])('because it %s is an API that failed: it may be mended', async (_, urlOf, message) => {
    await using proxy = await startConnectProxy({ status: 502 });
    await withApi({ endpoint: 'https://ssm.example.test', proxy: urlOf(proxy) }, async (api) => {
      const error = await api.start('i-1', never).catch((caught: unknown) => caught);
      expect(error).toMatchObject({
        code: 'SSM_API_FAILED',
        kind: 'unavailable',
        message: expect.stringMatching(message),
      });
      expect(inspect(error, { depth: 20 })).not.toContain('secret');
    });
  });

  it('and stays silent is given up', async () => {
    await using proxy = await startConnectProxy({ status: 0 });
    await withApi(
      { endpoint: 'https://ssm.example.test', proxy: proxy.url, connectTimeoutMs: 50 },
      async (api) => {
        await expect(api.start('i-1', never)).rejects.toMatchObject({ code: 'SSM_API_FAILED' });
        expect(await upgradeError(api, 'wss://ssm.example.test/')).toMatchObject({
          code: 'ETIMEDOUT',
          message: expect.stringContaining('did not answer within 50 ms'),
        });
      },
    );
  });

  it('and stays silent does not keep a connection after the end', async () => {
    await using proxy = await startConnectProxy({ status: 0 });
    await withApi({ endpoint: 'https://ssm.example.test', proxy: proxy.url }, async (api) => {
      const { url, headers, agent } = await api.upgrade('wss://ssm.example.test/');
      const socket = new WebSocket(url, { headers, agent });
      const failed = once(socket, 'error');
      await vi.waitFor(() => expect(proxy.asked).toHaveLength(1), 20_000);
      api.destroy();
      await failed;
    });
  });
});

describe('endpoints', () => {
  const askedFor = async (change: Partial<SessionApiSettings>): Promise<(string | undefined)[]> => {
    await using proxy = await startConnectProxy({ status: 403 });
    await withApi({ ...change, proxy: proxy.url }, async (api) => {
      await expect(api.resume('s-1', never)).rejects.toMatchObject({ code: 'SSM_PROXY_REFUSED' });
    });
    return proxy.asked.map(({ authority }) => authority);
  };

  it('are the public ones by default', async () => {
    expect(await askedFor({})).toEqual(['ssm.eu-west-2.amazonaws.com:443']);
  });

  it('are those for FIPS when asked for, here or in the environment', async () => {
    const fips = ['ssm-fips.us-east-1.amazonaws.com:443'];
    expect(await askedFor({ region: 'us-east-1', useFipsEndpoint: true })).toEqual(fips);
    vi.stubEnv('AWS_USE_FIPS_ENDPOINT', 'true');
    expect(await askedFor({ region: 'us-east-1' })).toEqual(fips);
    expect(await askedFor({ region: 'us-east-1', useFipsEndpoint: false })).toEqual([
      'ssm.us-east-1.amazonaws.com:443',
    ]);
  });

  it('of your own win over what the environment says about all endpoints', async () => {
    vi.stubEnv('AWS_USE_FIPS_ENDPOINT', 'true');
    vi.stubEnv('AWS_USE_DUALSTACK_ENDPOINT', 'true');
    const endpoint = 'https://vpce-1.ssm.eu-west-2.vpce.amazonaws.com';
    expect(await askedFor({ endpoint })).toEqual(['vpce-1.ssm.eu-west-2.vpce.amazonaws.com:443']);
  });
});
