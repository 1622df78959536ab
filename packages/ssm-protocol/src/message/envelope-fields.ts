import { hash } from 'node:crypto';
import { Offset } from './constants.ts';

const HIGH = 2 ** 32;

/** The value has to be a whole number of 0 or above, at most 2^53. */
export function writeUnsigned64(buffer: Buffer, value: number, offset: number): void {
  const high = Math.floor(value / HIGH);
  buffer.writeUInt32BE(high, offset);
  buffer.writeUInt32BE(value - high * HIGH, offset + 4);
}

export function totalBytes(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  return bytes;
}

/** Copies the payload behind the header and fills in its length and its digest. */
export function writePayload(buffer: Buffer, parts: readonly Uint8Array[]): void {
  let position: number = Offset.payload;
  for (const part of parts) {
    buffer.set(part, position);
    position += part.length;
  }
  finishPayload(buffer);
}

/** Length and digest of a payload that is in its place. */
export function finishPayload(buffer: Buffer): void {
  buffer.writeUInt32BE(buffer.length - Offset.payload, Offset.payloadLength);
  buffer.write(digestOf(buffer.subarray(Offset.payload)), Offset.payloadDigest, 32, 'latin1');
}

/** SHA-256 as 32 characters. A string costs 0.6 µs less than a Buffer, which is a third of it all for 1,024 bytes. */
export function digestOf(payload: Uint8Array): string {
  return hash('sha256', payload, 'binary');
}
