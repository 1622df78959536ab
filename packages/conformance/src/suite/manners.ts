import { describe, expect, it, vi } from 'vitest';
import type { ConformanceHarness } from '../harness.ts';
import { digest, echoed, someBytes } from '../stream-io.ts';

/** Row 4 and checklist 8: what goes over the wire because somebody asked for it, and only then. */
export function manners({ open }: ConformanceHarness): void {
  describe('manners', () => {
    it('uploads go out in larger messages where they are asked for, and cost fewer of them', async () => {
      const tunnel = await open({ uploadPayloadBytes: 16 * 1024 });
      const stream = tunnel.connect();
      const sent = someBytes(256 * 1024);
      expect(digest(await echoed(stream, sent))).toBe(digest(sent));
      const { messagesSent, retransmissions } = tunnel.stats();
      expect(messagesSent - retransmissions).toBeLessThan(64);
      stream.destroy();
    });

    it('a quiet tunnel stays quiet, unless keeping alive was asked for', async () => {
      const [quiet, kept] = [await open(), await open({ keepAliveIntervalMs: 50 })];
      const before = [quiet.stats().messagesSent, kept.stats().messagesSent] as const;
      await vi.waitFor(() => expect(kept.stats().messagesSent).toBeGreaterThan(before[1] + 4), {
        timeout: 10_000,
      });
      expect(quiet.stats().messagesSent).toBe(before[0]);
    });
  });
}
