/** A request as it was on the wire. Node's `req.headers` merges and drops duplicates: use `rawHeaders`. */
export interface RawRequest {
  readonly method: string;
  readonly url: string;
  /** Names and values in turn, as in `IncomingMessage.rawHeaders`. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

/**
 * How a signer read a raw `+`, `/` or `=` in the query. Signers differ, so a verifier has to try:
 * `form` decodes `+` as a space (Go, `URLSearchParams`), `uri` keeps it as a plus sign, `verbatim`
 * signs the wire text as it is (botocore).
 */
export type QueryForm = 'form' | 'uri' | 'verbatim';

export const queryForms: readonly QueryForm[] = ['form', 'uri', 'verbatim'];

/** RFC 3986: everything but letters, digits and `-_.~` becomes `%XX`. */
function encodeRfc3986(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Removes empty, `.` and `..` segments and keeps a trailing slash. Routing uses the same form. */
export function normalisePath(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') kept.pop();
    else kept.push(segment);
  }
  const trailing = kept.length > 0 && path.endsWith('/') ? '/' : '';
  return `/${kept.join('/')}${trailing}`;
}

/** The double encoding of every service but S3: the wire path, percent-encoded once more. */
export function canonicalPath(path: string): string {
  return normalisePath(path).split('/').map(encodeRfc3986).join('/');
}

/** Splits a wire query into pairs, decoded as `form` says; undefined when a percent escape is broken. */
export function parseQuery(query: string, form: QueryForm): Array<[string, string]> | undefined {
  const decode = (text: string): string => {
    if (form === 'verbatim') return text;
    return decodeURIComponent(form === 'form' ? text.replaceAll('+', ' ') : text);
  };
  try {
    return query
      .split('&')
      .filter((part) => part !== '')
      .map((part) => {
        const at = part.indexOf('=');
        return at < 0 ? [decode(part), ''] : [decode(part.slice(0, at)), decode(part.slice(at + 1))];
      });
  } catch {
    return undefined;
  }
}

/** The canonical query without `X-Amz-Signature`: encoded, then sorted by key and value. */
export function canonicalQuery(query: string, form: QueryForm): string | undefined {
  const encode = form === 'verbatim' ? (text: string): string => text : encodeRfc3986;
  return parseQuery(query, form)
    ?.filter(([key]) => key !== 'X-Amz-Signature')
    .map(([key, value]): [string, string] => [encode(key), encode(value)])
    .sort((a, b) => compare(a[0], b[0]) || compare(a[1], b[1]))
    .map(([key, value]) => `${key}=${value}`)
    .join('&');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Lower-case names to values; duplicates joined by a comma, outer space trimmed, inner space squeezed. */
export function canonicalHeaders(rawHeaders: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    // Only space and tab: `\s` and `trim()` would also swallow a no-break space (0xA0 in Latin-1).
    const value = (rawHeaders[i + 1] as string).replace(/^[ \t]+|[ \t]+$/g, '').replace(/[ \t]+/g, ' ');
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return headers;
}
