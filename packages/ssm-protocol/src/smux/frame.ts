import { invalidField } from '../errors.ts';
import { SMUX_HEADER_BYTES, SMUX_MAX_DATA_BYTES, SMUX_VERSION } from './constants.ts';

export interface SmuxFrame {
  /** One of `SmuxCommand`. */
  command: number;
  streamId: number;
  /** Empty except for PSH. */
  data: Uint8Array;
}

/** A whole frame. Integers are little-endian, unlike those of the envelope. */
export function encodeSmuxFrame(frame: SmuxFrame): Buffer {
  return Buffer.concat([encodeSmuxHeader(frame.command, frame.streamId, frame.data.length), frame.data]);
}

/** The 8 bytes in front of `dataBytes` of data, for senders that do not want the data copied. */
export function encodeSmuxHeader(command: number, streamId: number, dataBytes: number): Buffer {
  if (dataBytes > SMUX_MAX_DATA_BYTES) {
    throw invalidField('smux length', 2, `cannot carry ${dataBytes}, at most ${SMUX_MAX_DATA_BYTES}`);
  }
  const header = Buffer.allocUnsafe(SMUX_HEADER_BYTES);
  header[0] = SMUX_VERSION;
  header[1] = command;
  header.writeUInt16LE(dataBytes, 2);
  header.writeUInt32LE(streamId, 4);
  return header;
}
