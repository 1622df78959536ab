import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isProtocolError } from '../errors.ts';
import { parseHandshakeComplete } from '../handshake/handshake-complete.ts';
import { parseHandshakeRequest, sessionProperty } from '../handshake/handshake-request.ts';
import { parseHandshakeResponse } from '../handshake/handshake-response.ts';
import { decodeAcknowledge, encodeAcknowledge } from './acknowledge.ts';
import { parseAgentSessionState } from './agent-session-state.ts';
import { encodeChannelClosed, parseChannelClosed } from './channel-closed.ts';
import { type ClientMessage, decodeClientMessage } from './client-message.ts';
import { encodeOpenDataChannel, parseOpenDataChannel } from './open-data-channel.ts';
import { parseSessionFlag } from './session-flag.ts';

const envelope = { messageId: '0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0', createdDateMs: 1_700_000_000_123 };
const acknowledgeWith = (payload: Uint8Array): ClientMessage => ({
  messageType: 'acknowledge',
  schemaVersion: 1,
  createdDateMs: 1,
  sequenceNumber: 0,
  flags: 3,
  messageId: envelope.messageId,
  payloadType: 0,
  payload,
});

const parsers: Record<string, (body: Uint8Array) => unknown> = {
  acknowledge: (body) => decodeAcknowledge(acknowledgeWith(body)),
  agentSessionState: parseAgentSessionState,
  channelClosed: parseChannelClosed,
  flag: parseSessionFlag,
  handshakeComplete: parseHandshakeComplete,
  handshakeRequest: parseHandshakeRequest,
  handshakeResponse: parseHandshakeResponse,
  openDataChannel: (body) => parseOpenDataChannel(Buffer.from(body).toString()),
};

describe('message bodies', () => {
  it('keep the words of the agent when the channel is closed', () => {
    const output = 'Forwarding to IP address <x> & "y" is forbidden.';
    const body = encodeChannelClosed({ sessionId: 's-1', output }, envelope);
    expect(parseChannelClosed(body)).toEqual({ sessionId: 's-1', output });
    // Escaped as Go does it, so that the bytes are those of the real service.
    expect(body.toString()).toContain('\\u003cx\\u003e \\u0026');
    expect(JSON.parse(body.toString())).toEqual({
      MessageId: envelope.messageId,
      CreatedDate: '2023-11-14T22:13:20.123Z',
      DestinationId: 's-1',
      SessionId: 's-1',
      MessageType: 'channel_closed',
      SchemaVersion: 1,
      Output: output,
    });
  });

  it('take a closed channel without output as one without words', () => {
    expect(parseChannelClosed(Buffer.from('{"SessionId":"s-1"}'))).toEqual({ sessionId: 's-1', output: '' });
  });

  it('open a channel with the five keys of a client in their order', () => {
    const open = { requestId: 'r', tokenValue: 't', clientId: 'c', clientVersion: '1.2.677.0' };
    const text = encodeOpenDataChannel(open);
    expect(text).toBe(
      '{"MessageSchemaVersion":"1.0","RequestId":"r","TokenValue":"t","ClientId":"c","ClientVersion":"1.2.677.0"}',
    );
    expect(parseOpenDataChannel(text)).toEqual(open);
  });

  it('do not put a token into the error about a broken opening', () => {
    let message = '';
    try {
      parseOpenDataChannel('{"TokenValue":"secret-token",');
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain('OpenDataChannel');
    expect(message).not.toContain('secret-token');
  });

  it('are read as Go reads them: keys in any case, unknown ones passed over, null as absent', () => {
    const body = (value: object): Buffer => Buffer.from(JSON.stringify(value));
    const request = {
      agentversion: '3.3.987.0',
      REQUESTEDCLIENTACTIONS: [
        {
          actionType: 'SessionType',
          actionParameters: { sessionType: 'Port', properties: { TYPE: 'LocalPortForwarding' }, Extra: 1 },
          More: null,
        },
      ],
      Unknown: {},
    };
    const [action] = parseHandshakeRequest(body(request)).actions;
    expect(action).toEqual({
      actionType: 'SessionType',
      sessionType: 'Port',
      properties: { TYPE: 'LocalPortForwarding' },
    });
    expect(sessionProperty({ TYPE: 'LocalPortForwarding' }, 'type')).toBe('LocalPortForwarding');
    expect(sessionProperty({ Type: 'second', type: 'first' }, 'type')).toBe('first');
    expect(parseHandshakeComplete(body({ handshakeTimeToComplete: -1.5, CustomerMessage: null }))).toEqual({
      timeToCompleteNs: -1.5,
      customerMessage: '',
    });
    expect(parseHandshakeComplete(body({ HandshakeTimeToComplete: '3ms' })).timeToCompleteNs).toBe(0);
    expect(parseChannelClosed(body({ output: 'gone', SessionId: null }))).toEqual({
      sessionId: '',
      output: 'gone',
    });
    expect(decodeAcknowledge(acknowledgeWith(body({ acknowledgedMessageSequenceNumber: 7 })))).toEqual({
      messageType: '',
      messageId: '',
      sequenceNumber: 7,
    });
    const open = { requestid: 'r', tokenvalue: 't', clientid: 'peer-agent', Later: true };
    expect(parseOpenDataChannel(JSON.stringify(open))).toEqual({
      requestId: 'r',
      tokenValue: 't',
      clientId: 'peer-agent',
    });
  });

  it('acknowledge whatever the peer called its message, as JSON', () => {
    const text = fc.oneof(fc.constantFrom('output_stream_data', 'a"b', '<&>', 'ä', ''), fc.string());
    fc.assert(
      fc.property(
        text,
        fc.oneof(fc.uuid(), text),
        fc.maxSafeNat(),
        (messageType, messageId, sequenceNumber) => {
          const of = { messageType, messageId, sequenceNumber };
          const message = decodeClientMessage(encodeAcknowledge(of, envelope));
          expect(decodeAcknowledge(message)).toEqual(of);
          const text = Buffer.from(message.payload).toString();
          expect(JSON.parse(text)).toEqual({
            AcknowledgedMessageType: messageType,
            AcknowledgedMessageId: messageId,
            AcknowledgedMessageSequenceNumber: sequenceNumber,
            IsSequentialMessage: true,
          });
          // A space makes it a body that only the parser for any JSON reads.
          expect(decodeAcknowledge(acknowledgeWith(Buffer.from(text.replace('{', '{ '))))).toEqual(of);
        },
      ),
    );
  });

  it.each(['', '-1', '01', '1.5', '1e3', '9007199254740993', '"1"', 'null', '1 2', '0x1'])(
    'do not take %j for the number of an acknowledged message',
    (number) => {
      const body =
        '{"AcknowledgedMessageType":"output_stream_data","AcknowledgedMessageId":"00112233-4455-4677-8899-aabbccddeeff",' +
        `"AcknowledgedMessageSequenceNumber":${number},"IsSequentialMessage":true}`;
      const read = (): number => decodeAcknowledge(acknowledgeWith(Buffer.from(body))).sequenceNumber;
      if (number === '1e3') expect(read()).toBe(1_000);
      else expect(read).toThrow(/acknowledge|AcknowledgedMessageSequenceNumber/);
    },
  );

  it('take -0 for 0, and a time that is no number for none', () => {
    const number = (text: string): number =>
      decodeAcknowledge(acknowledgeWith(Buffer.from(`{"AcknowledgedMessageSequenceNumber":${text}}`)))
        .sequenceNumber;
    expect(number('-0')).toBe(0);
    const time = (text: string): number =>
      parseHandshakeComplete(Buffer.from(`{"HandshakeTimeToComplete":${text}}`)).timeToCompleteNs;
    expect([time('1e999'), time('-0')]).toEqual([0, 0]);
  });

  it('say which message type an acknowledgement really has', () => {
    expect(() => decodeAcknowledge({ ...acknowledgeWith(Buffer.alloc(0)), messageType: 'other' })).toThrow(
      /MessageType at byte 4: is other/,
    );
  });

  it.each(Object.entries(parsers))('of kind %s never fail with anything but a ProtocolError', (_, parse) => {
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .record(
          {
            AgentVersion: fc.jsonValue(),
            RequestedClientActions: fc.oneof(
              fc.jsonValue(),
              fc.array(
                fc.record({
                  ActionType: fc.oneof(fc.constantFrom('SessionType', 'KMSEncryption'), fc.jsonValue()),
                  ActionParameters: fc.jsonValue(),
                }),
              ),
            ),
            ProcessedClientActions: fc.jsonValue(),
            HandshakeTimeToComplete: fc.jsonValue(),
            AcknowledgedMessageSequenceNumber: fc.jsonValue(),
            SessionId: fc.jsonValue(),
            Output: fc.jsonValue(),
          },
          { requiredKeys: [] },
        )
        .map((value) => Buffer.from(JSON.stringify(value))),
    );
    fc.assert(
      fc.property(body, (bytes) => {
        try {
          parse(bytes);
        } catch (error) {
          expect(isProtocolError(error)).toBe(true);
        }
      }),
    );
  });
});
