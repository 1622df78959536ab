import { timingSafeEqual } from 'node:crypto';
import type { QueryForm, RawRequest } from './canonical-request.ts';
import { canonicalHeaders, canonicalPath, canonicalQuery, queryForms } from './canonical-request.ts';
import type { ParsedSignature } from './parse.ts';
import { parseSignature } from './parse.ts';
import { sameText, sha256Hex, signature } from './signature.ts';

/** What the verifier has to know about an access key. */
export interface SigningKey {
  readonly secretAccessKey: string;
  /** Temporary credentials only: the one token that belongs to the key. */
  readonly sessionToken?: string;
  /** Temporary credentials only, epoch milliseconds. */
  readonly expiresAtMs?: number;
}

/** Why a request was refused. Each service spells these differently; see `endpoint/authentication.ts`. */
export type SigV4FailureReason =
  | 'missing'
  | 'incomplete'
  | 'unknown-key'
  | 'region'
  | 'service'
  | 'stale'
  | 'future'
  | 'signature'
  | 'expired';

export interface SigV4Failure {
  readonly ok: false;
  readonly reason: SigV4FailureReason;
  readonly message: string;
}

export interface SigV4Success<Key extends SigningKey> {
  readonly ok: true;
  readonly key: Key;
  readonly accessKeyId: string;
  readonly presigned: boolean;
  readonly signedHeaders: readonly string[];
  /** How the signer read a raw `+` in the query: read parameters with `parseQuery(…, queryForm)`. */
  readonly queryForm: Exclude<QueryForm, 'verbatim'>;
}

export interface VerifyOptions<Key extends SigningKey> {
  readonly findKey: (accessKeyId: string) => Key | undefined;
  readonly nowMs: number;
  readonly region: string;
  readonly service: string;
  /** How far the clocks may differ; default 5 minutes (STS allows 15). */
  readonly maxSkewMs?: number;
  /** The longest `X-Amz-Expires` of a presigned request; default 7 days, the limit of SigV4. */
  readonly maxExpiresS?: number;
}

const defaultSkewMs = 5 * 60_000;
const sevenDaysS = 7 * 24 * 3600;

const signatureMismatch: string =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret ' +
  'Access Key and signing method. Consult the service documentation for details.';

/**
 * Verifies AWS Signature Version 4 on a header-signed or presigned request, from the wire form alone.
 *
 * The body is always hashed here; an `x-amz-content-sha256` header has to equal that hash, so a changed
 * body never passes. `UNSIGNED-PAYLOAD` and the streaming forms are refused: no client of the simulated
 * services sends them.
 */
export function verifySigV4<Key extends SigningKey>(
  request: RawRequest,
  options: VerifyOptions<Key>,
): SigV4Success<Key> | SigV4Failure {
  const headers = canonicalHeaders(request.headers);
  const parsed = parseSignature(request.url, headers);
  if ('reason' in parsed) return { ok: false, ...parsed };

  const key = options.findKey(parsed.accessKeyId);
  if (key === undefined || !sameToken(key.sessionToken, parsed.sessionToken)) {
    return refuse('unknown-key', 'The security token included in the request is invalid.');
  }
  const refusal =
    checkScope(parsed, options) ??
    checkTime(parsed, options) ??
    checkHeaders(parsed, headers) ??
    checkBody(parsed, headers, request.body);
  if (refusal !== undefined) return refusal;

  const queryForm = queryForms.find((form) => matches(request, headers, parsed, form, key, options));
  if (queryForm === undefined) return refuse('signature', signatureMismatch);
  if (key.expiresAtMs !== undefined && options.nowMs >= key.expiresAtMs) {
    return refuse('expired', 'The security token included in the request is expired');
  }
  const { accessKeyId, presigned, signedHeaders } = parsed;
  return {
    ok: true,
    key,
    accessKeyId,
    presigned,
    signedHeaders,
    queryForm: queryForm === 'verbatim' ? 'uri' : queryForm,
  };
}

function sameToken(issued: string | undefined, sent: string | undefined): boolean {
  if (issued === undefined || sent === undefined) return issued === sent;
  return sameText(issued, sent);
}

function refuse(reason: SigV4FailureReason, message: string): SigV4Failure {
  return { ok: false, reason, message };
}

function checkScope(parsed: ParsedSignature, options: VerifyOptions<SigningKey>): SigV4Failure | undefined {
  if (parsed.region !== options.region) {
    return refuse('region', `Credential should be scoped to a valid region, not '${parsed.region}'.`);
  }
  if (parsed.service !== options.service) {
    return refuse('service', `Credential should be scoped to correct service: '${options.service}'.`);
  }
  if (parsed.day !== parsed.amzDate.slice(0, 8)) {
    return refuse(
      'signature',
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ` +
        `'${parsed.day}' != '${parsed.amzDate.slice(0, 8)}', from '${parsed.amzDate}'.`,
    );
  }
  return undefined;
}

function checkTime(parsed: ParsedSignature, options: VerifyOptions<SigningKey>): SigV4Failure | undefined {
  const skewMs = options.maxSkewMs ?? defaultSkewMs;
  const { nowMs } = options;
  const signedAtMs = parsed.dateMs;
  if (signedAtMs > nowMs + skewMs) {
    return refuse(
      'future',
      `Signature not yet current: ${parsed.amzDate} is still later than ${amzDate(nowMs + skewMs)} ` +
        `(${amzDate(nowMs)} + ${skewMs / 60_000} min.)`,
    );
  }
  if (parsed.expiresS !== undefined) {
    const longest = options.maxExpiresS ?? sevenDaysS;
    if (parsed.expiresS < 1 || parsed.expiresS > longest) {
      return refuse('incomplete', `X-Amz-Expires must be between 1 and ${longest} seconds`);
    }
  }
  const windowMs = parsed.expiresS === undefined ? skewMs : parsed.expiresS * 1000;
  if (nowMs > signedAtMs + windowMs) {
    return refuse(
      'stale',
      `Signature expired: ${parsed.amzDate} is now earlier than ${amzDate(nowMs - windowMs)} ` +
        `(${amzDate(nowMs)} - ${windowMs / 60_000} min.)`,
    );
  }
  return undefined;
}

function checkHeaders(
  parsed: ParsedSignature,
  headers: ReadonlyMap<string, string>,
): SigV4Failure | undefined {
  const signed = new Set(parsed.signedHeaders);
  if (signed.size !== parsed.signedHeaders.length) {
    return refuse('incomplete', 'SignedHeaders names a header twice');
  }
  if (!signed.has('host')) return refuse('signature', "'Host' must be a 'SignedHeader'.");
  for (const name of parsed.signedHeaders) {
    if (!headers.has(name)) return refuse('signature', signatureMismatch);
  }
  for (const name of headers.keys()) {
    if (name.startsWith('x-amz-') && !signed.has(name)) {
      return refuse('signature', `There were headers present in the request which were not signed: ${name}`);
    }
  }
  return undefined;
}

function checkBody(
  parsed: ParsedSignature,
  headers: ReadonlyMap<string, string>,
  body: Uint8Array,
): SigV4Failure | undefined {
  const stated = parsed.contentSha256 ?? headers.get('x-amz-content-sha256');
  if (stated === undefined || sameText(stated, sha256Hex(body))) return undefined;
  return refuse('signature', signatureMismatch);
}

function matches(
  request: RawRequest,
  headers: ReadonlyMap<string, string>,
  parsed: ParsedSignature,
  form: QueryForm,
  key: SigningKey,
  options: VerifyOptions<SigningKey>,
): boolean {
  const query = canonicalQuery(parsed.query, form);
  if (query === undefined) return false;
  const canonicalRequest = [
    request.method,
    canonicalPath(parsed.path),
    query,
    ...parsed.signedHeaders.map((name) => `${name}:${headers.get(name)}`),
    '',
    parsed.signedHeaders.join(';'),
    sha256Hex(request.body),
  ].join('\n');
  const expected = signature({
    secretAccessKey: key.secretAccessKey,
    amzDate: parsed.amzDate,
    region: options.region,
    service: options.service,
    canonicalRequest,
  });
  return timingSafeEqual(expected, Buffer.from(parsed.signature, 'hex'));
}

/** Epoch milliseconds as `yyyymmddThhmmssZ`. */
export function amzDate(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '');
}
