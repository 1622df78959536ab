import { invalidField } from '../errors.ts';

const UUID = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/i;

/**
 * A MessageId is a UUID with its halves swapped on the wire: bytes 8 to 15 first, then bytes 0 to 7
 * (protocol section "Binary envelope").
 */
export function writeMessageId(buffer: Buffer, messageId: string, offset: number): void {
  const parts = UUID.exec(messageId);
  if (parts === null) throw invalidField('MessageId', offset, 'is not a UUID');
  buffer.write(`${parts[4]}${parts[5]}${parts[1]}${parts[2]}${parts[3]}`, offset, 'hex');
}

/** The inverse of `writeMessageId`: the lower-case text form. Any 16 bytes are accepted, as real peers do. */
export function readMessageId(buffer: Buffer, offset: number): string {
  const hex = buffer.toString('hex', offset, offset + 16);
  return `${hex.slice(16, 24)}-${hex.slice(24, 28)}-${hex.slice(28)}-${hex.slice(0, 4)}-${hex.slice(4, 16)}`;
}
