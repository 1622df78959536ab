import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type SecretRequest, signSecretRequest } from './secret-signature.ts';

/** The hash that the SDK's signer asks for. */
class Sha256 {
  readonly #hash: Hash | Hmac;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Buffer);
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(data as Buffer);
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
  reset(): void {}
}

/** What the SDK makes of the same request. */
async function oracle({ endpoint, region, body, credentials, now }: SecretRequest): Promise<object> {
  const signer = new SignatureV4({
    service: 'secretsmanager',
    region,
    sha256: Sha256,
    credentials,
    applyChecksum: false,
  });
  const { headers } = await signer.sign(
    {
      method: 'POST',
      protocol: endpoint.protocol,
      hostname: endpoint.hostname,
      path: endpoint.pathname,
      query: {},
      headers: {
        host: endpoint.host,
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'secretsmanager.GetSecretValue',
      },
      body,
    },
    { signingDate: now },
  );
  return headers;
}

test('the request for the secret is signed as the SDK signs it', async () => {
  const text = fc.string({ minLength: 1, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        endpoint: fc
          .constantFrom(
            'https://secretsmanager.eu-west-2.amazonaws.com',
            'http://127.0.0.1:4566',
            'https://vpce-1.example:8443',
          )
          .map((url) => new URL(url)),
        region: fc.constantFrom('eu-west-2', 'cn-north-1', 'us-gov-west-1'),
        body: fc.string({ unit: 'grapheme', maxLength: 300 }),
        credentials: fc.record(
          {
            accessKeyId: fc.constant('AKIA0000'),
            secretAccessKey: text,
            sessionToken: fc.base64String({ minLength: 4 }),
          },
          { requiredKeys: ['accessKeyId', 'secretAccessKey'] },
        ),
        now: fc.date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }),
      }),
      async (request) => {
        expect(signSecretRequest(request)).toEqual(await oracle(request));
      },
    ),
    { numRuns: 200 },
  );
});
