import { once } from 'node:events';
import type { Duplex } from 'node:stream';

/** Reads that many bytes and leaves the stream open. */
export async function read(stream: Duplex, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let missing = bytes;
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk);
    missing -= chunk.length;
    if (missing <= 0) break;
  }
  return Buffer.concat(chunks);
}

/** Says something to an echo and waits for the answer. */
export async function ask(stream: Duplex, question: string): Promise<string> {
  stream.write(question);
  return String(await read(stream, question.length));
}

/** The error that ends the stream. */
export async function failureOf(stream: Duplex): Promise<unknown> {
  const [error] = await once(stream, 'error');
  return error;
}
