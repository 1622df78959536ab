import { randomBytes } from 'node:crypto';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** An IAM identifier: 4 letters that tell its kind and 17 (keys: 16) random ones. */
export function iamId(prefix: 'AIDA' | 'AROA' | 'AKIA' | 'ASIA'): string {
  const length = prefix === 'AKIA' || prefix === 'ASIA' ? 16 : 17;
  return prefix + Array.from(randomBytes(length), (byte) => alphabet[byte % 32]).join('');
}

/** 40 characters, with `+` and `/` in them as AWS's have. */
export function secretKey(): string {
  return randomBytes(30).toString('base64');
}

/** As long as the real ones, so that buffers of 255, 512 or 1024 bytes on the way are found out. */
export function sessionToken(): string {
  return `IQoJb3JpZ2luX2Vj${randomBytes(600).toString('base64')}`;
}
