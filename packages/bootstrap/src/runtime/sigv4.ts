import { createHash, createHmac } from 'node:crypto';

/** The scope of a signature, `<day>/<region>/<service>/aws4_request`, and the signature over a canonical request in it. */
export function sign(
  canonical: string,
  options: { readonly time: string; readonly scope: string; readonly secretAccessKey: string },
): string {
  const { time, scope, secretAccessKey } = options;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  return hmac(key, toSign).toString('hex');
}

/** A time as signatures have it, `yyyymmddThhmmssZ`. */
export function signingTime(now: Date): string {
  return now.toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
