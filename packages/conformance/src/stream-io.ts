import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';

/** Exactly so many bytes from a stream, or its failure. What comes beyond them stays in the stream. */
export function readExactly(stream: Duplex, byteLength: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let missing = byteLength;
    const read = (): void => {
      while (missing > 0) {
        const chunk: Buffer | null = stream.read(Math.min(missing, stream.readableLength));
        if (chunk === null) return;
        chunks.push(chunk);
        missing -= chunk.length;
      }
      settle();
      resolve(Buffer.concat(chunks));
    };
    const fail = (error: Error): void => {
      settle();
      reject(error);
    };
    const end = (): void =>
      fail(new Error(`The stream ended; ${missing} of ${byteLength} bytes are missing.`));
    const settle = (): void => {
      stream.off('readable', read).off('error', fail).off('end', end).off('close', end);
    };
    if (stream.errored !== null || stream.destroyed || stream.readableEnded) {
      reject(stream.errored ?? new Error('The stream is over.'));
      return;
    }
    stream.on('readable', read).on('error', fail).on('end', end).on('close', end);
    read();
  });
}

/** Sends bytes to an echo and gets what came back: for them, or so much as is said. */
export function echoed(
  stream: Duplex,
  bytes: Uint8Array,
  byteLength: number = bytes.length,
): Promise<Buffer> {
  // Listens first: the answer may fail while the question is still being written.
  const answer = readExactly(stream, byteLength);
  stream.write(bytes);
  return answer;
}

/** What a short text comes back as. */
export async function echoedText(stream: Duplex, text: string): Promise<string> {
  return String(await echoed(stream, Buffer.from(text)));
}

/** Bytes without a pattern, the same ones for the same number. */
export function someBytes(byteLength: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(byteLength);
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  for (let at = 0; at < byteLength; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state & 0xff;
  }
  return bytes;
}

/** For comparisons: a test that prints half a megabyte helps nobody. */
export function digest(bytes: Uint8Array): string {
  return `${bytes.length} bytes, SHA-256 ${createHash('sha256').update(bytes).digest('hex')}`;
}
