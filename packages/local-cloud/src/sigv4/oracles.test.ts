import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { Signer } from '@aws-sdk/rds-signer';
import { SignatureV4 } from '@smithy/signature-v4';
import aws4, { type SignableRequest } from 'aws4';
import { describe, expect, test } from 'vitest';
import type { RawRequest } from './canonical-request.ts';
import { verifySigV4 } from './verify.ts';

const nowMs = Date.parse('2026-11-22T09:00:00Z');
const region = 'eu-west-2';
const longTerm = {
  accessKeyId: 'AKIAEXAMPLE234567ABC',
  secretAccessKey: 'wJalr/XUtnFEMI+K7MDENG/bPxRfiCYEXAMPLEK',
};
const temporary = { ...longTerm, accessKeyId: 'ASIAEXAMPLE234567ABC', sessionToken: 'IQoJb3JpZ2lu/+token==' };

/** The oracle's hash, on Node instead of a package of its own. */
class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const key =
      typeof secret === 'string' || secret === undefined ? secret : new Uint8Array(secret as ArrayBuffer);
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', key);
  }
  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

const keys = new Map([longTerm, temporary].map((key) => [key.accessKeyId, key]));
const verify = (request: RawRequest, service = 'lambda', at = nowMs) =>
  verifySigV4(request, { findKey: (id) => keys.get(id), nowMs: at, region, service });

/** Wire paths that signers canonicalise differently from one another as soon as one of the rules is missed. */
const paths = [
  '/',
  '/2015-03-31/functions/boot/invocations',
  '/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-2%3A123456789012%3Afunction%3Aboot/invocations',
  '/a//b/./c/../d/',
  '/with%20space/%E2%82%AC',
  "/un-re_ser~ved.!'()*",
];
const queries: Array<Record<string, string>> = [
  {},
  { Qualifier: '$LATEST' },
  { b: '2', a: '1', A: '0' },
  { empty: '', 'key with space': 'a&b=c' },
  { plus: 'a+b/c==', unicode: '€' },
];

describe.each([
  ['long-term', longTerm],
  ['temporary', temporary],
])('requests signed with %s credentials', (_kind, credentials) => {
  test.each(paths)('the SDK signer agrees on %s', async (path) => {
    for (const query of queries) {
      const signer = new SignatureV4({ service: 'lambda', region, credentials, sha256: Sha256 });
      const body = '{"a":1}';
      const signed = await signer.sign(
        {
          method: 'POST',
          protocol: 'https:',
          hostname: '127.0.0.1',
          path,
          query,
          headers: {
            host: '127.0.0.1:4566',
            'content-type': 'application/json',
            'x-amz-log-type': '  a   b ',
          },
          body,
        },
        { signingDate: new Date(nowMs) },
      );
      const search = Object.entries(query)
        .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
        .join('&');
      const request = {
        method: 'POST',
        url: search === '' ? path : `${path}?${search}`,
        headers: Object.entries(signed.headers).flat(),
        body: Buffer.from(body),
      };
      expect(verify(request), request.url).toMatchObject({ ok: true, accessKeyId: credentials.accessKeyId });
    }
  });

  test.each(paths)('aws4 agrees on %s', (path) => {
    for (const query of queries) {
      const search = new URLSearchParams(query).toString().replaceAll('+', '%20');
      const options: SignableRequest = {
        method: 'POST',
        host: '127.0.0.1:4566',
        path: search === '' ? path : `${path}?${search}`,
        service: 'lambda',
        region,
        headers: { 'X-Amz-Date': '20261122T090000Z' },
        body: '{"a":1}',
      };
      aws4.sign(options, credentials);
      const headers = Object.entries(options.headers ?? {}).flatMap(([name, value]) => [name, String(value)]);
      const request = { method: 'POST', url: options.path as string, headers, body: Buffer.from('{"a":1}') };
      expect(verify(request), request.url).toMatchObject({ ok: true });
    }
  });

  test('an RDS authentication token is a presigned request for its endpoint', async () => {
    const hostname = 'db.cluster-x.eu-west-2.rds.amazonaws.com';
    const signer = new Signer({ hostname, port: 5432, username: 'pt_ledger app', region, credentials });
    const token = await signer.getAuthToken();
    const at = token.indexOf('/');
    const request = {
      method: 'GET',
      url: token.slice(at),
      headers: ['Host', token.slice(0, at)],
      body: Buffer.alloc(0),
    };
    expect(verify(request, 'rds-db', Date.now())).toMatchObject({ ok: true, presigned: true });
  });

  test('a presigned WebSocket upgrade passes, and the same with signed headers', async () => {
    const signer = new SignatureV4({
      service: 'ssmmessages',
      region,
      credentials,
      sha256: Sha256,
      uriEscapePath: true,
    });
    const path = '/v1/data-channel/ci-0123456789abcdef0';
    const request = {
      method: 'GET',
      protocol: 'wss:',
      hostname: '127.0.0.1',
      path,
      query: { role: 'publish_subscribe', 'cell-number': 'AAEC b/c==' },
      headers: { host: '127.0.0.1:4566' },
    };
    const presigned = await signer.presign(request, { signingDate: new Date(nowMs), expiresIn: 60 });
    const search = Object.entries(presigned.query ?? {})
      .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(String(value))}`)
      .join('&');
    const host = ['host', '127.0.0.1:4566'];
    const empty = Buffer.alloc(0);
    const upgrade = { method: 'GET', url: `${path}?${search}`, headers: host, body: empty };
    expect(verify(upgrade, 'ssmmessages')).toMatchObject({ ok: true, presigned: true });

    const signed = await signer.sign(request, { signingDate: new Date(nowMs) });
    // On the wire a raw plus: the signer read it as a space.
    const url = `${path}?role=publish_subscribe&cell-number=AAEC+b/c==`;
    const headers = Object.entries(signed.headers).flat();
    expect(verify({ method: 'GET', url, headers, body: empty }, 'ssmmessages')).toMatchObject({
      ok: true,
      queryForm: 'form',
    });
  });
});

test('a raw plus that was signed as a plus is read as a plus', async () => {
  const signer = new SignatureV4({ service: 'ssmmessages', region, credentials: longTerm, sha256: Sha256 });
  const signed = await signer.sign(
    {
      method: 'GET',
      protocol: 'wss:',
      hostname: 'h',
      path: '/',
      query: { cell: 'a+b/c==' },
      headers: { host: 'h' },
    },
    { signingDate: new Date(nowMs) },
  );
  const request = {
    method: 'GET',
    url: '/?cell=a+b/c==',
    headers: Object.entries(signed.headers).flat(),
    body: Buffer.alloc(0),
  };
  expect(verify(request, 'ssmmessages')).toMatchObject({ ok: true, queryForm: 'uri' });
});

test('a signer that signs the query as it is on the wire (botocore) passes as well', () => {
  // aws4 has no such form, so the canonical request is written out.
  const body = Buffer.alloc(0);
  const hash = createHash('sha256').update(body).digest('hex');
  const canonical = [
    'GET',
    '/',
    'cell=a+b/c==',
    'host:h',
    'x-amz-date:20261122T090000Z',
    '',
    'host;x-amz-date',
    hash,
  ];
  let key: string | Buffer = `AWS4${longTerm.secretAccessKey}`;
  for (const part of ['20261122', region, 'ssm', 'aws4_request'])
    key = createHmac('sha256', key).update(part).digest();
  const digest = createHash('sha256').update(canonical.join('\n')).digest('hex');
  const text = `AWS4-HMAC-SHA256\n20261122T090000Z\n20261122/${region}/ssm/aws4_request\n${digest}`;
  const signature = createHmac('sha256', key).update(text).digest('hex');
  const authorization =
    `AWS4-HMAC-SHA256 Credential=${longTerm.accessKeyId}/20261122/${region}/ssm/aws4_request, ` +
    `SignedHeaders=host;x-amz-date, Signature=${signature}`;
  const headers = ['host', 'h', 'X-Amz-Date', '20261122T090000Z', 'Authorization', authorization];
  expect(verify({ method: 'GET', url: '/?cell=a+b/c==', headers, body }, 'ssm')).toMatchObject({
    ok: true,
    queryForm: 'uri',
  });
});

test('what a real client sends over a real socket verifies from rawHeaders', async () => {
  const seen: RawRequest[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', rawHeaders } = request;
    seen.push({ method, url, headers: rawHeaders, body: Buffer.concat(chunks) });
    response.end('<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new STSClient({
    endpoint: `http://127.0.0.1:${port}/base/`,
    region,
    credentials: temporary,
  });
  await client.send(new GetCallerIdentityCommand({}));
  client.destroy();
  server.close();
  expect(verify(seen[0] as RawRequest, 'sts', Date.now())).toMatchObject({ ok: true, presigned: false });
});
