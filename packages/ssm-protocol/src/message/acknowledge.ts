import { invalidField } from '../errors.ts';
import { type ClientMessage, encodeClientMessage } from './client-message.ts';
import { MessageFlags, MessageType, Offset, PayloadType } from './constants.ts';
import { member, optionalText, parseJsonObject, requireCount } from './json-body.ts';

/** Names the one stream message that was received. Acknowledgements are selective, never cumulative. */
export interface Acknowledgement {
  messageType: string;
  messageId: string;
  sequenceNumber: number;
}

/** Encodes an acknowledgement. Acknowledgements are neither sequenced nor acknowledged themselves. */
export function encodeAcknowledge(
  of: Acknowledgement,
  envelope: { messageId: string; createdDateMs: number },
): Buffer {
  // Written by hand: there is one for every message received. Key order as the official peers have it.
  const body =
    `{"AcknowledgedMessageType":${JSON.stringify(of.messageType)},` +
    `"AcknowledgedMessageId":${JSON.stringify(of.messageId)},` +
    `"AcknowledgedMessageSequenceNumber":${of.sequenceNumber},"IsSequentialMessage":true}`;
  return encodeClientMessage({
    messageType: MessageType.acknowledge,
    schemaVersion: 1,
    createdDateMs: envelope.createdDateMs,
    sequenceNumber: 0,
    flags: MessageFlags.control,
    messageId: envelope.messageId,
    payloadType: PayloadType.none,
    payload: Buffer.from(body),
  });
}

/** Reads the body of an `acknowledge` message. Only the sequence number matters to a sender. */
export function decodeAcknowledge(message: ClientMessage): Acknowledgement {
  if (message.messageType !== MessageType.acknowledge) {
    throw invalidField('MessageType', Offset.messageType, `is ${message.messageType}, not acknowledge`);
  }
  const body = parseJsonObject('acknowledge', message.payload);
  return {
    messageType: optionalText('AcknowledgedMessageType', member(body, 'AcknowledgedMessageType')),
    messageId: optionalText('AcknowledgedMessageId', member(body, 'AcknowledgedMessageId')),
    sequenceNumber: requireCount(
      'AcknowledgedMessageSequenceNumber',
      member(body, 'AcknowledgedMessageSequenceNumber'),
    ),
  };
}
