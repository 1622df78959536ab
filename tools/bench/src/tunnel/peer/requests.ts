import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { CLOCK_BYTES, REQUEST_BYTES, Request } from './destination.ts';

const BLOCK: Buffer = Buffer.alloc(64 * 1024, 0x75);

/** Sends so many bytes and waits for the destination's word that all have come. */
export async function upload(connection: Duplex, bytes: number): Promise<void> {
  connection.write(request(Request.upload, bytes));
  const confirmed = read(connection, 1);
  let left = bytes;
  while (left > 0) {
    const block = left >= BLOCK.length ? BLOCK : BLOCK.subarray(0, left);
    left -= block.length;
    if (!connection.write(block)) await Promise.race([once(connection, 'drain'), confirmed]);
  }
  await confirmed;
}

/** Asks for so many bytes and waits until the last one is here. */
export async function download(connection: Duplex, bytes: number): Promise<void> {
  connection.write(request(Request.download, bytes));
  await read(connection, bytes);
}

/** Makes an echo of the connection, until its end. */
export function startEcho(connection: Duplex): void {
  connection.write(request(Request.echo, 0));
}

/** Sends a message to an echo and waits until it is back. */
export async function roundTrip(connection: Duplex, message: Buffer): Promise<void> {
  const back = read(connection, message.length);
  connection.write(message);
  await back;
}

/**
 * Sends one byte and learns when it arrived, on a clock that both processes read. The first one of a connection
 * travels behind its request, in one write.
 */
export async function arrivalOfByte(connection: Duplex, { first }: { first: boolean }): Promise<bigint> {
  const byte = Buffer.of(0x78);
  const answer = read(connection, CLOCK_BYTES);
  connection.write(first ? Buffer.concat([request(Request.arrival, 0), byte]) : byte);
  return (await answer).readBigUInt64BE();
}

function request(what: number, bytes: number): Buffer {
  const head = Buffer.alloc(REQUEST_BYTES);
  head[0] = what;
  head.writeUIntBE(bytes, 1, 6);
  return head;
}

/** Reads so many bytes. Keeps the last chunk only: the contents of bulk data are of no interest here. */
function read(connection: Duplex, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let left = bytes;
    let kept: Buffer = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      left -= chunk.length;
      kept = kept.length > 0 && bytes <= 1024 ? Buffer.concat([kept, chunk]) : chunk;
      if (left <= 0) finish(() => resolve(kept));
    };
    const onClose = (): void => finish(() => reject(new Error('The connection ended too early.')));
    const onError = (error: Error): void => finish(() => reject(error));
    const finish = (settle: () => void): void => {
      connection.off('data', onData).off('close', onClose).off('error', onError);
      settle();
    };
    connection.on('data', onData).on('close', onClose).on('error', onError);
  });
}
