import { invalidField } from '../errors.ts';

const UUID_LENGTH = 36;
/** Where the two digits of each byte stand in the text, in wire order: bytes 8 to 15 first, then 0 to 7. */
const DIGITS_AT = [19, 21, 24, 26, 28, 30, 32, 34, 0, 2, 4, 6, 9, 11, 14, 16] as const;
const HYPHENS_AT = [8, 13, 18, 23] as const;
const HYPHEN = 0x2d;
/** Value of a hexadecimal digit by its character code; 255 for all others. */
const DIGIT = new Uint8Array(128).fill(255);
for (let digit = 0; digit < 16; digit++) {
  const text = digit.toString(16);
  DIGIT[text.charCodeAt(0)] = digit;
  DIGIT[text.toUpperCase().charCodeAt(0)] = digit;
}

/**
 * A MessageId is a UUID with its halves swapped on the wire: bytes 8 to 15 first, then bytes 0 to 7
 * (protocol section "Binary envelope").
 */
export function writeMessageId(buffer: Buffer, messageId: string, offset: number): void {
  let valid = messageId.length === UUID_LENGTH;
  for (const at of HYPHENS_AT) valid &&= messageId.charCodeAt(at) === HYPHEN;
  let position = offset;
  for (const at of DIGITS_AT) {
    const high = DIGIT[messageId.charCodeAt(at)] ?? 255;
    const low = DIGIT[messageId.charCodeAt(at + 1)] ?? 255;
    valid &&= (high | low) < 16;
    buffer[position++] = (high << 4) | low;
  }
  if (!valid) throw invalidField('MessageId', offset, 'is not a UUID');
}

/** The inverse of `writeMessageId`: the lower-case text form. Any 16 bytes are accepted, as real peers do. */
export function readMessageId(buffer: Buffer, offset: number): string {
  const hex = buffer.toString('hex', offset, offset + 16);
  return `${hex.slice(16, 24)}-${hex.slice(24, 28)}-${hex.slice(28)}-${hex.slice(0, 4)}-${hex.slice(4, 16)}`;
}
