import { createHash } from 'node:crypto';
import type { ClientMessage, SmuxFrame } from '../src/index.ts';

// A second codec, written from the protocol's tables alone: slow, obvious, and shares no line with the first.

export function naiveEncode(message: ClientMessage): Uint8Array {
  const bytes: number[] = [];
  const number = (value: bigint | number, length: number): void => {
    for (let shift = length - 1; shift >= 0; shift--)
      bytes.push(Number((BigInt(value) >> BigInt(8 * shift)) & 255n));
  };
  number(116, 4);
  for (let at = 0; at < 32; at++) bytes.push(message.messageType.padEnd(32, ' ').charCodeAt(at));
  number(message.schemaVersion, 4);
  number(message.createdDateMs, 8);
  number(message.sequenceNumber, 8);
  number(message.flags, 8);
  const uuid = (message.messageId.replaceAll('-', '').match(/../g) ?? []).map((pair) =>
    Number.parseInt(pair, 16),
  );
  bytes.push(...uuid.slice(8), ...uuid.slice(0, 8));
  bytes.push(...createHash('sha256').update(message.payload).digest());
  number(message.payloadType, 4);
  number(message.payload.length, 4);
  bytes.push(...message.payload);
  return Uint8Array.from(bytes);
}

export function naiveDecode(bytes: Uint8Array): ClientMessage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = [...bytes.slice(4, 36)].map((byte) => String.fromCharCode(byte)).join('');
  const hex = [...bytes.slice(72, 80), ...bytes.slice(64, 72)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
  return {
    messageType: text.replaceAll('\0', '').trim(),
    schemaVersion: view.getUint32(36),
    createdDateMs: Number(view.getBigUint64(40)),
    sequenceNumber: Number(view.getBigInt64(48)),
    flags: Number(view.getBigUint64(56)),
    messageId: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    payloadType: view.getUint32(112),
    payload: bytes.slice(120),
  };
}

/** All frames of a complete byte stream. */
export function naiveSmux(bytes: Uint8Array): SmuxFrame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: SmuxFrame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint16(at + 2, true);
    frames.push({
      command: view.getUint8(at + 1),
      streamId: view.getUint32(at + 4, true),
      data: bytes.slice(at + 8, at + 8 + length),
    });
    at += 8 + length;
  }
  return frames;
}
