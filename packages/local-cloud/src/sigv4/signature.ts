import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export interface SignatureInput {
  readonly secretAccessKey: string;
  /** `yyyymmddThhmmssZ` */
  readonly amzDate: string;
  readonly region: string;
  readonly service: string;
  readonly canonicalRequest: string;
}

/** Header values are bytes that Node shows as Latin-1, so the request is hashed as Latin-1 again. */
export function signature(input: SignatureInput): Buffer {
  const day = input.amzDate.slice(0, 8);
  const scope = `${day}/${input.region}/${input.service}/aws4_request`;
  const requestHash = createHash('sha256').update(input.canonicalRequest, 'latin1').digest('hex');
  let key: string | Buffer = `AWS4${input.secretAccessKey}`;
  for (const part of [day, input.region, input.service, 'aws4_request']) key = hmac(key, part);
  return hmac(key, `AWS4-HMAC-SHA256\n${input.amzDate}\n${scope}\n${requestHash}`);
}

export function sha256Hex(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Compares two texts in a time that does not depend on where they differ. */
export function sameText(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
