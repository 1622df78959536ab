import type { Duplex } from 'node:stream';
import { readExactly } from './read-exactly.ts';
import type { Refusal } from './refusal.ts';
import { encodeErrorResponse } from './wire.ts';

/** A client's connection; `stream` is replaced when it starts to speak TLS. */
export interface Connection {
  stream: Duplex;
  encrypted: boolean;
  readonly address: string;
}

/** What a client sends while it authenticates. */
export interface ClientMessage {
  readonly type: number;
  readonly body: Buffer;
}

/** The next message; undefined when the client is gone or sends nonsense, to which the server never replies either. */
export async function readMessage(
  connection: Connection,
  longestBody: number,
): Promise<ClientMessage | undefined> {
  const head = await readExactly(connection.stream, 5);
  if (!head) return undefined;
  const length = head.readInt32BE(1) - 4;
  if (length < 0 || length > longestBody) return undefined;
  const body = await readExactly(connection.stream, length);
  return body && { type: head.readUInt8(0), body };
}

/** Sends the last words and closes. */
export function refuse(connection: Connection, refusal: Refusal): void {
  endGently(connection.stream, encodeErrorResponse(refusal));
}

/**
 * Ends a stream so that its last bytes arrive: closing with unread input would make the system send a reset, which
 * can overtake them. A client that does not close in turn is cut off.
 */
export function endGently(stream: Duplex, lastBytes?: Buffer): void {
  if (stream.destroyed) return;
  const patience = setTimeout(() => stream.destroy(), lingerMs);
  patience.unref();
  stream.once('close', () => clearTimeout(patience));
  stream.end(lastBytes);
  stream.resume();
}

const lingerMs = 2_000;
