import { createHash, randomUUID } from 'node:crypto';

/**
 * The envelope, written out by hand and on its own: these tests must notice when the codec that the simulator
 * uses is wrong.
 */
export interface RawMessage {
  type: string;
  sequence: number;
  flags: number;
  id: string;
  payloadType: number;
  payload: Buffer;
  createdMs: number;
  digest: string;
  bytes: Buffer;
}

export interface RawFields {
  type: string;
  sequence?: number;
  flags?: number;
  id?: string;
  payloadType?: number;
  payload?: Buffer;
  digest?: Buffer;
  headerLength?: number;
}

export function rawEnvelope(fields: RawFields): Buffer {
  const payload = fields.payload ?? Buffer.alloc(0);
  const bytes = Buffer.alloc(120 + payload.length);
  bytes.writeUInt32BE(fields.headerLength ?? 116, 0);
  bytes.write(fields.type.padEnd(32, ' '), 4, 'ascii');
  bytes.writeUInt32BE(1, 36);
  bytes.writeBigUInt64BE(BigInt(Date.now()), 40);
  bytes.writeBigInt64BE(BigInt(fields.sequence ?? 0), 48);
  bytes.writeBigUInt64BE(BigInt(fields.flags ?? 0), 56);
  const id = Buffer.from((fields.id ?? randomUUID()).replaceAll('-', ''), 'hex');
  id.copy(bytes, 64, 8, 16);
  id.copy(bytes, 72, 0, 8);
  (fields.digest ?? createHash('sha256').update(payload).digest()).copy(bytes, 80);
  bytes.writeUInt32BE(fields.payloadType ?? 0, 112);
  bytes.writeUInt32BE(payload.length, 116);
  payload.copy(bytes, 120);
  return bytes;
}

export function rawDecode(bytes: Buffer): RawMessage {
  const hex = bytes.toString('hex', 72, 80) + bytes.toString('hex', 64, 72);
  return {
    type: bytes.toString('ascii', 4, 36).trim(),
    sequence: Number(bytes.readBigInt64BE(48)),
    flags: Number(bytes.readBigUInt64BE(56)),
    id: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    payloadType: bytes.readUInt32BE(112),
    payload: bytes.subarray(120),
    createdMs: Number(bytes.readBigUInt64BE(40)),
    digest: bytes.toString('hex', 80, 112),
    bytes,
  };
}

export function rawAcknowledge(message: RawMessage): Buffer {
  return rawEnvelope({
    type: 'acknowledge',
    flags: 3,
    payload: Buffer.from(
      `{"AcknowledgedMessageType":"${message.type}","AcknowledgedMessageId":"${message.id}",` +
        `"AcknowledgedMessageSequenceNumber":${message.sequence},"IsSequentialMessage":true}`,
    ),
  });
}

const frame = (command: number, streamId: number, data: Buffer): Buffer => {
  const header = Buffer.alloc(8);
  header.writeUInt8(1, 0);
  header.writeUInt8(command, 1);
  header.writeUInt16LE(data.length, 2);
  header.writeUInt32LE(streamId, 4);
  return Buffer.concat([header, data]);
};

export const syn = (streamId: number): Buffer => frame(0, streamId, Buffer.alloc(0));
export const fin = (streamId: number): Buffer => frame(1, streamId, Buffer.alloc(0));
export const psh = (streamId: number, data: string | Buffer): Buffer => frame(2, streamId, Buffer.from(data));

/** Frames of a byte stream as `SYN 3`, `PSH 3 hello`, `FIN 3`. */
export function frameTexts(bytes: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt16LE(at + 2);
    const name = ['SYN', 'FIN', 'PSH', 'NOP'][bytes.readUInt8(at + 1)];
    const data = bytes.subarray(at + 8, at + 8 + length);
    texts.push(`${name} ${bytes.readUInt32LE(at + 4)}${length === 0 ? '' : ` ${data.toString()}`}`);
    at += 8 + length;
  }
  return texts;
}
