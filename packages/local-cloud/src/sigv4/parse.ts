import { parseQuery } from './canonical-request.ts';

/** The claims of a signature, before anything about them was checked. */
export interface ParsedSignature {
  readonly presigned: boolean;
  readonly accessKeyId: string;
  readonly day: string;
  readonly region: string;
  readonly service: string;
  readonly amzDate: string;
  readonly dateMs: number;
  readonly signedHeaders: readonly string[];
  /** 64 lower-case hexadecimal digits. */
  readonly signature: string;
  readonly sessionToken: string | undefined;
  /** Presigned requests only. */
  readonly expiresS: number | undefined;
  /** A presigned request may state the hash of its body in the query. */
  readonly contentSha256: string | undefined;
  readonly path: string;
  readonly query: string;
}

export interface ParseRefusal {
  readonly reason: 'missing' | 'incomplete';
  readonly message: string;
}

const algorithm = 'AWS4-HMAC-SHA256';
const authorizationShape =
  /^AWS4-HMAC-SHA256 Credential=([^,\s]+), ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})$/;
const credentialShape = /^([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request$/;
const headerListShape = /^[a-z0-9!#$%&'*+.^_`|~-]+(;[a-z0-9!#$%&'*+.^_`|~-]+)*$/;

/** Reads the signature of a request from its `Authorization` header or its query. */
export function parseSignature(
  url: string,
  headers: ReadonlyMap<string, string>,
): ParsedSignature | ParseRefusal {
  // The wire is ASCII: clients percent-encode. Anything else could be read in two ways.
  if (!/^\/[\x21-\x7e]*$/.test(url)) return incomplete('The request line is not a valid path.');
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 ? '' : url.slice(mark + 1);
  const pairs = parseQuery(query, 'uri');
  if (pairs === undefined) return incomplete('The query has a broken percent escape.');

  const presigned = pairs.some(([key]) => key.startsWith('X-Amz-') && key !== 'X-Amz-Security-Token');
  const authorization = headers.get('authorization');
  if (presigned && authorization !== undefined) {
    return incomplete('Only one of the Authorization header and the X-Amz-* query may be given.');
  }
  if (presigned) return parsePresigned(path, query, pairs);
  if (authorization === undefined) return { reason: 'missing', message: 'Missing Authentication Token' };
  return parseHeader(path, query, authorization, headers);
}

/** `yyyymmddThhmmssZ` to epoch milliseconds. */
function parseAmzDate(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}

function parseHeader(
  path: string,
  query: string,
  authorization: string,
  headers: ReadonlyMap<string, string>,
): ParsedSignature | ParseRefusal {
  const match = authorizationShape.exec(authorization);
  if (match === null) {
    const absent = ['Credential', 'SignedHeaders', 'Signature'].filter(
      (name) => !authorization.includes(`${name}=`),
    );
    const what = absent.map((name) => `Authorization header requires '${name}' parameter.`).join(' ');
    return incomplete(what === '' ? 'Authorization header is not a valid AWS4-HMAC-SHA256 value.' : what);
  }
  const amzDate = headers.get('x-amz-date');
  if (amzDate === undefined) {
    return incomplete("Authorization header requires existence of a 'X-Amz-Date' header.");
  }
  return assemble(
    {
      credential: match[1] as string,
      signedHeaders: match[2] as string,
      signature: match[3] as string,
      amzDate,
    },
    {
      presigned: false,
      sessionToken: headers.get('x-amz-security-token'),
      expiresS: undefined,
      contentSha256: undefined,
      path,
      query,
    },
  );
}

function parsePresigned(
  path: string,
  query: string,
  pairs: ReadonlyArray<readonly [string, string]>,
): ParsedSignature | ParseRefusal {
  const values = new Map<string, string>();
  for (const [key, value] of pairs) {
    if (!key.startsWith('X-Amz-')) continue;
    if (values.has(key)) return incomplete(`${key} is given twice.`);
    values.set(key, value);
  }
  const required = ['Algorithm', 'Credential', 'Date', 'Expires', 'SignedHeaders', 'Signature'];
  for (const name of required) {
    if (!values.has(`X-Amz-${name}`)) return incomplete(`The query requires 'X-Amz-${name}'.`);
  }
  const value = (name: string): string => values.get(`X-Amz-${name}`) as string;
  if (value('Algorithm') !== algorithm) return incomplete(`X-Amz-Algorithm must be ${algorithm}.`);
  if (!/^\d{1,7}$/.test(value('Expires'))) return incomplete('X-Amz-Expires must be a number of seconds.');
  if (!/^[0-9a-f]{64}$/.test(value('Signature'))) return incomplete('X-Amz-Signature is malformed.');
  return assemble(
    {
      credential: value('Credential'),
      signedHeaders: value('SignedHeaders'),
      signature: value('Signature'),
      amzDate: value('Date'),
    },
    {
      presigned: true,
      sessionToken: values.get('X-Amz-Security-Token'),
      expiresS: Number(value('Expires')),
      contentSha256: values.get('X-Amz-Content-Sha256'),
      path,
      query,
    },
  );
}

function assemble(
  claims: { credential: string; signedHeaders: string; signature: string; amzDate: string },
  rest: Pick<ParsedSignature, 'presigned' | 'sessionToken' | 'expiresS' | 'contentSha256' | 'path' | 'query'>,
): ParsedSignature | ParseRefusal {
  const credential = credentialShape.exec(claims.credential);
  if (credential === null) {
    return incomplete('Credential must have exactly 5 slash-delimited elements and end in aws4_request.');
  }
  if (!headerListShape.test(claims.signedHeaders)) return incomplete('SignedHeaders is malformed.');
  const dateMs = parseAmzDate(claims.amzDate);
  if (dateMs === undefined) return incomplete('The date must be in ISO-8601 basic format.');
  return {
    ...rest,
    accessKeyId: credential[1] as string,
    day: credential[2] as string,
    region: credential[3] as string,
    service: credential[4] as string,
    amzDate: claims.amzDate,
    dateMs,
    signedHeaders: claims.signedHeaders.split(';'),
    signature: claims.signature,
  };
}

function incomplete(message: string): ParseRefusal {
  return { reason: 'incomplete', message };
}
