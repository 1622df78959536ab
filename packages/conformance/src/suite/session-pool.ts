import { describe, expect, it, vi } from 'vitest';
import type { ConformanceHarness } from '../harness.ts';
import { digest, echoed, echoedText, someBytes } from '../stream-io.ts';

/** Row 24: what one session cannot do, several can. */
export function sessionPool({ open, faults, inspect }: ConformanceHarness): void {
  describe('several sessions', () => {
    it('a bulk copy with a session of its own leaves the others theirs', async () => {
      const tunnel = await open();
      const [shared, own] = [tunnel.connect(), tunnel.connect({ dedicated: true })];
      const sent = someBytes(30_000);
      const answer = echoed(own, sent);
      expect(await echoedText(shared, 'small')).toBe('small');
      expect(digest(await answer)).toBe(digest(sent));
      expect(tunnel.stats().sessions.map(({ streams }) => streams)).toEqual([1, 1]);
      own.destroy();
      await vi.waitFor(() => expect(tunnel.stats().sessions.length).toBe(1), { timeout: 20_000 });
      expect(await echoedText(shared, 'still')).toBe('still');
      shared.destroy();
    });

    it('connections are spread over all sessions', async () => {
      const tunnel = await open({ sessions: { min: 2, max: 2 } });
      await vi.waitFor(
        () => expect(tunnel.stats().sessions.map(({ state }) => state)).toEqual(['open', 'open']),
        {
          timeout: 20_000,
        },
      );
      const streams = Array.from({ length: 6 }, () => tunnel.connect());
      expect(await Promise.all(streams.map((stream, at) => echoedText(stream, `${at}`)))).toEqual([
        '0',
        '1',
        '2',
        '3',
        '4',
        '5',
      ]);
      expect(tunnel.stats().sessions.map(({ streams: count }) => count)).toEqual([3, 3]);
      for (const stream of streams) stream.destroy();
    });

    it('a tunnel that holds no session while nothing is open starts one for who connects', async () => {
      const tunnel = await open({ sessions: { min: 0, idleMs: 100 } });
      await vi.waitFor(() => expect(tunnel.state.name).toBe('idle'), { timeout: 20_000 });
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'hello')).toBe('hello');
      stream.destroy();
    });

    if (faults === undefined || inspect === undefined) return;

    it('a session that ends takes only its own connections with it', async () => {
      const tunnel = await open({ sessions: { min: 2, max: 2 } });
      await vi.waitFor(
        () => expect(tunnel.stats().sessions.map(({ state }) => state)).toEqual(['open', 'open']),
        20_000,
      );
      const streams = Array.from({ length: 4 }, () => tunnel.connect());
      for (const stream of streams) stream.on('error', () => {});
      expect(await Promise.all(streams.map((stream) => echoedText(stream, 'x')))).toEqual([
        'x',
        'x',
        'x',
        'x',
      ]);
      faults.endSession(tunnel.sessionId);
      await vi.waitFor(
        () => expect(streams.filter(({ errored }) => errored !== null)).toHaveLength(2),
        20_000,
      );
      const left = streams.filter(({ errored }) => errored === null);
      expect(await Promise.all(left.map((stream) => echoedText(stream, 'y')))).toEqual(['y', 'y']);
      for (const stream of left) stream.destroy();
    });
  });
}
