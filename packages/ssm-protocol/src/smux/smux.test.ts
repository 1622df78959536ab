import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { naiveSmux } from '../../test/naive-codec.ts';
import { isProtocolError } from '../errors.ts';
import { SmuxCommand } from './constants.ts';
import { SmuxDecoder } from './decoder.ts';
import { encodeSmuxFrame, encodeSmuxHeader, type SmuxFrame } from './frame.ts';
import { type MuxEvent, MuxSession } from './mux-session.ts';

const golden = '0100000003000000010205000300000068656c6c6f01010000030000000103000000000000';
const empty = new Uint8Array(0);
const goldenFrames: SmuxFrame[] = [
  { command: SmuxCommand.syn, streamId: 3, data: empty },
  { command: SmuxCommand.psh, streamId: 3, data: Buffer.from('hello') },
  { command: SmuxCommand.fin, streamId: 3, data: empty },
  { command: SmuxCommand.nop, streamId: 0, data: empty },
];

/** Joins neighbouring PSH pieces of one stream, drops empty ones: what a byte stream means. */
function joined(frames: readonly SmuxFrame[]): { command: number; streamId: number; data: string }[] {
  const result: { command: number; streamId: number; data: string }[] = [];
  for (const { command, streamId, data } of frames) {
    const last = result.at(-1);
    const text = Buffer.from(data).toString('hex');
    if (command === SmuxCommand.psh && text === '') continue;
    if (command === SmuxCommand.psh && last?.command === command && last.streamId === streamId)
      last.data += text;
    else result.push({ command, streamId, data: text });
  }
  return result;
}

const anyFrame: fc.Arbitrary<SmuxFrame> = fc.oneof(
  fc.record({
    command: fc.constant(SmuxCommand.psh),
    streamId: fc.integer({ min: 0, max: 0xffff_ffff }),
    data: fc.uint8Array({ maxLength: 40 }),
  }),
  fc.record({
    command: fc.constantFrom(SmuxCommand.syn, SmuxCommand.fin, SmuxCommand.nop),
    streamId: fc.integer({ min: 0, max: 0xffff_ffff }),
    data: fc.constant(empty),
  }),
);

describe('smux frames', () => {
  it('are written as the documented bytes', () => {
    expect(Buffer.concat(goldenFrames.map(encodeSmuxFrame)).toString('hex')).toBe(golden);
  });

  it('come out the same wherever the bytes are cut once or twice', () => {
    const bytes = Buffer.from(golden, 'hex');
    const expected = joined(goldenFrames);
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        const decoder = new SmuxDecoder();
        const frames = [
          ...decoder.push(bytes.subarray(0, first)),
          ...decoder.push(bytes.subarray(first, second)),
          ...decoder.push(bytes.subarray(second)),
        ];
        expect(joined(frames)).toEqual(expected);
      }
    }
  });

  it('come out the same one byte at a time', () => {
    const decoder = new SmuxDecoder();
    const frames = [...Buffer.from(golden, 'hex')].flatMap((byte) => decoder.push(Uint8Array.of(byte)));
    expect(joined(frames)).toEqual(joined(goldenFrames));
  });

  it('are read over when they are window updates of version 2, as the library does, wherever they are cut', () => {
    const update = '0104080003000000' + '0102030405060708';
    const bytes = Buffer.from(`${golden.slice(0, 16)}${update}${golden.slice(16)}`, 'hex');
    for (let cut = 0; cut <= bytes.length; cut++) {
      const decoder = new SmuxDecoder();
      const frames = [...decoder.push(bytes.subarray(0, cut)), ...decoder.push(bytes.subarray(cut))];
      expect(joined(frames)).toEqual(joined(goldenFrames));
    }
  });

  it('agree with the naive reader for any frames cut anywhere', () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 12 }),
        fc.array(fc.nat({ max: 600 }), { maxLength: 8 }),
        (frames, cuts) => {
          const bytes = Buffer.concat(frames.map(encodeSmuxFrame));
          const decoder = new SmuxDecoder();
          const edges = [
            0,
            ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b),
            bytes.length,
          ];
          const pieces = edges.slice(1).flatMap((edge, at) => decoder.push(bytes.subarray(edges[at], edge)));
          expect(joined(pieces)).toEqual(joined(frames));
          expect(joined(naiveSmux(bytes))).toEqual(joined(frames));
        },
      ),
    );
  });

  it('are not copied on their way', () => {
    const bytes = Buffer.from(golden, 'hex');
    const [, psh] = new SmuxDecoder().push(bytes);
    expect(psh?.data.buffer).toBe(bytes.buffer);
  });

  it.each([
    ['smux version', 0, '0200000003000000'],
    ['smux command', 1, '0105080003000000'],
    ['smux command', 1, '01ff000003000000'],
    ['smux length', 2, '0100010003000000'],
    ['smux version', 37, `${golden}0000000000000000`],
  ])('fail with %s at byte %i', (field, offset, hex) => {
    expect(() => new SmuxDecoder().push(Buffer.from(hex, 'hex'))).toThrow(
      expect.objectContaining({ code: 'SSM_FRAME_INVALID', field, offset }),
    );
  });

  it('cannot carry more than their length field says', () => {
    expect(() => encodeSmuxHeader(SmuxCommand.psh, 3, 65_536)).toThrow(
      expect.objectContaining({ field: 'smux length' }),
    );
  });

  it('never fail with anything but a ProtocolError', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 6 }), (pieces) => {
        const session = new MuxSession({ role: 'server' });
        try {
          for (const piece of pieces) session.receive(piece);
        } catch (error) {
          expect(isProtocolError(error)).toBe(true);
        }
      }),
    );
  });
});

describe('a mux session', () => {
  const pair = (): { client: MuxSession; server: MuxSession } => ({
    client: new MuxSession({ role: 'client' }),
    server: new MuxSession({ role: 'server' }),
  });
  const psh = (session: MuxSession, streamId: number, text: string): Buffer => {
    const data = Buffer.from(text);
    return Buffer.concat([session.dataHeader(streamId, data.length) ?? empty, data]);
  };
  const plain = (events: MuxEvent[]): unknown[] =>
    events.map((event) => (event.type === 'data' ? `${event.streamId}:${Buffer.from(event.data)}` : event));

  it('starts at stream 3 and never uses an id twice', () => {
    const { client } = pair();
    expect([client.open().streamId, client.open().streamId]).toEqual([3, 5]);
    client.close(3);
    client.close(5);
    expect(client.open().streamId).toBe(7);
    expect(client.openStreams).toBe(1);
  });

  it('carries data both ways and ends', () => {
    const { client, server } = pair();
    const { streamId, frame } = client.open();
    expect(plain(server.receive(Buffer.concat([frame, psh(client, streamId, 'ping')])))).toEqual([
      { type: 'open', streamId: 3, reused: false },
      '3:ping',
    ]);
    expect(plain(client.receive(psh(server, 3, 'pong')))).toEqual(['3:pong']);
    expect(plain(client.receive(server.close(3) ?? empty))).toEqual([{ type: 'end', streamId: 3 }]);
    // The client may still answer with its own FIN, which means nothing any more.
    expect(server.receive(client.close(3) ?? empty)).toEqual([]);
    expect([client.openStreams, server.openStreams]).toEqual([0, 0]);
  });

  it('drops what arrives late for a closed stream', () => {
    const { client, server } = pair();
    server.receive(client.open().frame);
    const late = Buffer.concat([psh(server, 3, 'too late'), server.close(3) ?? empty]);
    expect(client.close(3)).toBeDefined();
    expect(client.receive(late)).toEqual([]);
    expect(client.close(3)).toBeUndefined();
    expect(client.dataHeader(3, 1)).toBeUndefined();
  });

  it('drops data after the end, a second end, and frames for streams that never were', () => {
    const { client } = pair();
    client.open();
    const peer = (command: number, streamId: number, data = ''): Buffer =>
      encodeSmuxFrame({ command, streamId, data: Buffer.from(data) });
    const events = client.receive(
      Buffer.concat([
        peer(SmuxCommand.fin, 3),
        peer(SmuxCommand.psh, 3, 'after the end'),
        peer(SmuxCommand.fin, 3),
        peer(SmuxCommand.psh, 99, 'nobody'),
        peer(SmuxCommand.fin, 99),
        client.keepAlive(),
      ]),
    );
    expect(events).toEqual([{ type: 'end', streamId: 3 }]);
  });

  it('refuses a stream that the agent opens', () => {
    const { client } = pair();
    expect(client.receive(encodeSmuxHeader(SmuxCommand.syn, 4, 0))).toEqual([
      { type: 'unexpected-stream', streamId: 4, reply: encodeSmuxHeader(SmuxCommand.fin, 4, 0) },
    ]);
    expect(client.openStreams).toBe(0);
  });

  it('tells a server when an id comes back, and ignores a second SYN of an open one', () => {
    const { server } = pair();
    const syn = encodeSmuxHeader(SmuxCommand.syn, 3, 0);
    expect(server.receive(Buffer.concat([syn, syn]))).toEqual([{ type: 'open', streamId: 3, reused: false }]);
    server.close(3);
    expect(server.receive(syn)).toEqual([{ type: 'open', streamId: 3, reused: true }]);
  });

  it('has a bound on streams on both sides', () => {
    const client = new MuxSession({ role: 'client', maxStreams: 1 });
    const server = new MuxSession({ role: 'server', maxStreams: 1 });
    server.receive(client.open().frame);
    expect(() => client.open()).toThrow(expect.objectContaining({ field: 'smux stream id' }));
    expect(() => server.receive(encodeSmuxHeader(SmuxCommand.syn, 5, 0))).toThrow(
      expect.objectContaining({ field: 'smux SYN' }),
    );
    expect(() => server.open()).toThrow(expect.objectContaining({ field: 'smux stream id' }));
  });
});
