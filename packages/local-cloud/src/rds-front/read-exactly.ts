import type { Readable } from 'node:stream';

/**
 * Takes exactly `length` bytes and leaves the rest in the stream, so that whatever a client pipelined behind them is
 * still there for the relay. Undefined when the stream ends (or is destroyed) first.
 */
export function readExactly(stream: Readable, length: number): Promise<Buffer | undefined> {
  if (length === 0) return Promise.resolve(Buffer.alloc(0));
  return new Promise((fulfil) => {
    // One listener for the whole wait: a new one is told of bytes that are there already, too few as they may be.
    const events = ['readable', 'end', 'close', 'error'] as const;
    const attempt = (): void => {
      const chunk = stream.read(length) as Buffer | null;
      if (!chunk && !stream.readableEnded && !stream.destroyed && !stream.errored) return;
      for (const event of events) stream.off(event, attempt);
      fulfil(chunk?.length === length ? chunk : undefined);
    };
    for (const event of events) stream.on(event, attempt);
    attempt();
  });
}
