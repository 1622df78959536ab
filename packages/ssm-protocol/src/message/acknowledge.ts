import { invalidField } from '../errors.ts';
import type { ClientMessage } from './client-message.ts';
import { MessageFlags, MessageType, Offset, PayloadType } from './constants.ts';
import { encodeJson, member, optionalText, parseJsonObject, requireCount } from './json-body.ts';
import { StreamEnvelope } from './stream-envelope.ts';

/** Names the one stream message that was received. Acknowledgements are selective, never cumulative. */
export interface Acknowledgement {
  messageType: string;
  messageId: string;
  sequenceNumber: number;
}

// One for every message received, hence no JSON encoder and no parser for what official peers send, to the letter.
const TYPE = '{"AcknowledgedMessageType":"';
const ID = '","AcknowledgedMessageId":"';
const NUMBER = '","AcknowledgedMessageSequenceNumber":';
const END = ',"IsSequentialMessage":true}';
const UUID_LENGTH = 36;

const envelopes = new StreamEnvelope(MessageType.acknowledge);

/** Encodes an acknowledgement. Acknowledgements are neither sequenced nor acknowledged themselves. */
export function encodeAcknowledge(
  of: Acknowledgement,
  envelope: { messageId: string; createdDateMs: number },
): Buffer {
  const plain = PLAIN.test(of.messageType) && PLAIN.test(of.messageId);
  const fields = {
    createdDateMs: envelope.createdDateMs,
    sequenceNumber: 0,
    flags: MessageFlags.control,
    messageId: envelope.messageId,
    payloadType: PayloadType.none,
  };
  if (plain) {
    return envelopes.encodeText(
      fields,
      TYPE + of.messageType + ID + of.messageId + NUMBER + of.sequenceNumber + END,
    );
  }
  const body = encodeJson({
    AcknowledgedMessageType: of.messageType,
    AcknowledgedMessageId: of.messageId,
    AcknowledgedMessageSequenceNumber: of.sequenceNumber,
    IsSequentialMessage: true,
  });
  return envelopes.encode(fields, [Buffer.from(body)]);
}

/** Text that needs no escape in JSON. */
const PLAIN = /^[\w-]*$/;

/** Reads the body of an `acknowledge` message. Only the sequence number matters to a sender. */
export function decodeAcknowledge(message: ClientMessage): Acknowledgement {
  if (message.messageType !== MessageType.acknowledge) {
    throw invalidField('MessageType', Offset.messageType, `is ${message.messageType}, not acknowledge`);
  }
  const { payload } = message;
  const text = Buffer.isBuffer(payload) ? payload.toString('latin1') : '';
  return parseExact(text) ?? parseAny(payload);
}

/** Undefined unless the body is exactly what an official peer writes. */
function parseExact(text: string): Acknowledgement | undefined {
  if (!text.startsWith(TYPE) || !text.endsWith(END)) return undefined;
  const typeEnd = text.indexOf('"', TYPE.length);
  const idStart = typeEnd + ID.length;
  const idEnd = idStart + UUID_LENGTH;
  if (!text.startsWith(ID, typeEnd) || !text.startsWith(NUMBER, idEnd)) return undefined;
  const messageType = text.slice(TYPE.length, typeEnd);
  const messageId = text.slice(idStart, idEnd);
  const digitsStart = idEnd + NUMBER.length;
  const digits = text.length - END.length - digitsStart;
  // As many digits as are exact in any case, and no leading zero, which JSON does not have.
  if (digits < 1 || digits > 15 || (digits > 1 && text.charCodeAt(digitsStart) === 0x30)) return undefined;
  let sequenceNumber = 0;
  for (let at = digitsStart; at < digitsStart + digits; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    sequenceNumber = sequenceNumber * 10 + digit;
  }
  if (!PLAIN.test(messageType) || !PLAIN.test(messageId)) return undefined;
  return { messageType, messageId, sequenceNumber };
}

function parseAny(payload: Uint8Array): Acknowledgement {
  const body = parseJsonObject('acknowledge', payload);
  return {
    messageType: optionalText('AcknowledgedMessageType', member(body, 'AcknowledgedMessageType')),
    messageId: optionalText('AcknowledgedMessageId', member(body, 'AcknowledgedMessageId')),
    sequenceNumber: requireCount(
      'AcknowledgedMessageSequenceNumber',
      member(body, 'AcknowledgedMessageSequenceNumber'),
    ),
  };
}
