import { once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import type { ConformanceHarness } from '../harness.ts';
import { connectTo } from '../local-socket.ts';
import { digest, readExactly, someBytes } from '../stream-io.ts';

/** Row 13: a session closes both directions at once, so the end of a question must not cost its answer. */
export function halfClose({ open, inspect }: ConformanceHarness): void {
  describe('half-close', () => {
    it('the answer to a question that ends at once is not lost', async () => {
      const stream = (await open()).connect();
      const sent = someBytes(50_000);
      stream.end(sent);
      expect(digest(await readExactly(stream, sent.length))).toBe(digest(sent));
      stream.destroy();
    });

    it('a connection whose server waits for the end is closed in the end, after all that came', async () => {
      const stream = (await open({ halfCloseLingerMs: 1_500 })).connect();
      stream.end('question');
      expect(Buffer.concat(await stream.toArray()).toString()).toBe('question');
    });

    it('with no time to wait, a server that waits for the end gets it at once', async () => {
      const stream = (await open({ halfCloseLingerMs: 0 })).connect();
      // The end overtakes nothing, but an answer may be lost to it: that is what this option costs.
      stream.resume().end('question');
      await once(stream, 'close');
      expect(stream.errored).toBeNull();
    });

    it('through a port, the answer to a half-closed question is not lost either', async () => {
      const tunnel = await open({ halfCloseLingerMs: 1_500 });
      const socket = await connectTo(await tunnel.listen(), { allowHalfOpen: true });
      const sent = someBytes(20_000);
      socket.end(sent);
      expect(digest(Buffer.concat(await socket.toArray()))).toBe(digest(sent));
    });

    if (inspect === undefined) return;

    it('an application that goes away is not waited for: its server hears of it at once', async () => {
      const stream = (await open()).connect();
      stream.write('x');
      await readExactly(stream, 1);
      const before = inspect.destinationConnections();
      stream.destroy();
      await vi.waitFor(() => expect(inspect.destinationConnections()).toBe(before - 1), 20_000);
    });
  });
}
