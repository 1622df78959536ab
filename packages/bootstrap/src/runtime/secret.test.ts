import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, describe, expect, test } from 'vitest';
import { readMasterSecret, waitMs } from './secret.ts';

interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A signer that has nothing to do with ours nor with the SDK; it comes without types. */
const aws4: { sign(request: object, credentials: object): { headers?: Record<string, string> } } =
  createRequire(import.meta.url)('aws4');

const arn = 'arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!cluster-x-AbCdEf';
const secret = { ARN: arn, SecretString: JSON.stringify({ username: 'master', password: 'p@ss/w:rd"' }) };
let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Answers with what is given, in turn; the last one again and again. */
async function service(
  ...answers: { status: number; body: unknown }[]
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      received.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      const { status, body } = answers[Math.min(received.length, answers.length) - 1] ?? {
        status: 500,
        body: '',
      };
      response
        .writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
        .end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

const credentials = {
  AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'key+/=',
  AWS_SESSION_TOKEN: 'token+/==',
};

describe('readMasterSecret', () => {
  test('sends what the AWS SDK sends, with a signature that holds', async () => {
    const { url, received } = await service({ status: 200, body: secret });
    await readMasterSecret({ arn }, { ...credentials, AWS_ENDPOINT_URL: url });
    const sdk = new SecretsManagerClient({
      endpoint: url,
      region: 'eu-west-2',
      credentials: {
        accessKeyId: credentials.AWS_ACCESS_KEY_ID,
        secretAccessKey: credentials.AWS_SECRET_ACCESS_KEY,
        sessionToken: credentials.AWS_SESSION_TOKEN,
      },
    });
    await sdk.send(new GetSecretValueCommand({ SecretId: arn }));
    sdk.destroy();

    const [ours, theirs] = received;
    for (const part of ['method', 'url', 'body'] as const) expect(ours?.[part]).toBe(theirs?.[part]);
    for (const header of ['host', 'content-type', 'x-amz-target', 'x-amz-security-token']) {
      expect(ours?.headers[header], header).toBe(theirs?.headers[header]);
    }
    for (const request of received) expect(signatureOf(request)).toBe(resigned(request));
  });

  test('honours the endpoint variables as the SDK does', async () => {
    const { url, received } = await service({ status: 200, body: secret });
    expect(
      await readMasterSecret(
        { arn },
        {
          ...credentials,
          AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
          AWS_ENDPOINT_URL_SECRETS_MANAGER: url,
        },
      ),
    ).toEqual({ username: 'master', password: 'p@ss/w:rd"' });
    expect(received).toHaveLength(1);
  });

  test('tries again when the service stumbles, and only then', async () => {
    const stumble = { status: 500, body: { __type: 'InternalServiceError' } };
    const busy = { status: 400, body: { __type: 'ThrottlingException' } };
    const { url, received } = await service(stumble, busy, { status: 200, body: secret });
    await readMasterSecret({ arn }, { ...credentials, AWS_ENDPOINT_URL: url });
    expect(received).toHaveLength(3);
  });

  test.each([
    ['ResourceNotFoundException', 'BOOTSTRAP_SECRET_MISSING'],
    ['AccessDeniedException', 'BOOTSTRAP_SECRET_DENIED'],
    ['com.amazon#AccessDeniedException', 'BOOTSTRAP_SECRET_DENIED'],
    ['DecryptionFailure', 'BOOTSTRAP_SECRET_INVALID'],
    ['Unheard', 'BOOTSTRAP_SECRET_UNAVAILABLE'],
  ])('%s is %s', async (type, code) => {
    const { url } = await service({ status: 400, body: { __type: type, message: 'no' } });
    await expect(readMasterSecret({ arn }, { ...credentials, AWS_ENDPOINT_URL: url })).rejects.toMatchObject({
      code,
    });
  });

  test.each(['no json s3cret', '{"password":"s3cret"}', '"s3cret"', undefined])(
    'does not repeat a value that is no secret of RDS: %j',
    async (SecretString) => {
      const { url } = await service({ status: 200, body: { SecretString } });
      const error = await readMasterSecret({ arn }, { ...credentials, AWS_ENDPOINT_URL: url }).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ code: 'BOOTSTRAP_SECRET_INVALID' });
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('s3cret');
    },
  );

  test('says which endpoint is missing when nobody answers', async () => {
    await expect(
      readMasterSecret({ arn }, { ...credentials, AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }),
    ).rejects.toMatchObject({
      code: 'BOOTSTRAP_SECRET_UNAVAILABLE',
      hint: expect.stringContaining('interface endpoint'),
    });
  });
});

test('a network without the endpoint is told before a function with little time ends', async () => {
  server = createServer(() => undefined);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const reading = readMasterSecret({ arn }, { ...credentials, AWS_ENDPOINT_URL: url }, () => 1_600);
  await expect(reading).rejects.toMatchObject({
    code: 'BOOTSTRAP_SECRET_UNAVAILABLE',
    hint: expect.stringContaining('interface endpoint'),
  });
  expect([900_000, 11_500, 3_000, 100].map((left) => waitMs(left))).toEqual([10_000, 10_000, 2_000, 500]);
});

function signatureOf(request: Received): string {
  return /Signature=([0-9a-f]{64})/.exec(request.headers['authorization'] ?? '')?.[1] ?? '';
}

/** Signs the received request anew, over the headers that it says it signed, with somebody else's signer. */
function resigned(request: Received): string {
  const names = /SignedHeaders=([^,]+)/.exec(request.headers['authorization'] ?? '')?.[1]?.split(';') ?? [];
  const headers = Object.fromEntries(names.map((name) => [name, String(request.headers[name])]));
  // aws4 adds this header when it is missing; SigV4 leaves it to the signer.
  const extraHeadersToIgnore = names.includes('content-length') ? {} : { 'content-length': true };
  const signed = aws4.sign(
    {
      service: 'secretsmanager',
      region: 'eu-west-2',
      method: request.method,
      path: request.url,
      headers,
      body: request.body,
      extraHeadersToIgnore,
    },
    { accessKeyId: credentials.AWS_ACCESS_KEY_ID, secretAccessKey: credentials.AWS_SECRET_ACCESS_KEY },
  );
  return /Signature=([0-9a-f]{64})/.exec(signed.headers?.['Authorization'] ?? '')?.[1] ?? 'unsigned';
}
