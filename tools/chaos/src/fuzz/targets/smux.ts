import { isDeepStrictEqual } from 'node:util';
import {
  decodeClientMessage,
  encodeSmuxFrame,
  isProtocolError,
  type MuxEvent,
  MuxSession,
  PayloadType,
  SmuxCommand,
  SmuxDecoder,
} from '@postern/ssm-protocol';
import { capturedEnvelopes } from '../captures.ts';
import { ScriptReader } from '../script-reader.ts';
import { type FuzzTarget, promise } from '../target.ts';

/** The first byte says into what pieces the rest is cut. Whole or cut, the same has to come out. */
export function smuxTarget(): FuzzTarget {
  return {
    name: 'smux',
    seeds: [
      ...capturedEnvelopes()
        .map((bytes) => decodeClientMessage(bytes))
        .filter(({ payloadType }) => payloadType === PayloadType.output)
        .map(({ payload }) => Buffer.concat([Buffer.of(5), payload.subarray(0, 200)])),
      Buffer.from('030100000003000000010205000300000068656c6c6f01010000030000000103000000000000', 'hex'),
      Buffer.from('0201040800030000000102030405060708', 'hex'),
    ],
    words: [
      '\x01\0\0\0',
      '\x01\x01\0\0',
      '\x01\x02\x05\0',
      '\x01\x03\0\0',
      '\x01\x04\b\0',
      '\x03\0\0\0',
      '\x05\0\0\0',
    ],
    run(input) {
      const script = new ScriptReader(input);
      const step = 1 + (script.byte() % 64);
      const bytes = script.rest();
      const whole = decode([bytes]);
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += step) pieces.push(bytes.subarray(at, at + step));
      promise(isDeepStrictEqual(decode(pieces), whole), 'where a stream is cut does not matter');
      for (const role of ['client', 'server'] as const) drive(role, pieces);
    },
  };
}

/** Frames with neighbouring pieces of one stream joined, and where and why reading ended. */
function decode(pieces: readonly Uint8Array[]): unknown {
  const decoder = new SmuxDecoder();
  const frames: { command: number; streamId: number; data: string }[] = [];
  let error: unknown;
  let pushed = 0;
  try {
    for (const piece of pieces) {
      pushed += piece.length;
      for (const frame of decoder.push(piece)) {
        promise(frame.data.length <= piece.length, 'nothing is held back');
        if (frame.command !== SmuxCommand.psh)
          promise(encodeSmuxFrame(frame).length === 8, 'only data has data');
        const last = frames.at(-1);
        const data = Buffer.from(frame.data).toString('hex');
        if (
          frame.command === SmuxCommand.psh &&
          last?.command === frame.command &&
          last.streamId === frame.streamId
        ) {
          last.data += data;
        } else if (frame.command !== SmuxCommand.psh || data !== '') {
          frames.push({ command: frame.command, streamId: frame.streamId, data });
        }
      }
      promise(decoder.position === pushed, 'the position is where the stream stands');
    }
  } catch (thrown) {
    if (!isProtocolError(thrown)) throw thrown;
    error = [thrown.field, thrown.offset];
  }
  // What came in front of the error, in the push that ended with it, is lost with the session.
  return error ?? frames;
}

/** A session that opens, sends and closes meanwhile. */
function drive(role: 'client' | 'server', pieces: readonly Buffer[]): void {
  const session = new MuxSession({ role, maxStreams: 8 });
  const ours = new Set<number>();
  const ended = new Set<number>();
  for (const [index, piece] of pieces.entries()) {
    if (role === 'client' && index % 3 === 0 && session.openStreams < 8) {
      const { streamId } = session.open();
      promise(streamId % 2 === 1 && !ours.has(streamId) && streamId >= 3, 'ids are odd and never used twice');
      ours.add(streamId);
    }
    let events: MuxEvent[];
    try {
      events = session.receive(piece);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      return;
    }
    promise(session.openStreams <= 8, 'streams are bounded');
    for (const event of events) {
      if (event.type === 'open') ours.add(event.streamId);
      if (event.type === 'unexpected-stream') promise(role === 'client', 'only a client refuses streams');
      if (event.type === 'data' || event.type === 'end') {
        promise(ours.has(event.streamId) && !ended.has(event.streamId), 'data belongs to an open stream');
      }
      if (event.type === 'end') {
        ended.add(event.streamId);
        promise(session.dataHeader(event.streamId, 1) !== undefined, 'an ended stream is ours to close');
        if (event.streamId % 3 === 0) {
          promise(session.close(event.streamId) !== undefined, 'closing gives a FIN');
          promise(session.close(event.streamId) === undefined, 'once');
          if (role === 'server') {
            ours.delete(event.streamId);
            ended.delete(event.streamId);
          }
        }
      }
    }
  }
}
