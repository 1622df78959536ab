import type { Readable } from 'node:stream';

export interface Message {
  readonly type: number;
  readonly body: Buffer;
  /** Type, length and body, to be handed on. */
  readonly bytes: Buffer;
}

/**
 * The next message; undefined when the stream has ended or the message is longer than the limit: such a peer does not
 * speak the protocol, and there is no way to find its next message.
 */
export async function readMessage(stream: Readable, maxBodyBytes: number): Promise<Message | undefined> {
  const head = await readExactly(stream, 5);
  if (head === undefined) return undefined;
  const length = head.readInt32BE(1) - 4;
  if (length < 0 || length > maxBodyBytes) return undefined;
  const body = await readExactly(stream, length);
  return body && { type: head.readUInt8(0), body, bytes: Buffer.concat([head, body]) };
}

/**
 * Takes exactly `length` bytes and leaves what follows in the stream, for the relay. Undefined when the stream ends
 * first.
 */
export async function readExactly(stream: Readable, length: number): Promise<Buffer | undefined> {
  if (length === 0) return Buffer.alloc(0);
  return await new Promise((resolve) => {
    const events = ['readable', 'end', 'close', 'error'] as const;
    const look = (): void => {
      const chunk = stream.read(length) as Buffer | null;
      const over = stream.readableEnded || stream.destroyed || stream.errored !== null;
      if (chunk === null && !over) return;
      for (const event of events) stream.off(event, look);
      // At the end of a stream `read` gives what is left, however short.
      resolve(chunk?.length === length ? chunk : undefined);
    };
    for (const event of events) stream.on(event, look);
    look();
  });
}
