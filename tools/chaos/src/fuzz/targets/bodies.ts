import { isDeepStrictEqual } from 'node:util';
import {
  agentCapabilities,
  type ClientMessage,
  clientCapabilities,
  compareVersions,
  decodeAcknowledge,
  decodeClientMessage,
  encodeAcknowledge,
  encodeAgentSessionState,
  encodeChannelClosed,
  encodeHandshakeComplete,
  encodeHandshakeRequest,
  encodeHandshakeResponse,
  encodeOpenDataChannel,
  encodeSessionFlag,
  isProtocolError,
  MessageType,
  parseAgentSessionState,
  parseChannelClosed,
  parseHandshakeComplete,
  parseHandshakeRequest,
  parseHandshakeResponse,
  parseOpenDataChannel,
  parseSessionFlag,
} from '@postern/ssm-protocol';
import { capturedEnvelopes } from '../captures.ts';
import { type FuzzTarget, orOurError, promise } from '../target.ts';

const envelope = { messageId: '0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0', createdDateMs: 1_700_000_000_123 };
const acknowledgeWith = (payload: Uint8Array): ClientMessage => ({
  messageType: MessageType.acknowledge,
  schemaVersion: 1,
  sequenceNumber: 0,
  flags: 3,
  payloadType: 0,
  payload,
  ...envelope,
});

const oddRequest = encodeHandshakeRequest({
  agentVersion: '3.3.987.0',
  actions: [
    { actionType: 'KMSEncryption', kmsKeyId: 'arn:key', challenge: 'AAAA' },
    { actionType: 'Unknown', name: 'Dance', parameters: { steps: 3 } },
    { actionType: 'SessionType', sessionType: 'Port', properties: null },
  ],
});
const oddResponse = encodeHandshakeResponse({
  clientVersion: '1.2.707.0',
  actions: [{ actionType: 'KMSEncryption', status: 2, error: 'no' }],
  errors: ['no'],
});

interface Codec<Value> {
  parse(body: Buffer): Value;
  encode(value: Value): Uint8Array;
}
const codec = <Value>(
  parse: (body: Buffer) => Value,
  encode: (value: Value) => Uint8Array,
): Codec<unknown> => ({ parse, encode: encode as (value: unknown) => Uint8Array });

const codecs: readonly [Codec<unknown>, ...Codec<unknown>[]] = [
  codec(
    (body) => decodeAcknowledge(acknowledgeWith(body)),
    (value) => decodeClientMessage(encodeAcknowledge(value, envelope)).payload,
  ),
  codec(parseAgentSessionState, encodeAgentSessionState),
  codec(parseChannelClosed, (value) => encodeChannelClosed(value, envelope)),
  codec(parseSessionFlag, encodeSessionFlag),
  codec(parseHandshakeComplete, encodeHandshakeComplete),
  codec(parseHandshakeRequest, encodeHandshakeRequest),
  codec(parseHandshakeResponse, encodeHandshakeResponse),
  codec(
    (body) => parseOpenDataChannel(body.toString()),
    (value) => Buffer.from(encodeOpenDataChannel(value)),
  ),
];

/** The first byte says which body the rest is. */
export function bodiesTarget(): FuzzTarget {
  return {
    name: 'bodies',
    seeds: [
      ...capturedEnvelopes().flatMap((bytes) => {
        const { payload } = decodeClientMessage(bytes);
        return codecs
          .map((_, index) => Buffer.concat([Buffer.of(index), payload]))
          .filter((it) => it.length < 600);
      }),
      Buffer.from('\x07{"MessageSchemaVersion":"1.0","RequestId":"r","TokenValue":"t","ClientId":"c"}'),
      Buffer.from('\x02{"SessionId":"s-1","Output":"no"}'),
      Buffer.concat([Buffer.of(5), oddRequest]),
      Buffer.concat([Buffer.of(6), oddResponse]),
    ],
    words: [
      'AcknowledgedMessageSequenceNumber',
      'acknowledgedmessageid',
      'AgentVersion',
      'RequestedClientActions',
      'ActionType',
      'SessionType',
      'ActionParameters',
      'KMSEncryption',
      'Properties',
      'Challenge',
      'Errors',
      'Output',
      '__proto__',
      '"constructor"',
      'null',
      'true',
      '9007199254740993',
      '1e999',
      '-0',
      '0.1',
      '{}',
      '[[],[]]',
      '\\u0000',
      '\\ud800',
      '\ufeff',
      '1.2.3-rc.1+b',
      '3.3.987.0',
    ],
    run(input) {
      const { parse, encode } = codecs[(input[0] ?? 0) % codecs.length] ?? codecs[0];
      const body = Buffer.from(input.subarray(1));
      const value = orOurError(isProtocolError, () => parse(body));
      if (value !== undefined) {
        // What is passed on unread may hold what JSON cannot say twice (-0, 1e999); from then on it is the same.
        const encoded = Buffer.from(encode(value));
        const again = parse(encoded);
        promise(encoded.equals(Buffer.from(encode(again))), 'a body comes out as it went in');
        if (isPlain(value)) promise(isDeepStrictEqual(again, value), 'and so does what it means');
      }
      versions(body.toString('latin1'));
    },
  };
}

/** No objects of unknown content inside. */
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return Object.values(value).every((member) => typeof member !== 'object');
}

/** Versions come from the peer as well. */
function versions(text: string): void {
  const [a = '', b = ''] = text.split('"', 2);
  promise(
    Math.sign(compareVersions(a, b)) === -Math.sign(compareVersions(b, a)) + 0,
    'versions have an order',
  );
  agentCapabilities(a);
  clientCapabilities(b);
}
