import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { naiveDecode, naiveEncode } from '../../test/naive-codec.ts';
import { isProtocolError, ProtocolError } from '../errors.ts';
import { encodeSmuxFrame } from '../smux/frame.ts';
import { encodeAcknowledge } from './acknowledge.ts';
import { type ClientMessage, decodeClientMessage, encodeClientMessage } from './client-message.ts';
import { encodeSessionFlag } from './session-flag.ts';
import { StreamEnvelope } from './stream-envelope.ts';

const createdDateMs = 1_700_000_000_123;

/** The golden bytes of the protocol document, which the official client's own code reproduced. */
const inputStreamData =
  '00000074696e7075745f73747265616d5f64617461202020202020202020202020202020000000010000018bcfe5687b00000000000000070000000000000000a508b5f073f31b16dd01e56bff48483e28b5915913b7bf1b9d0b0280f4375c00b6f6f88e7c638990f83ffcefec363a56000000010000001701000000030000000102070003000000474554202f0d0a';
const acknowledge =
  '0000007461636b6e6f776c65646765202020202020202020202020202020202020202020000000010000018bcfe5687b000000000000000000000000000000038796a5b4c3d2e1f00f1e2d3c4b5a49789bb58011ec129dac95399bf5f29525660fd9ff858b8fb0bf5457337dbf47b72d00000000000000b17b2241636b6e6f776c65646765644d65737361676554797065223a226f75747075745f73747265616d5f64617461222c2241636b6e6f776c65646765644d6573736167654964223a2230303131323233332d343435352d343637372d383839392d616162626363646465656666222c2241636b6e6f776c65646765644d65737361676553657175656e63654e756d626572223a34322c22497353657175656e7469616c4d657373616765223a747275657d';
const terminateFlag =
  '00000074696e7075745f73747265616d5f64617461202020202020202020202020202020000000010000018bcfe5687b000000000000000900000000000000009def0123456789abc0ffee0012344abc433ebf5bc03dffa38536673207a21281612cef5faa9bc7a4d5b9be2fdb12cf1a0000000a0000000400000002';

const sample: ClientMessage = {
  messageType: 'input_stream_data',
  schemaVersion: 1,
  createdDateMs,
  sequenceNumber: 7,
  flags: 0,
  messageId: 'dd01e56b-ff48-483e-a508-b5f073f31b16',
  payloadType: 1,
  payload: Buffer.concat([
    encodeSmuxFrame({ command: 0, streamId: 3, data: new Uint8Array(0) }),
    encodeSmuxFrame({ command: 2, streamId: 3, data: Buffer.from('GET /\r\n') }),
  ]),
};

const anyMessage: fc.Arbitrary<ClientMessage> = fc.record({
  messageType: fc.stringMatching(/^[a-z_]{1,32}$/),
  schemaVersion: fc.integer({ min: 0, max: 0xffff_ffff }),
  createdDateMs: fc.maxSafeNat().map((value) => value + (value === 0 ? 1 : 0)),
  sequenceNumber: fc.maxSafeNat(),
  flags: fc.maxSafeNat(),
  messageId: fc.uuid(),
  payloadType: fc.integer({ min: 0, max: 0xffff_ffff }),
  payload: fc.uint8Array({ maxLength: 300 }),
});

function failure(action: () => unknown): ProtocolError {
  try {
    action();
  } catch (error) {
    if (isProtocolError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const changed = (change: (bytes: Buffer) => void): Buffer => {
  const bytes = encodeClientMessage(sample);
  change(bytes);
  return bytes;
};

describe('the envelope', () => {
  it('is written as the documented bytes', () => {
    expect(encodeClientMessage(sample).toString('hex')).toBe(inputStreamData);
    const flag = {
      ...sample,
      sequenceNumber: 9,
      messageId: 'c0ffee00-1234-4abc-9def-0123456789ab',
      payloadType: 10,
      payload: encodeSessionFlag(2),
    };
    expect(encodeClientMessage(flag).toString('hex')).toBe(terminateFlag);
    const of = {
      messageType: 'output_stream_data',
      messageId: '00112233-4455-4677-8899-aabbccddeeff',
      sequenceNumber: 42,
    };
    const envelope = { messageId: '0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0', createdDateMs };
    expect(encodeAcknowledge(of, envelope).toString('hex')).toBe(acknowledge);
  });

  it('is read from the documented bytes', () => {
    expect(decodeClientMessage(Buffer.from(inputStreamData, 'hex'))).toEqual(sample);
  });

  it('agrees with the naive codec on every message', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const bytes = encodeClientMessage(message);
        expect(bytes.equals(naiveEncode(message))).toBe(true);
        const plain = (it: ClientMessage): ClientMessage => ({ ...it, payload: Uint8Array.from(it.payload) });
        expect(plain(decodeClientMessage(bytes))).toEqual(plain(naiveDecode(bytes)));
        expect(plain(decodeClientMessage(bytes))).toEqual(plain(message));
      }),
    );
  });

  it('is the same from the template of a stream', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat({ max: 300 }), (message, cut) => {
        const bytes = encodeClientMessage({ ...message, schemaVersion: 1 });
        const envelope = new StreamEnvelope(message.messageType);
        const parts = [message.payload.subarray(0, cut), message.payload.subarray(cut)];
        expect(envelope.encode(message, parts).equals(bytes)).toBe(true);
        const text = Buffer.from(message.payload).toString('hex');
        const ofText = encodeClientMessage({ ...message, schemaVersion: 1, payload: Buffer.from(text) });
        expect(envelope.encodeText(message, text).equals(ofText)).toBe(true);
      }),
    );
    expect(() => new StreamEnvelope('with space')).toThrow(expect.objectContaining({ field: 'MessageType' }));
    const fields = { ...sample, createdDateMs: 1.5 };
    expect(() => new StreamEnvelope('x').encode(fields, [])).toThrow(
      expect.objectContaining({ field: 'CreatedDate' }),
    );
  });

  it('does not copy the payload it decodes', () => {
    const bytes = encodeClientMessage(sample);
    expect(decodeClientMessage(bytes).payload.buffer).toBe(bytes.buffer);
  });

  it('is read from any Uint8Array, also from the middle of another', () => {
    const around = new Uint8Array(1_000);
    around.set(encodeClientMessage(sample), 77);
    const decoded = decodeClientMessage(around.subarray(77, 77 + 143));
    expect(Buffer.from(decoded.payload)).toEqual(sample.payload);
  });

  it('accepts NUL padding, as receivers of the official programs do', () => {
    const bytes = changed((it) => it.fill(0, 4 + 'input_stream_data'.length, 36));
    expect(decodeClientMessage(bytes).messageType).toBe('input_stream_data');
  });

  it('takes publication messages without date and digest, as the service may send them', () => {
    const bytes = changed((it) => {
      it.fill(0x20, 4, 36).write('pause_publication', 4, 'latin1');
      it.fill(0, 40, 48).fill(0, 80, 112);
    });
    expect(decodeClientMessage(bytes).messageType).toBe('pause_publication');
  });

  it('leaves the digest alone when told to, as the agent does', () => {
    const bytes = changed((it) => it.writeUInt8(0x47 ^ 1, 142));
    expect(decodeClientMessage(bytes, { verifyDigest: false }).sequenceNumber).toBe(7);
    expect(failure(() => decodeClientMessage(bytes))).toMatchObject({
      code: 'SSM_DIGEST_MISMATCH',
      kind: 'protocol',
      field: 'PayloadDigest',
      offset: 80,
    });
  });
});

describe('a broken envelope', () => {
  it.each<[string, number, Buffer]>([
    ['message', 0, Buffer.alloc(0)],
    ['message', 119, Buffer.alloc(119)],
    ['HeaderLength', 0, changed((it) => it.writeUInt32BE(0xffff_ffff, 0))],
    ['MessageType', 4, changed((it) => it.fill(0x20, 4, 36))],
    ['MessageType', 9, changed((it) => it.writeUInt8(0xc3, 9))],
    ['MessageType', 9, changed((it) => it.writeUInt8(0, 9))],
    ['CreatedDate', 40, changed((it) => it.fill(0, 40, 48))],
    ['CreatedDate', 40, changed((it) => it.fill(0xff, 40, 48))],
    ['SequenceNumber', 48, changed((it) => it.fill(0xff, 48, 56))],
    ['Flags', 56, changed((it) => it.fill(0xff, 56, 64))],
    ['PayloadLength', 116, changed((it) => it.writeUInt32BE(22, 116))],
    ['PayloadLength', 116, encodeClientMessage(sample).subarray(0, 142)],
  ])('names the field %s at byte %i', (field, offset, bytes) => {
    expect(failure(() => decodeClientMessage(bytes))).toMatchObject({
      code: 'SSM_FRAME_INVALID',
      field,
      offset,
    });
  });

  it('is never anything but a ProtocolError, whatever the bytes', () => {
    const original = encodeClientMessage(sample);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: original.length - 1 }), fc.nat({ max: 255 })), { maxLength: 4 }),
        fc.nat({ max: original.length }),
        (edits, length) => {
          const bytes = Buffer.from(original);
          for (const [at, value] of edits) bytes[at] = value;
          try {
            decodeClientMessage(bytes.subarray(0, length));
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each<[string, Partial<ClientMessage>]>([
    ['MessageType', { messageType: '' }],
    ['MessageType', { messageType: 'a'.repeat(33) }],
    ['MessageType', { messageType: 'with space' }],
    ['SequenceNumber', { sequenceNumber: -1 }],
    ['SequenceNumber', { sequenceNumber: 2 ** 53 }],
    ['CreatedDate', { createdDateMs: 1.5 }],
    ['PayloadType', { payloadType: 2 ** 32 }],
    ['MessageId', { messageId: 'not-a-uuid' }],
    ['MessageId', { messageId: 'dd01e56b-ff48-483e-a508-b5f073f31b1g' }],
    ['MessageId', { messageId: 'dd01e56b-ff48-483e-a508+b5f073f31b16' }],
    ['MessageId', { messageId: 'dd01e56b-ff48-483e-a508-b5f073f31b16 ' }],
    ['MessageId', { messageId: 'dd01e56b-ff48-483e-a508-b5f073f31b\u0661\u0662' }],
  ])('cannot be written: %s', (field, part) => {
    expect(failure(() => encodeClientMessage({ ...sample, ...part }))).toMatchObject({ field });
  });
});
