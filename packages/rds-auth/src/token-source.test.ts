import { describe, expect, it, vi } from 'vitest';
import { type AwsCredentials, createTokenSource, type TokenSourceOptions } from './token-source.ts';

const endpoint = 'app.cluster-c0example.eu-west-2.rds.amazonaws.com';
const minute = 60_000;
const start = Date.parse('2026-11-22T10:00:00Z');

const keys = (id: string, expiresAt?: number): AwsCredentials => ({
  accessKeyId: id,
  secretAccessKey: 'not-a-real-key',
  ...(expiresAt === undefined ? {} : { sessionToken: `session-${id}`, expiration: new Date(expiresAt) }),
});

const source = (over: Partial<TokenSourceOptions> = {}) =>
  createTokenSource({
    hostname: endpoint,
    port: 5432,
    username: 'ledger_app',
    region: 'eu-west-2',
    credentials: keys('AKIDSTATIC'),
    ...over,
  });

const signer = (token: string): string | undefined =>
  new URL(`https://${token}`).searchParams.get('X-Amz-Credential')?.split('/')[0];

describe('a token', () => {
  it('is signed for the endpoint, port, region and role that were asked for', async () => {
    const url = new URL(`https://${await source({ username: 'App User+1' }).token()}`);
    expect(url.host).toBe(`${endpoint}:5432`);
    expect(url.searchParams.get('DBUser')).toBe('App User+1');
    expect(url.searchParams.get('X-Amz-Credential')).toMatch(/\/eu-west-2\/rds-db\/aws4_request$/);
    expect(url.searchParams.get('X-Amz-Expires')).toBe('900');
  });

  it('is reused for some minutes and then renewed, so that RDS sees few signatures and no stale one', async () => {
    let now = start;
    const credentials = vi.fn(async () => keys('AKIDPROVIDED'));
    const tokens = source({ credentials, now: () => now });
    await tokens.token();
    now += 5 * minute - 1;
    await tokens.token();
    expect(credentials).toHaveBeenCalledTimes(1);
    now += 1;
    await tokens.token();
    expect(credentials).toHaveBeenCalledTimes(2);
  });

  it('is made once for callers who arrive together', async () => {
    const credentials = vi.fn(async () => keys('AKIDPROVIDED'));
    const tokens = source({ credentials });
    const all = await Promise.all(Array.from({ length: 20 }, () => tokens.token()));
    expect(new Set(all).size).toBe(1);
    expect(credentials).toHaveBeenCalledTimes(1);
  });

  it('is made anew on demand', async () => {
    const credentials = vi.fn(async () => keys('AKIDPROVIDED'));
    const tokens = source({ credentials });
    await tokens.token();
    await tokens.token({ forceRefresh: true });
    expect(credentials).toHaveBeenCalledTimes(2);
  });

  it('is not handed out once the clock has gone backwards past its signing', async () => {
    let now = start;
    const credentials = vi.fn(async () => keys('AKIDPROVIDED'));
    const tokens = source({ credentials, now: () => now });
    await tokens.token();
    now -= 10 * minute;
    await tokens.token();
    expect(credentials).toHaveBeenCalledTimes(2);
  });
});

describe('credentials that end', () => {
  it('end the token with them, although it is younger than its cache time', async () => {
    let now = start;
    let issued = 0;
    const credentials = async () => keys(`AKID${++issued}`, start + (issued <= 2 ? 3 : 60) * minute);
    const tokens = source({ credentials, now: () => now });
    await tokens.token();
    now += 2.5 * minute; // 30 s of life left: too little for a connection to a cluster that wakes up
    expect(signer(await tokens.token())).toBe('AKID3');
  });

  it('are renewed before signing when they are about to end', async () => {
    const asked: unknown[] = [];
    const credentials = async (options?: { forceRefresh?: boolean }) => {
      asked.push(options?.forceRefresh ?? false);
      return options?.forceRefresh === true
        ? keys('AKIDNEW', start + 60 * minute)
        : keys('AKIDOLD', start + minute);
    };
    expect(signer(await source({ credentials, now: () => start }).token())).toBe('AKIDNEW');
    expect(asked).toEqual([false, true]);
  });

  it('do not make a provider that has nothing better run on every call', async () => {
    const forced = vi.fn();
    const credentials = async (options?: { forceRefresh?: boolean }) => {
      if (options?.forceRefresh === true) forced();
      return keys('AKIDSHORT', start + 30_000);
    };
    const tokens = source({ credentials, now: () => start });
    for (let call = 0; call < 5; call += 1) await tokens.token();
    expect(forced).toHaveBeenCalledTimes(1);
  });

  it('are used while they last when renewing fails', async () => {
    const credentials = async (options?: { forceRefresh?: boolean }) => {
      if (options?.forceRefresh === true) throw new Error('identity provider is down');
      return keys('AKIDSHORT', start + 2 * minute);
    };
    expect(signer(await source({ credentials, now: () => start }).token())).toBe('AKIDSHORT');
  });

  it('are named when they have ended, instead of a token that the server refuses without a reason', async () => {
    const tokens = source({ credentials: keys('AKIDDEAD', start - 1), now: () => start });
    await expect(tokens.token()).rejects.toMatchObject({
      code: 'RDS_CREDENTIALS_EXPIRED',
      kind: 'denied',
      hint: expect.stringContaining('sso login'),
    });
  });
});

describe('a failure', () => {
  it('of the provider is typed, keeps its cause, and the next call tries again', async () => {
    let broken = true;
    const credentials = async () => {
      if (broken) throw new Error('Could not load credentials from any providers');
      return keys('AKIDPROVIDED');
    };
    const tokens = source({ credentials });
    await expect(tokens.token()).rejects.toMatchObject({
      name: 'RdsAuthError',
      code: 'RDS_CREDENTIALS_UNAVAILABLE',
      cause: expect.objectContaining({ message: expect.stringContaining('Could not load') }),
    });
    broken = false;
    await expect(tokens.token()).resolves.toContain('AKIDPROVIDED');
  });

  it('names every wrong option at once', () => {
    expect(() => source({ hostname: '127.0.0.1', port: 0, username: 'x'.repeat(64), region: '' })).toThrow(
      /127\.0\.0\.1.*port.*63 bytes.*region/,
    );
  });

  it('never prints the secret key or the token', async () => {
    const tokens = source();
    const token = await tokens.token();
    const printed = JSON.stringify(tokens) + Object.keys(tokens).join();
    expect(printed).not.toContain('not-a-real-key');
    expect(printed).not.toContain(token);
  });

  it('to wait any longer leaves the signing to those who still wait', async () => {
    let release: (credentials: AwsCredentials) => void = () => undefined;
    const late = new Promise<AwsCredentials>((resolve) => {
      release = resolve;
    });
    const tokens = source({ credentials: () => late });
    const patient = tokens.token();
    const controller = new AbortController();
    const hasty = tokens.token({ signal: controller.signal });
    const reason = new Error('gave up');
    controller.abort(reason);
    await expect(hasty).rejects.toBe(reason);
    release(keys('AKIDLATE'));
    await expect(patient).resolves.toContain('AKIDLATE');
  });
});
