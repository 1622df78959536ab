import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  type ClientMessage,
  decodeAcknowledge,
  decodeClientMessage,
  encodeAcknowledge,
  encodeClientMessage,
  isProtocolError,
  MESSAGE_HEADER_BYTES,
  MessageType,
  ReliableReceiver,
} from '@postern/ssm-protocol';
import { capturedEnvelopes } from '../captures.ts';
import { type FuzzTarget, orOurError, promise } from '../target.ts';

/** The binary envelope: as it came, and again with length and digest repaired so that the rest is reached. */
export function envelopeTarget(): FuzzTarget {
  return {
    name: 'envelope',
    seeds: capturedEnvelopes(),
    words: [...Object.values(MessageType), '\0\0\0t', '\0\0\0\x01', ' '.repeat(16), '\0'.repeat(16)],
    run(input) {
      const bytes = Buffer.from(input);
      decodeOnce(bytes);
      orOurError(isProtocolError, () => decodeClientMessage(bytes, { verifyDigest: false }));
      if (bytes.length < MESSAGE_HEADER_BYTES) return;
      bytes.writeUInt32BE(116, 0);
      bytes.writeUInt32BE(bytes.length - MESSAGE_HEADER_BYTES, 116);
      bytes.set(createHash('sha256').update(bytes.subarray(MESSAGE_HEADER_BYTES)).digest(), 80);
      const message = decodeOnce(bytes);
      if (message === undefined) return;
      receive(message);
      const acknowledged = orOurError(isProtocolError, () => decodeAcknowledge(message));
      if (acknowledged === undefined) return;
      const again = decodeAcknowledge(
        decodeClientMessage(
          encodeAcknowledge(acknowledged, { messageId: message.messageId, createdDateMs: 1 }),
        ),
      );
      promise(isDeepStrictEqual(again, acknowledged), 'an acknowledgement comes out as it went in');
    },
  };
}

/** decode(encode(x)) = x, and where the padding is the usual one the bytes are the same as well. */
function decodeOnce(bytes: Buffer): ClientMessage | undefined {
  const before = Buffer.from(bytes);
  const message = orOurError(isProtocolError, () => decodeClientMessage(bytes));
  promise(bytes.equals(before), 'decoding changes nothing');
  if (message === undefined) return undefined;
  promise(
    message.payload.length === bytes.length - MESSAGE_HEADER_BYTES,
    'the payload is what follows the header',
  );
  // Publication messages may come without a date, which cannot be sent.
  const encoded = encodeClientMessage(message);
  const usual = bytes.toString('latin1', 4, 36) === message.messageType.padEnd(32, ' ');
  const undated = message.createdDateMs === 0;
  if (undated) return message;
  promise(isDeepStrictEqual(decodeClientMessage(encoded), message), 'decode(encode(x)) = x');
  const digest = createHash('sha256').update(message.payload).digest();
  if (usual && digest.equals(bytes.subarray(80, 112)))
    promise(encoded.equals(bytes), 'encode(decode(bytes)) = bytes');
  return message;
}

/** A receiver that gets it as the first, a duplicate, and in the middle of a gap. */
function receive(message: ClientMessage): void {
  const receiver = new ReliableReceiver({ maxBufferedMessages: 4, maxBufferedBytes: 4_096 });
  const expected = Math.min(message.sequenceNumber, 3);
  for (let sequenceNumber = 0; sequenceNumber < expected; sequenceNumber++) {
    receiver.receive({ ...message, sequenceNumber });
  }
  for (let copy = 0; copy < 2; copy++) {
    const { ready, acknowledge, outcome } = receiver.receive(message);
    promise(acknowledge === (outcome !== 'refused'), 'all but what is refused is acknowledged');
    promise(ready.length <= 1 && (copy === 0 || ready.length === 0), 'each message is handed on once');
  }
  promise(receiver.bufferedMessages <= 4, 'what a receiver holds is bounded');
}
