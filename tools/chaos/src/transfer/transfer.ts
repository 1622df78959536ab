import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { Content, DIGEST_BYTES, type Gate } from './content.ts';
import { HEADER_BYTES } from './transfer-server.ts';

export interface TransferOptions {
  readonly id: number;
  readonly upBytes: number;
  readonly downBytes: number;
  /** Bytes given to the stream or taken from it. */
  readonly onProgress?: (bytes: number) => void;
  /** The first byte of the other side is here. */
  readonly onFirstByte?: () => void;
  /** For what is sent. */
  readonly gate?: Gate | undefined;
}

/**
 * Sends and receives through a stream that leads to a `TransferServer`. Fulfils when the stream is closed and every
 * byte of both directions was right; rejects with what was wrong otherwise.
 */
export function transfer(stream: Duplex, options: TransferOptions): Promise<void> {
  const { id, upBytes, downBytes, onProgress, onFirstByte, gate } = options;
  const up = new Content({ id, direction: 'up', bytes: upBytes, gate, onBytes: onProgress });
  const received = createHash('sha256');
  const trailer: Buffer[] = [];
  let downLeft = downBytes;
  let first = true;
  let problem: string | undefined = 'was closed before its end';

  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      if (first) onFirstByte?.();
      first = false;
      const data = chunk.subarray(0, downLeft);
      received.update(data);
      downLeft -= data.length;
      onProgress?.(data.length);
      if (chunk.length > data.length) trailer.push(chunk.subarray(data.length));
    });
    stream.once('end', () => {
      problem = judge();
      // A good end has to lead to the stream's close by itself.
      if (problem !== undefined) stream.destroy();
    });
    stream.once('error', (error) => {
      problem = `failed: ${error.message}`;
    });
    stream.once('close', () => {
      up.destroy();
      if (problem === undefined) resolve();
      else reject(new Error(`transfer ${id} ${problem} (${downLeft} bytes were missing)`));
    });
    stream.write(header(id, upBytes, downBytes));
    up.pipe(stream, { end: false });
  });

  function judge(): string | undefined {
    if (downLeft > 0) return 'ended too early';
    const digests = Buffer.concat(trailer);
    if (digests.length !== 2 * DIGEST_BYTES)
      return `ended with ${digests.length} bytes instead of the digests`;
    if (!digests.subarray(0, DIGEST_BYTES).equals(up.digest())) return 'changed bytes on the way up';
    if (!digests.subarray(DIGEST_BYTES).equals(received.digest())) return 'changed bytes on the way down';
    return undefined;
  }
}

function header(id: number, upBytes: number, downBytes: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeBigUInt64BE(BigInt(id), 0);
  bytes.writeBigUInt64BE(BigInt(upBytes), 8);
  bytes.writeBigUInt64BE(BigInt(downBytes), 16);
  return bytes;
}
