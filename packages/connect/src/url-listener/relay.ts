import type { Duplex } from 'node:stream';
import { readMessage } from './reading.ts';
import type { Upstream } from './upstream.ts';
import { Type } from './wire.ts';

const MAX_STARTUP_MESSAGE_BYTES = 1024 * 1024;

/** How long a side that has been told of the end may take to hear it. */
const LINGER_MS = 10_000;

/**
 * Hands on what the server says, message by message until it is ready for queries, because the key for cancel requests is
 * in there; from then on bytes. Each side is read no faster than the other takes it, and each side's end ends the other.
 * Fulfils when both are closed.
 */
export async function relay(
  client: Duplex,
  { stream: server, first }: Upstream,
  onKey: (key: Buffer) => void,
): Promise<void> {
  const closed = bothClosed(client, server);
  client.write(first);
  let type = first[0];
  while (type !== Type.readyForQuery) {
    const message = await readMessage(server, MAX_STARTUP_MESSAGE_BYTES);
    if (message === undefined) {
      endGently(client);
      server.destroy();
      return await closed;
    }
    if (message.type === Type.backendKeyData) onKey(message.body);
    client.write(message.bytes);
    type = message.type;
  }
  client.pipe(server);
  server.pipe(client);
  await closed;
}

/** The end of one is told to the other after what it has said before. */
async function bothClosed(client: Duplex, server: Duplex): Promise<void> {
  await Promise.all([
    closeOf(client).then(() => server.destroy()),
    closeOf(server).then(() => endGently(client)),
  ]);
}

function closeOf(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', () => resolve());
  });
}

/**
 * Ends a stream so that its last bytes arrive: to close with unread input would make the system send a reset, which can
 * overtake them. Who does not close in turn is cut off.
 */
export function endGently(stream: Duplex, lastBytes?: Buffer): void {
  if (stream.destroyed) return;
  const patience = setTimeout(() => stream.destroy(), LINGER_MS);
  patience.unref();
  stream.once('close', () => clearTimeout(patience));
  if (!stream.writableEnded) stream.end(lastBytes);
  stream.resume();
}
