import { describe, expect, it, vi } from 'vitest';
import type { ConformanceHarness } from '../harness.ts';
import { digest, echoed, echoedText, readExactly, someBytes } from '../stream-io.ts';
import { startUnreliableNetwork } from '../unreliable-network.ts';

/** Rows 6, 8 and 9, with what goes wrong between us and AWS: needs nothing of the service. */
export function networks({ open }: ConformanceHarness): void {
  describe('networks', () => {
    it('a network that breaks in the middle of a transfer costs time but not a byte', async () => {
      await using network = await startUnreliableNetwork();
      const tunnel = await open({ proxy: network.proxy });
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'before')).toBe('before');
      for (let time = 1; time <= 3; time++) {
        const sent = someBytes(30_000, time);
        const first = await echoed(stream, sent, 5_000);
        network.cut();
        const rest = await readExactly(stream, 25_000);
        expect(digest(Buffer.concat([first, rest]))).toBe(digest(sent));
        await vi.waitFor(() => expect(tunnel.stats().resumes).toBe(time), 20_000);
      }
      expect(tunnel.stats().replacements).toBe(0);
      stream.destroy();
      await tunnel.close();
    });

    it('a network that is gone for a while is waited for, and everybody is told', async () => {
      await using network = await startUnreliableNetwork();
      const tunnel = await open({ proxy: network.proxy });
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'before')).toBe('before');
      network.down();
      await vi.waitFor(
        () => expect(tunnel.state).toMatchObject({ name: 'resuming', cause: expect.any(Error) }),
        20_000,
      );
      const [answer, another] = [echoedText(stream, 'meanwhile'), tunnel.connect()];
      const other = echoedText(another, 'another');
      network.up();
      expect(await Promise.all([answer, other])).toEqual(['meanwhile', 'another']);
      expect(tunnel.state.name).toBe('open');
      for (const one of [stream, another]) one.destroy();
      await tunnel.close();
    });

    it('a network that swallows everything is noticed, and left for another way', async () => {
      await using network = await startUnreliableNetwork();
      const tunnel = await open({ proxy: network.proxy, pingIntervalMs: 1_000, connectTimeoutMs: 2_000 });
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'before')).toBe('before');
      network.freeze();
      expect(await echoedText(stream, 'after')).toBe('after');
      expect(tunnel.stats().resumes).toBeGreaterThan(0);
      expect(tunnel.stats().replacements).toBe(0);
      stream.destroy();
      await tunnel.close();
    });
  });
}
