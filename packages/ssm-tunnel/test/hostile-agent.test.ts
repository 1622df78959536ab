import { encodeSmuxFrame, MessageType } from '@postern/ssm-protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DataChannel } from '../src/channel/data-channel.ts';
import { isTunnelError, type TunnelError } from '../src/errors.ts';
import { MuxCarrier } from '../src/streams/mux-carrier.ts';
import { TunnelStream } from '../src/streams/tunnel-stream.ts';
import { ScriptedAgent } from './scripted-agent.ts';

/** What a hostile or broken agent may do next. */
const move = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('smux' as const),
      command: fc.nat({ max: 5 }),
      streamId: fc.nat({ max: 12 }),
      data: fc.uint8Array({ maxLength: 30 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('output' as const),
      payloadType: fc.nat({ max: 13 }),
      data: fc.uint8Array({ maxLength: 30 }),
      sequenceNumber: fc.nat({ max: 20 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('handshake' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('control' as const),
      type: fc.constantFrom(...Object.values(MessageType), 'brand_new'),
      body: fc.oneof(
        fc.json(),
        fc.constantFrom(
          '{"AcknowledgedMessageSequenceNumber":0}',
          '{"AcknowledgedMessageSequenceNumber":9e99}',
          '{"Output":7}',
        ),
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('bytes' as const), data: fc.uint8Array({ maxLength: 200 }) }),
  },
);

it('never crashes the caller, whatever an agent sends: the session ends once, with an error of ours', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 40 }), fc.nat({ max: 3 }), (moves, streams) => {
      const agent = new ScriptedAgent();
      const over: (TunnelError | undefined)[] = [];
      const carrier: MuxCarrier = new MuxCarrier({
        sessionId: 's-1',
        destination: 'db.internal:5432',
        linkedForMs: () => 60_000,
        wake: () => channel.schedulePump(),
        changed: () => {},
      });
      const channel = new DataChannel(
        {
          onReady: () => {},
          onPayload: (payload) => carrier.receive(payload),
          onConnectToPortError: () => carrier.connectToPortError(),
          nextPayload: (maxBytes) => carrier.nextPayload(maxBytes),
          onPayloadSent: () => carrier.settleWriters(),
          onLinkLost: () => {},
          onOver: (error) => {
            over.push(error);
            carrier.destroyAll();
          },
        },
        { uploadPayloadBytes: 1_024, ackTimeoutMs: 300_000 },
      );
      channel.onOpen({
        send: (bytes) => {
          agent.receive(bytes);
        },
        bufferedBytes: 0,
        cork: () => {},
        setRef: () => {},
        close: async () => {},
        terminate: () => {},
      });
      channel.onMessage(agent.handshakeRequest());
      channel.onMessage(agent.handshakeComplete());
      for (let at = 0; at < streams; at++) {
        const settings = { destination: 'db.internal:5432', halfCloseLingerMs: 0, streamBufferBytes: 65_536 };
        carrier.adopt(new TunnelStream(settings).on('error', () => {}));
      }
      for (const it of moves) {
        switch (it.kind) {
          case 'smux': {
            const bytes = encodeSmuxFrame(it);
            if (it.command !== 2) bytes.writeUInt16LE(0, 2);
            channel.onMessage(agent.data(it.command === 2 ? bytes : bytes.subarray(0, 8)));
            break;
          }
          case 'output':
            channel.onMessage(agent.output(it.payloadType, it.data, { sequenceNumber: it.sequenceNumber }));
            break;
          case 'handshake':
            channel.onMessage(agent.handshakeRequest());
            break;
          case 'control':
            channel.onMessage(agent.control(it.type, it.body));
            break;
          case 'bytes':
            channel.onMessage(Buffer.from(it.data));
        }
      }
      expect(over.length).toBeLessThanOrEqual(1);
      if (over[0] !== undefined) expect(isTunnelError(over[0])).toBe(true);
      // Whatever was asked: one answer to the handshake.
      expect(agent.input.filter(({ payloadType }) => payloadType === 6)).toHaveLength(1);
      void channel.close();
    }),
    { numRuns: 300 },
  );
});
