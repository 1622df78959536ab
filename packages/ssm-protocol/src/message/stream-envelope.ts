import { invalidField } from '../errors.ts';
import { encodeClientMessage } from './client-message.ts';
import { MESSAGE_HEADER_BYTES, Offset } from './constants.ts';
import { finishPayload, totalBytes, writePayload, writeUnsigned64 } from './envelope-fields.ts';
import { writeMessageId } from './message-id.ts';

/** What changes from message to message of one kind. */
export interface EnvelopeFields {
  readonly createdDateMs: number;
  readonly sequenceNumber: number;
  readonly flags: number;
  readonly messageId: string;
  /** One of `PayloadType`. */
  readonly payloadType: number;
}

/**
 * Encodes many messages of one type: the same bytes as `encodeClientMessage`, but the header is copied from a template
 * and only the fields that change are written.
 */
export class StreamEnvelope {
  readonly #template: Buffer;

  /** Throws `SSM_FRAME_INVALID` for a type that the envelope cannot carry. */
  constructor(messageType: string) {
    this.#template = encodeClientMessage({
      messageType,
      schemaVersion: 1,
      createdDateMs: 1,
      sequenceNumber: 0,
      flags: 0,
      messageId: '00000000-0000-0000-0000-000000000000',
      payloadType: 0,
      payload: new Uint8Array(0),
    });
  }

  /** The parts of the payload are copied. */
  encode(fields: EnvelopeFields, payloadParts: readonly Uint8Array[]): Buffer {
    const bytes = Buffer.allocUnsafe(MESSAGE_HEADER_BYTES + totalBytes(payloadParts));
    this.#writeFields(bytes, fields);
    writePayload(bytes, payloadParts);
    return bytes;
  }

  /** The same for a payload of ASCII text. */
  encodeText(fields: EnvelopeFields, payload: string): Buffer {
    const bytes = Buffer.allocUnsafe(MESSAGE_HEADER_BYTES + payload.length);
    this.#writeFields(bytes, fields);
    bytes.write(payload, Offset.payload, payload.length, 'latin1');
    finishPayload(bytes);
    return bytes;
  }

  #writeFields(bytes: Buffer, fields: EnvelopeFields): void {
    const { createdDateMs, sequenceNumber } = fields;
    if (!Number.isSafeInteger(createdDateMs) || createdDateMs < 0) {
      throw invalidField('CreatedDate', Offset.createdDate, `cannot carry ${createdDateMs}`);
    }
    bytes.set(this.#template, 0);
    writeUnsigned64(bytes, createdDateMs, Offset.createdDate);
    if (sequenceNumber !== 0) writeUnsigned64(bytes, sequenceNumber, Offset.sequenceNumber);
    if (fields.flags !== 0) writeUnsigned64(bytes, fields.flags, Offset.flags);
    writeMessageId(bytes, fields.messageId, Offset.messageId);
    bytes.writeUInt32BE(fields.payloadType, Offset.payloadType);
  }
}
