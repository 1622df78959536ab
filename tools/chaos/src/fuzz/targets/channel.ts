import { encodeHandshakeRequest, MessageType } from '@postern/ssm-protocol';
import { capturedEnvelopes } from '../captures.ts';
import { HostileSession, MOVES } from '../hostile-session.ts';
import { ScriptReader } from '../script-reader.ts';
import type { FuzzTarget } from '../target.ts';
import { tunnelInternals } from '../tunnel-internals.ts';

const encryption = encodeHandshakeRequest({
  agentVersion: '3.3.987.0',
  actions: [{ actionType: 'KMSEncryption', kmsKeyId: 'arn:key' }],
});

/** The client's session, from the handshake to its end, against an agent, a service and users that do anything. */
export async function channelTarget(): Promise<FuzzTarget> {
  const internals = await tunnelInternals();
  return {
    name: 'channel',
    seeds: [
      // Handshake, a stream, data, its end.
      Uint8Array.from([
        0,
        MOVES.request,
        0,
        MOVES.complete,
        MOVES.open,
        MOVES.write,
        20,
        MOVES.smux,
        2,
        3,
        4,
        1,
        2,
        3,
        4,
      ]),
      Uint8Array.from([
        1,
        MOVES.open,
        MOVES.tick,
        MOVES.smux,
        2,
        3,
        2,
        7,
        7,
        MOVES.smux,
        1,
        3,
        0,
        MOVES.flag,
      ]),
      Uint8Array.from([
        1,
        MOVES.open,
        MOVES.write,
        200,
        MOVES.tick,
        MOVES.acknowledge,
        0,
        MOVES.lost,
        MOVES.link,
      ]),
      Uint8Array.from([
        1,
        MOVES.open,
        MOVES.tick,
        MOVES.terminate,
        MOVES.acknowledge,
        1,
        MOVES.control,
        3,
        0,
      ]),
      Uint8Array.from([1, MOVES.control, 5, 0, MOVES.open, MOVES.write, 9, MOVES.tick, MOVES.control, 4, 0]),
      Buffer.concat([Uint8Array.from([0, MOVES.oddRequest, encryption.length]), encryption]),
      ...capturedEnvelopes().map((bytes) =>
        Buffer.concat([Uint8Array.from([1, MOVES.raw, Math.min(255, bytes.length)]), bytes.subarray(0, 255)]),
      ),
    ],
    words: [
      ...Object.values(MessageType),
      '{"Output":"no"}',
      '{"AcknowledgedMessageSequenceNumber":0}',
      '"SessionType"',
      '"KMSEncryption"',
      '"LocalPortForwarding"',
      '{"AgentVersion":"3.3.0.0","RequestedClientActions":[]}',
    ],
    run: (input) => new HostileSession(internals, new ScriptReader(input)).play(),
  };
}
