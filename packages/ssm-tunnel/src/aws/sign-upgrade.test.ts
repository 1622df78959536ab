import { createHash, createHmac, hash } from 'node:crypto';
import { expect, it } from 'vitest';
import { signUpgrade, type UpgradeSigner } from './sign-upgrade.ts';

const credentials = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'top-secret',
  sessionToken: 'session-token',
};

/** Web-standard enough for the signer, and visibly not the SDK's. */
class NodeSha256 {
  readonly #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>;
  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', key as Buffer);
  }
  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

const signer = (given: () => Promise<typeof credentials> = async () => credentials): UpgradeSigner => ({
  region: 'eu-west-2',
  credentials: given as unknown as UpgradeSigner['credentials'],
  sha256: NodeSha256 as unknown as UpgradeSigner['sha256'],
  clockOffsetMs: 0,
});

/** SigV4 by the book, without the library: what a server would expect. */
function expectedSignature(
  headers: Readonly<Record<string, string>>,
  canonical: { host: string; path: string; query: string },
): string {
  const date = headers['x-amz-date'] ?? '';
  const scope = `${date.slice(0, 8)}/eu-west-2/ssmmessages/aws4_request`;
  const request = [
    'GET',
    canonical.path,
    canonical.query,
    `host:${canonical.host}`,
    `x-amz-date:${date}`,
    `x-amz-security-token:${credentials.sessionToken}`,
    '',
    'host;x-amz-date;x-amz-security-token',
    hash('sha256', ''),
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', date, scope, hash('sha256', request)].join('\n');
  const key = scope
    .split('/')
    .reduce<Buffer | string>(
      (secret, part) => createHmac('sha256', secret).update(part).digest(),
      `AWS4${credentials.secretAccessKey}`,
    );
  return createHmac('sha256', key).update(text).digest('hex');
}

it('signs the upgrade so that the service accepts it, with a raw plus in the query taken as a space', async () => {
  const url = new URL(
    'wss://ssmmessages.eu-west-2.amazonaws.com/v1/data-channel/me@example.com-0abc?role=publish_subscribe&cell-number=AA+b/c=',
  );
  const { headers, unsigned } = await signUpgrade(url, signer());
  expect(unsigned).toBeUndefined();
  expect(headers['x-amz-security-token']).toBe('session-token');
  const { authorization = '' } = headers;
  expect(authorization).toContain('SignedHeaders=host;x-amz-date;x-amz-security-token');
  expect(authorization.split('Signature=')[1]).toBe(
    expectedSignature(headers, {
      host: 'ssmmessages.eu-west-2.amazonaws.com',
      path: '/v1/data-channel/me%40example.com-0abc',
      query: 'cell-number=AA%20b%2Fc%3D&role=publish_subscribe',
    }),
  );
});

it('signs host and port of an endpoint that is not on the usual port', async () => {
  const { headers } = await signUpgrade(
    new URL('ws://127.0.0.1:4566/v1/data-channel/s-1?role=publish_subscribe'),
    signer(),
  );
  const signature = expectedSignature(headers, {
    host: '127.0.0.1:4566',
    path: '/v1/data-channel/s-1',
    query: 'role=publish_subscribe',
  });
  expect(headers['authorization']?.endsWith(signature)).toBe(true);
  expect(headers['host']).toBeUndefined();
});

it('leaves a URL alone that another service signed already', async () => {
  const url = new URL('wss://example.com/?x-amz-signature=abc&X-Amz-Date=1');
  expect(await signUpgrade(url, signer())).toEqual({ headers: {}, unsigned: 'presigned-url' });
});

it('goes unsigned when no credentials can be had, as the official client does', async () => {
  const failing = (name: string) => signer(() => Promise.reject(Object.assign(new Error('none'), { name })));
  const url = new URL('wss://example.com/');
  for (const name of ['CredentialsProviderError', 'TokenProviderError', 'TypeError'])
    expect(await signUpgrade(url, failing(name))).toEqual({ headers: {}, unsigned: 'no-credentials' });
});
