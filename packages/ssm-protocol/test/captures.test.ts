import { describe, expect, it } from 'vitest';
import {
  type ClientMessage,
  decodeAcknowledge,
  decodeClientMessage,
  encodeAcknowledge,
  encodeAgentSessionState,
  encodeClientMessage,
  encodeHandshakeComplete,
  encodeHandshakeRequest,
  encodeHandshakeResponse,
  encodeOpenDataChannel,
  encodeSessionFlag,
  MessageType,
  MuxSession,
  PayloadType,
  parseAgentSessionState,
  parseHandshakeComplete,
  parseHandshakeRequest,
  parseHandshakeResponse,
  parseOpenDataChannel,
  parseSessionFlag,
  ReliableReceiver,
  SessionFlag,
  sessionProperty,
} from '../src/index.ts';
import { captureNames, readCapture } from './captures.ts';
import { naiveDecode, naiveEncode } from './naive-codec.ts';

const messagesOf = (name: (typeof captureNames)[number], from: 'client' | 'agent'): ClientMessage[] =>
  readCapture(name)
    .filter((frame) => frame.from === from)
    .map((frame) => decodeClientMessage(Buffer.from(frame.hex ?? '', 'hex')));

/** The body of a message, decoded and encoded again by the codec for it. */
function bodyAgain({ messageType, payloadType, payload }: ClientMessage): Uint8Array {
  if (messageType === MessageType.agentSessionState)
    return encodeAgentSessionState(parseAgentSessionState(payload));
  switch (payloadType) {
    case PayloadType.handshakeRequest:
      return encodeHandshakeRequest(parseHandshakeRequest(payload));
    case PayloadType.handshakeResponse:
      return encodeHandshakeResponse(parseHandshakeResponse(payload));
    case PayloadType.handshakeComplete:
      return encodeHandshakeComplete(parseHandshakeComplete(payload));
    case PayloadType.flag:
      return encodeSessionFlag(parseSessionFlag(payload));
    default:
      return payload;
  }
}

describe.each(captureNames)('recording %s of the official client and agent', (name) => {
  it('has only frames that come out of our codec byte for byte as they went in', () => {
    for (const { hex, text } of readCapture(name)) {
      if (text !== undefined) {
        expect(encodeOpenDataChannel(parseOpenDataChannel(text))).toBe(text);
        continue;
      }
      const bytes = Buffer.from(hex ?? '', 'hex');
      const message = decodeClientMessage(bytes);
      expect({ ...message, payload: Buffer.from(message.payload) }).toEqual({
        ...naiveDecode(bytes),
        payload: Buffer.from(naiveDecode(bytes).payload),
      });
      expect(encodeClientMessage(message).equals(bytes)).toBe(true);
      expect(Buffer.from(naiveEncode(message)).equals(bytes)).toBe(true);
      expect(Buffer.from(bodyAgain(message)).toString('latin1')).toBe(
        Buffer.from(message.payload).toString('latin1'),
      );
      if (message.messageType === MessageType.acknowledge) {
        expect(encodeAcknowledge(decodeAcknowledge(message), message).equals(bytes)).toBe(true);
      }
    }
  });

  it.each(['client', 'agent'] as const)(
    'passes through a receiver in order when the %s is replayed',
    (from) => {
      const receiver = new ReliableReceiver();
      const sent = messagesOf(name, from).filter(({ messageType }) => messageType.endsWith('_stream_data'));
      const ready = sent.flatMap((message) => [...receiver.receive(message).ready]);
      expect(ready.map(({ sequenceNumber }) => sequenceNumber)).toEqual(ready.map((_, index) => index));
      expect(new Set(sent.map(({ sequenceNumber }) => sequenceNumber)).size).toBe(ready.length);
      expect(receiver.bufferedMessages).toBe(0);
    },
  );

  it('acknowledges only messages that the other side sent', () => {
    for (const [from, to] of [
      ['client', 'agent'],
      ['agent', 'client'],
    ] as const) {
      const sent = messagesOf(name, to);
      for (const message of messagesOf(name, from)) {
        if (message.messageType !== MessageType.acknowledge) continue;
        const { messageId, sequenceNumber } = decodeAcknowledge(message);
        expect(sent.some((it) => it.messageId === messageId && it.sequenceNumber === sequenceNumber)).toBe(
          true,
        );
      }
    }
  });
});

describe('recorded mux sessions', () => {
  const output = (name: (typeof captureNames)[number], from: 'client' | 'agent'): Uint8Array[] =>
    messagesOf(name, from)
      .filter(({ payloadType }) => payloadType === PayloadType.output)
      .map(({ payload }) => payload);

  it('give an agent both streams with every byte, and the ends in their places', () => {
    const mux = new MuxSession({ role: 'server' });
    const log: string[] = [];
    const bytes = new Map<number, number>();
    for (const payload of output('mux-two-streams', 'client')) {
      for (const event of mux.receive(payload)) {
        if (event.type === 'data')
          bytes.set(event.streamId, (bytes.get(event.streamId) ?? 0) + event.data.length);
        else log.push(`${event.type} ${event.streamId}`);
      }
    }
    expect(log).toEqual(['open 3', 'open 5', 'end 3', 'end 5']);
    expect(Object.fromEntries(bytes)).toEqual({ 3: 1_512, 5: 3_000 });
  });

  it('give a client the same bytes back', () => {
    const mux = new MuxSession({ role: 'client' });
    expect(mux.open().frame.toString('hex')).toBe('0100000003000000');
    expect(mux.open().streamId).toBe(5);
    const bytes = new Map<number, number>();
    const ends: number[] = [];
    for (const payload of output('mux-two-streams', 'agent')) {
      for (const event of mux.receive(payload)) {
        if (event.type === 'data')
          bytes.set(event.streamId, (bytes.get(event.streamId) ?? 0) + event.data.length);
        if (event.type === 'end') ends.push(event.streamId);
      }
    }
    expect(Object.fromEntries(bytes)).toEqual({ 3: 1_512, 5: 3_000 });
    expect(ends).toEqual([3, 5]);
  });

  it('announce a refused port before the end of its stream', () => {
    const flagAt = messagesOf('mux-refused', 'agent').findIndex(
      ({ payloadType, payload }) =>
        payloadType === PayloadType.flag && parseSessionFlag(payload) === SessionFlag.connectToPortError,
    );
    const next = messagesOf('mux-refused', 'agent')[flagAt + 1];
    const mux = new MuxSession({ role: 'client' });
    mux.open();
    expect(mux.receive(next?.payload ?? Buffer.alloc(0))).toEqual([{ type: 'end', streamId: 3 }]);
  });

  it('carry the document properties in the handshake', () => {
    const request = messagesOf('forbidden-host', 'agent').find(
      ({ payloadType }) => payloadType === PayloadType.handshakeRequest,
    );
    const [action] = parseHandshakeRequest(request?.payload ?? Buffer.alloc(0)).actions;
    expect(action?.actionType).toBe('SessionType');
    const properties = action?.actionType === 'SessionType' ? action.properties : null;
    expect(sessionProperty(properties, 'Host')).toBe('169.254.169.254');
    expect(sessionProperty(properties, 'absent')).toBeUndefined();
  });
});
