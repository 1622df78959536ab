import type { IncomingMessage } from 'node:http';

/**
 * Reads a body up to `maxBytes`. A longer one is read to its end and thrown away, so that the client gets an
 * answer instead of a broken connection (which SDKs would retry); beyond ten times the bound it is cut off.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | 'too-large'> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
    if (bytes > maxBytes * 10) request.destroy();
  }
  return bytes > maxBytes ? 'too-large' : Buffer.concat(chunks);
}
