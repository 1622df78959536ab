import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { ConformanceHarness } from '../harness.ts';
import { digest, echoed, echoedText, someBytes } from '../stream-io.ts';

/** Rows 18, 23 and 24: many connections, and none that suffers from another. */
export function connections({ open }: ConformanceHarness): void {
  describe('connections', () => {
    it('the first bytes of one leave together with it: there is nothing to wait for', async () => {
      const tunnel = await open();
      const { messagesSent } = tunnel.stats();
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'hello')).toBe('hello');
      expect(tunnel.stats().messagesSent).toBe(messagesSent + 1);
      stream.destroy();
    });

    it('forty at once keep their bytes apart', async () => {
      const tunnel = await open();
      const answers = Array.from({ length: 40 }, async (_, at) => {
        const stream = tunnel.connect();
        const sent = someBytes(4_000 + at, at + 1);
        const same = digest(await echoed(stream, sent)) === digest(sent);
        stream.destroy();
        return same;
      });
      expect(new Set(await Promise.all(answers))).toEqual(new Set([true]));
    });

    it('thirty one after the other are all served', async () => {
      const tunnel = await open();
      for (let at = 0; at < 30; at++) {
        const stream = tunnel.connect();
        expect(await echoedText(stream, `question ${at}`)).toBe(`question ${at}`);
        stream.destroy();
      }
    });

    it('one that is torn down in the middle of its data does not disturb the others', async () => {
      const tunnel = await open();
      const [torn, kept] = [tunnel.connect(), tunnel.connect()];
      torn.write(someBytes(20_000));
      const sent = someBytes(30_000, 2);
      const answer = echoed(kept, sent);
      await once(torn, 'readable');
      torn.destroy();
      expect(digest(await answer)).toBe(digest(sent));
      kept.destroy();
    });

    it('a caller who gives up ends its own connection only, with its own reason', async () => {
      const tunnel = await open();
      const controller = new AbortController();
      const [given, kept] = [tunnel.connect({ signal: controller.signal }), tunnel.connect()];
      expect(await echoedText(given, 'a')).toBe('a');
      const failed = once(given, 'error');
      const reason = new Error('enough');
      controller.abort(reason);
      expect(await failed).toEqual([reason]);
      expect(await echoedText(kept, 'b')).toBe('b');
      kept.destroy();
    });

    it('a reader that stops does not stop the others, and is reset alone when too much waits for it', async () => {
      const tunnel = await open({ streamBufferBytes: 64 * 1024 });
      const slow = tunnel.connect();
      const failed = once(slow, 'error');
      slow.write(someBytes(250_000));
      const quick = tunnel.connect();
      expect(await echoedText(quick, 'still here')).toBe('still here');
      expect(await failed).toEqual([expect.objectContaining({ code: 'SSM_STREAM_RESET' })]);
      expect(await echoedText(quick, 'and here')).toBe('and here');
      quick.destroy();
    });

    it('two tunnels in one process do not know of each other', async () => {
      const [one, other] = await Promise.all([open(), open()]);
      expect(one.sessionId).not.toBe(other.sessionId);
      const streams = [one.connect(), other.connect()] as const;
      expect(await Promise.all([echoedText(streams[0], 'one'), echoedText(streams[1], 'other')])).toEqual([
        'one',
        'other',
      ]);
      await one.close();
      expect(await echoedText(streams[1], 'still')).toBe('still');
      streams[1].destroy();
    });
  });
}
