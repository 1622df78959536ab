import type { Readable } from 'node:stream';

/**
 * Takes exactly `length` bytes and leaves the rest in the stream, so that whatever a client pipelined behind them is
 * still there for the relay. Undefined when the stream ends (or is destroyed) first.
 */
export async function readExactly(stream: Readable, length: number): Promise<Buffer | undefined> {
  if (length === 0) return Buffer.alloc(0);
  for (;;) {
    const chunk = stream.read(length) as Buffer | null;
    if (chunk) return chunk.length === length ? chunk : undefined;
    if (stream.readableEnded || stream.destroyed || stream.errored) return undefined;
    await somethingHappens(stream);
  }
}

function somethingHappens(stream: Readable): Promise<void> {
  return new Promise((fulfil) => {
    const events = ['readable', 'end', 'close', 'error'] as const;
    const done = (): void => {
      for (const event of events) stream.off(event, done);
      fulfil();
    };
    for (const event of events) stream.on(event, done);
  });
}
