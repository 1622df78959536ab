import aws4, { type SignableRequest } from 'aws4';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RawRequest } from './canonical-request.ts';
import type { SigningKey } from './verify.ts';
import { amzDate, verifySigV4 } from './verify.ts';

const nowMs = Date.parse('2026-11-22T09:00:00Z');
const region = 'eu-west-2';
const key = {
  accessKeyId: 'AKIAEXAMPLE234567ABC',
  secretAccessKey: 'wJalr/XUtnFEMI+K7MDENG/bPxRfiCYEXAMPLEK',
};
const temporary = {
  accessKeyId: 'ASIAEXAMPLE234567ABC',
  secretAccessKey: 'other/secret',
  sessionToken: 'IQoJ+token/==',
  expiresAtMs: nowMs + 3_600_000,
};
const keys = new Map<string, SigningKey>([
  [key.accessKeyId, key],
  [temporary.accessKeyId, temporary],
]);

interface Change {
  readonly credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  readonly service?: string;
  readonly region?: string;
  readonly date?: number;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly presign?: boolean;
}

/** An Invoke as a client would send it, changed before it is signed. */
function signed(change: Change = {}): RawRequest {
  const options: SignableRequest = {
    method: 'POST',
    host: '127.0.0.1:4566',
    path: change.path ?? '/2015-03-31/functions/boot/invocations?Qualifier=%24LATEST',
    service: change.service ?? 'lambda',
    region: change.region ?? region,
    headers: {
      ...(change.presign === true ? {} : { 'X-Amz-Date': amzDate(change.date ?? nowMs) }),
      'X-Amz-Log-Type': 'Tail',
      'Content-Type': 'application/octet-stream',
      ...change.headers,
    },
    body: '{"action":"ping"}',
  };
  aws4.sign(options, change.credentials ?? key);
  const headers = Object.entries(options.headers ?? {}).flatMap(([name, value]) => [name, String(value)]);
  return { method: 'POST', url: options.path as string, headers, body: Buffer.from('{"action":"ping"}') };
}

function verify(request: RawRequest, options: { service?: string; maxSkewMs?: number; nowMs?: number } = {}) {
  return verifySigV4(request, {
    findKey: (id) => keys.get(id),
    nowMs,
    region,
    service: 'lambda',
    ...options,
  });
}

const withHeader = (request: RawRequest, name: string, value: string | undefined): RawRequest => {
  const headers: string[] = [];
  for (let i = 0; i < request.headers.length; i += 2) {
    if (request.headers[i]?.toLowerCase() === name.toLowerCase()) continue;
    headers.push(request.headers[i] as string, request.headers[i + 1] as string);
  }
  if (value !== undefined) headers.push(name, value);
  return { ...request, headers };
};
const authorization = (request: RawRequest): string =>
  request.headers[request.headers.indexOf('Authorization') + 1] as string;
const edited = (edit: (value: string) => string): RawRequest => {
  const request = signed();
  return withHeader(request, 'Authorization', edit(authorization(request)));
};

test('an untouched request passes', () => {
  expect(verify(signed())).toMatchObject({ ok: true, accessKeyId: key.accessKeyId });
  expect(verify(signed({ credentials: temporary }))).toMatchObject({ ok: true });
});

describe('a refusal says why', () => {
  const minute = 60_000;
  const cases: ReadonlyArray<readonly [string, () => RawRequest, string, RegExp]> = [
    [
      'no signature',
      () => withHeader(signed(), 'Authorization', undefined),
      'missing',
      /^Missing Authentication/,
    ],
    ['no credential', () => edited((v) => v.replace(/Credential=[^,]+, /, '')), 'incomplete', /'Credential'/],
    [
      'no signed headers',
      () => edited((v) => v.replace(/SignedHeaders=[^,]+, /, '')),
      'incomplete',
      /'SignedHeaders'/,
    ],
    ['no signature value', () => edited((v) => v.replace(/, Signature=.*/, '')), 'incomplete', /'Signature'/],
    ['short credential', () => edited((v) => v.replace('/aws4_request', '')), 'incomplete', /exactly 5/],
    [
      'upper-case signature',
      () => edited((v) => v.replace(/[0-9a-f]{64}$/, (s) => s.toUpperCase())),
      'incomplete',
      /./,
    ],
    [
      'other algorithm',
      () => edited((v) => v.replace('AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA384')),
      'incomplete',
      /./,
    ],
    ['no date', () => withHeader(signed(), 'X-Amz-Date', undefined), 'incomplete', /X-Amz-Date/],
    ['no date but a token', () => withHeader(signed(), 'X-Amz-Date', 'yesterday'), 'incomplete', /ISO-8601/],
    [
      'unknown key',
      () => signed({ credentials: { ...key, accessKeyId: 'AKIAUNKNOWN234567ABC' } }),
      'unknown-key',
      /security token/,
    ],
    [
      'token of another session',
      () => signed({ credentials: { ...temporary, sessionToken: 'x' } }),
      'unknown-key',
      /security token/,
    ],
    [
      'temporary key without token',
      () => signed({ credentials: { ...key, accessKeyId: temporary.accessKeyId } }),
      'unknown-key',
      /./,
    ],
    [
      'long-term key with a token',
      () => signed({ credentials: { ...key, sessionToken: 'x' } }),
      'unknown-key',
      /./,
    ],
    [
      'long-term key with an empty token',
      () => withHeader(signed(), 'X-Amz-Security-Token', ''),
      'unknown-key',
      /./,
    ],
    [
      'wrong secret',
      () => signed({ credentials: { ...key, secretAccessKey: 'x' } }),
      'signature',
      /does not match/,
    ],
    ['other region', () => signed({ region: 'us-east-1' }), 'region', /valid region, not 'us-east-1'/],
    ['other service', () => signed({ service: 'ssm' }), 'service', /correct service: 'lambda'/],
    [
      'day of scope is not that of the date',
      () => edited((v) => v.replace('20261122', '20261121')),
      'signature',
      /Date in Credential scope/,
    ],
    [
      '6 minutes old',
      () => signed({ date: nowMs - 6 * minute }),
      'stale',
      /^Signature expired: 20261122T085400Z is now earlier than 20261122T085500Z \(20261122T090000Z - 5 min\.\)$/,
    ],
    [
      '6 minutes ahead',
      () => signed({ date: nowMs + 6 * minute }),
      'future',
      /^Signature not yet current: 20261122T090600Z is still later than 20261122T090500Z \(20261122T090000Z \+ 5 min\.\)$/,
    ],
    [
      'unsigned x-amz header',
      () => withHeader(signed(), 'X-Amz-Invocation-Type', 'Event'),
      'signature',
      /not signed: x-amz-invocation-type/,
    ],
    [
      'signed header left out',
      () => withHeader(signed(), 'Content-Type', undefined),
      'signature',
      /does not match/,
    ],
    ['host not signed', () => edited((v) => v.replace(';host;', ';')), 'signature', /'Host' must be/],
    [
      'changed body',
      () => ({ ...signed(), body: Buffer.from('{"action":"drop"}') }),
      'signature',
      /does not match/,
    ],
    [
      'body hash of another body',
      () => ({ ...signed({ headers: { 'X-Amz-Content-Sha256': 'a'.repeat(64) } }) }),
      'signature',
      /does not match/,
    ],
    [
      'UNSIGNED-PAYLOAD',
      () => signed({ headers: { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' } }),
      'signature',
      /does not match/,
    ],
    [
      'two signatures',
      () => withHeader(signed({ path: '/?X-Amz-Expires=1' }), 'Authorization', 'AWS4-HMAC-SHA256 x'),
      'incomplete',
      /Only one/,
    ],
    ['absolute URL', () => ({ ...signed(), url: 'http://127.0.0.1/' }), 'incomplete', /path/],
    ['broken percent escape', () => ({ ...signed(), url: '/?a=%zz' }), 'incomplete', /percent/],
    [
      'two Authorization headers',
      () => ({ ...signed(), headers: [...signed().headers, 'authorization', 'Basic x'] }),
      'incomplete',
      /./,
    ],
  ];
  test.each(cases)('%s', (_name, request, reason, message) => {
    expect(verify(request())).toMatchObject({ ok: false, reason, message: expect.stringMatching(message) });
  });

  test('expired credentials, once the signature is right', () => {
    const late = nowMs + 2 * 3_600_000;
    expect(verify(signed({ credentials: temporary, date: late }), { nowMs: late })).toMatchObject({
      reason: 'expired',
    });
  });

  test('STS lets clocks be 15 minutes off', () => {
    const request = signed({ date: nowMs - 14 * minute });
    expect(verify(request, { maxSkewMs: 15 * minute })).toMatchObject({ ok: true });
    const older = signed({ date: nowMs - 16 * minute });
    expect(verify(older, { maxSkewMs: 15 * minute })).toMatchObject({
      message: expect.stringContaining('- 15 min.'),
    });
  });
});

/** Two requests that mean the same: letter case of header names, and of the digits of a percent escape. */
function meaning({ method, url, headers, body }: RawRequest): string {
  const named = headers.map((text, index) => (index % 2 === 0 ? text.toLowerCase() : text));
  const query = url.replace(/\?.*/, (text) => text.replace(/%[0-9a-f]{2}/gi, (hex) => hex.toUpperCase()));
  return JSON.stringify([method, query, named, Buffer.from(body).toString('latin1')]);
}

/** Flips one bit somewhere in the wire form: method, URL, a header's name or value, or the body. */
function flip(request: RawRequest, part: number, byte: number, bit: number): RawRequest {
  const flipText = (text: string): string => {
    const bytes = Buffer.from(text, 'latin1');
    const at = byte % bytes.length;
    bytes[at] = (bytes[at] as number) ^ (1 << bit);
    return bytes.toString('latin1');
  };
  const pieces = 3 + request.headers.length;
  const which = part % pieces;
  if (which === 0) return { ...request, method: flipText(request.method) };
  if (which === 1) return { ...request, url: flipText(request.url) };
  if (which === 2)
    return {
      ...request,
      body: Buffer.from(flipText(Buffer.from(request.body).toString('latin1')), 'latin1'),
    };
  const headers = [...request.headers];
  headers[which - 3] = flipText(headers[which - 3] as string);
  return { ...request, headers };
}

test.each([
  ['long-term', signed()],
  ['temporary', signed({ credentials: temporary })],
])('no flipped bit of a signed request gets through (%s)', (_kind, request) => {
  expect(verify(request)).toMatchObject({ ok: true });
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.integer({ min: 0, max: 7 }), (part, byte, bit) => {
      const changed = flip(request, part, byte, bit);
      // `Content-Length` is the one header here that aws4 leaves to the transport.
      const name = (part % (3 + request.headers.length)) - 3;
      const header = name < 0 ? '' : (request.headers[name - (name % 2)] as string).toLowerCase();
      fc.pre(meaning(changed) !== meaning(request) && header !== 'content-length');
      expect(verify(changed), JSON.stringify(changed.headers)).toMatchObject({ ok: false });
    }),
    { numRuns: 1500 },
  );
});

test('every single bit of an authentication token counts', () => {
  const options: SignableRequest = {
    host: 'db.rds.amazonaws.com:5432',
    path: '/?Action=connect&DBUser=ledger_app&X-Amz-Expires=900',
    service: 'rds-db',
    region,
    signQuery: true,
    headers: {},
  };
  const fixed = `${options.path}&X-Amz-Date=${amzDate(nowMs)}`;
  aws4.sign({ ...options, path: fixed }, key);
  const request: SignableRequest = aws4.sign({ ...options, path: fixed }, key);
  const url = request.path as string;
  const raw = { method: 'GET', url, headers: ['Host', 'db.rds.amazonaws.com:5432'], body: Buffer.alloc(0) };
  expect(verify(raw, { service: 'rds-db' })).toMatchObject({ ok: true, presigned: true });
  let refused = 0;
  for (let byte = 0; byte < url.length; byte++) {
    for (let bit = 0; bit < 8; bit++) {
      const changed = flip(raw, 1, byte, bit);
      if (meaning(changed) === meaning(raw)) continue;
      expect(verify(changed, { service: 'rds-db' }), changed.url).toMatchObject({ ok: false });
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(url.length * 7);
});
