import { invalidField, ProtocolError } from '../errors.ts';
import { HEADER_LENGTH, MESSAGE_HEADER_BYTES, MessageType, Offset } from './constants.ts';
import { digestOf, writePayload, writeUnsigned64 } from './envelope-fields.ts';
import { readMessageId, writeMessageId } from './message-id.ts';

/** One message of the data channel, either direction. */
export interface ClientMessage {
  /** One of `MessageType`; unknown names are legal and ignored by receivers. ASCII, 1 to 32 characters. */
  messageType: string;
  /** Always 1; receivers do not check it. */
  schemaVersion: number;
  /** Unix time in milliseconds, never 0 (except in publication control messages). */
  createdDateMs: number;
  /** Counts stream messages from 0 for each direction; 0 on all others. */
  sequenceNumber: number;
  flags: number;
  /** UUID in its usual text form. The wire carries its two halves swapped. */
  messageId: string;
  /** One of `PayloadType`. */
  payloadType: number;
  /** After decoding: a view of the decoded bytes, not a copy. */
  payload: Uint8Array;
}

export interface DecodeOptions {
  /** Compare the payload with its digest. Default true, as the official client does; the official agent does not. */
  verifyDigest?: boolean;
}

const TYPE_BYTES = Offset.schemaVersion - Offset.messageType;
const HIGH = 2 ** 32;

/** Messages whose checks real clients skip: the service may send them without date or digest. */
const UNCHECKED: ReadonlySet<string> = new Set([MessageType.startPublication, MessageType.pausePublication]);

/** Encodes a message. Throws `SSM_FRAME_INVALID` for values that the envelope cannot carry. */
export function encodeClientMessage(message: ClientMessage): Buffer {
  const { messageType, createdDateMs, sequenceNumber } = message;
  if (!/^[\x21-\x7e]{1,32}$/.test(messageType)) {
    throw invalidField('MessageType', Offset.messageType, 'must be 1 to 32 printable ASCII characters');
  }
  requireUnsigned('SchemaVersion', Offset.schemaVersion, message.schemaVersion, HIGH - 1);
  requireUnsigned('CreatedDate', Offset.createdDate, createdDateMs, Number.MAX_SAFE_INTEGER);
  requireUnsigned('SequenceNumber', Offset.sequenceNumber, sequenceNumber, Number.MAX_SAFE_INTEGER);
  requireUnsigned('Flags', Offset.flags, message.flags, Number.MAX_SAFE_INTEGER);
  requireUnsigned('PayloadType', Offset.payloadType, message.payloadType, HIGH - 1);

  const bytes = Buffer.allocUnsafe(MESSAGE_HEADER_BYTES + message.payload.length);
  bytes.writeUInt32BE(HEADER_LENGTH, Offset.headerLength);
  bytes.fill(0x20, Offset.messageType + messageType.length, Offset.schemaVersion);
  bytes.write(messageType, Offset.messageType, TYPE_BYTES, 'latin1');
  bytes.writeUInt32BE(message.schemaVersion, Offset.schemaVersion);
  writeUnsigned64(bytes, createdDateMs, Offset.createdDate);
  writeUnsigned64(bytes, sequenceNumber, Offset.sequenceNumber);
  writeUnsigned64(bytes, message.flags, Offset.flags);
  writeMessageId(bytes, message.messageId, Offset.messageId);
  bytes.writeUInt32BE(message.payloadType, Offset.payloadType);
  writePayload(bytes, [message.payload]);
  return bytes;
}

/**
 * Decodes and checks one WebSocket message. Throws `SSM_FRAME_INVALID` or `SSM_DIGEST_MISMATCH`, with field
 * and offset, and nothing else. The payload is a view of `bytes`.
 */
export function decodeClientMessage(bytes: Uint8Array, options?: DecodeOptions): ClientMessage {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < MESSAGE_HEADER_BYTES) {
    throw invalidField(
      'message',
      buffer.length,
      `ends after ${buffer.length} bytes, a header has ${MESSAGE_HEADER_BYTES}`,
    );
  }
  const headerLength = buffer.readUInt32BE(Offset.headerLength);
  if (headerLength !== HEADER_LENGTH) {
    throw invalidField('HeaderLength', Offset.headerLength, `is ${headerLength}, must be ${HEADER_LENGTH}`);
  }
  const messageType = readMessageType(buffer);
  const payload = buffer.subarray(Offset.payload);
  const payloadLength = buffer.readUInt32BE(Offset.payloadLength);
  if (payloadLength !== payload.length) {
    throw invalidField(
      'PayloadLength',
      Offset.payloadLength,
      `says ${payloadLength} bytes, the message has ${payload.length}`,
    );
  }
  const createdDateMs = readUnsigned64(buffer, 'CreatedDate', Offset.createdDate);
  if (!UNCHECKED.has(messageType)) {
    if (createdDateMs === 0) throw invalidField('CreatedDate', Offset.createdDate, 'is missing');
    if (options?.verifyDigest !== false && payload.length > 0) verifyDigest(buffer, payload);
  }
  return {
    messageType,
    schemaVersion: buffer.readUInt32BE(Offset.schemaVersion),
    createdDateMs,
    sequenceNumber: readUnsigned64(buffer, 'SequenceNumber', Offset.sequenceNumber),
    flags: readUnsigned64(buffer, 'Flags', Offset.flags),
    messageId: readMessageId(buffer, Offset.messageId),
    payloadType: buffer.readUInt32BE(Offset.payloadType),
    payload,
  };
}

function verifyDigest(buffer: Buffer, payload: Uint8Array): void {
  if (digestOf(payload) !== buffer.toString('latin1', Offset.payloadDigest, Offset.payloadType)) {
    throw new ProtocolError(
      'SSM_DIGEST_MISMATCH',
      'PayloadDigest',
      Offset.payloadDigest,
      'is not the SHA-256 of the payload',
    );
  }
}

/** The names of the protocol as they stand in the field, so that a message of the usual kind needs one look. */
const KNOWN_TYPES: ReadonlyMap<string, string> = new Map(
  Object.values(MessageType).flatMap((name) => [
    [name.padEnd(TYPE_BYTES, ' '), name],
    [name.padEnd(TYPE_BYTES, '\0'), name],
  ]),
);

function readMessageType(buffer: Buffer): string {
  const field = buffer.toString('latin1', Offset.messageType, Offset.schemaVersion);
  return KNOWN_TYPES.get(field) ?? readUnknownType(buffer);
}

function readUnknownType(buffer: Buffer): string {
  let start: number = Offset.messageType;
  let end: number = Offset.schemaVersion;
  while (end > start && isPadding(buffer[end - 1])) end--;
  while (start < end && isPadding(buffer[start])) start++;
  if (start === end) throw invalidField('MessageType', Offset.messageType, 'is empty');
  for (let at = start; at < end; at++) {
    const byte = buffer[at] ?? 0;
    if (byte < 0x21 || byte > 0x7e)
      throw invalidField('MessageType', at, 'has a byte that is not printable ASCII');
  }
  return buffer.toString('latin1', start, end);
}

/** Senders pad with spaces, receivers also accept NUL (protocol section "Binary envelope"). */
function isPadding(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0;
}

function readUnsigned64(buffer: Buffer, field: string, offset: number): number {
  const value = buffer.readUInt32BE(offset) * HIGH + buffer.readUInt32BE(offset + 4);
  if (value > Number.MAX_SAFE_INTEGER) throw invalidField(field, offset, 'is out of range');
  return value;
}

function requireUnsigned(field: string, offset: number, value: number, maximum: number): void {
  if (!Number.isInteger(value) || value < 0 || value > maximum) {
    throw invalidField(field, offset, `cannot carry ${value}`);
  }
}
