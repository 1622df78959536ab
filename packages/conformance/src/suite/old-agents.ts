import { describe, expect, it } from 'vitest';
import type { ConformanceHarness } from '../harness.ts';
import { digest, echoed, echoedText, someBytes } from '../stream-io.ts';

/** Agents as they are in the field, and documents that are not made for us. */
export function oldAgents(simulate: NonNullable<ConformanceHarness['simulate']>): void {
  describe('other agents', () => {
    it('an agent without mux serves one connection after the other', async () => {
      await using place = await simulate({ agent: { version: '3.0.196.0' } });
      const tunnel = await place.open();
      for (let time = 0; time < 3; time++) {
        const stream = tunnel.connect();
        const sent = someBytes(20_000, time + 1);
        expect(digest(await echoed(stream, sent))).toBe(digest(sent));
        stream.destroy();
      }
    });

    it('an agent without mux gives connections at the same time sessions of their own, or lets them wait', async () => {
      await using place = await simulate({ agent: { version: '3.0.196.0' } });
      const tunnel = await place.open();
      const answers = ['one', 'two'].map(async (text) => {
        const stream = tunnel.connect();
        const answer = await echoedText(stream, text);
        stream.destroy();
        return answer;
      });
      expect(await Promise.all(answers)).toEqual(['one', 'two']);
    });

    it('an agent that does not acknowledge duplicates again is served all the same', async () => {
      await using place = await simulate({ agent: { version: '3.1.1511.0' } });
      const tunnel = await place.open();
      const stream = tunnel.connect();
      place.faults.duplicateNext(tunnel.sessionId, 'to-agent', { count: 5 });
      const sent = someBytes(20_000);
      expect(digest(await echoed(stream, sent))).toBe(digest(sent));
      stream.destroy();
    });

    it('a document for SSH carries a connection', async () => {
      await using place = await simulate();
      const { remotePort } = place.options;
      const tunnel = await place.open({
        document: { name: 'AWS-StartSSHSession', parameters: { portNumber: String(remotePort) } },
      });
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'SSH-2.0')).toBe('SSH-2.0');
      stream.destroy();
    });
  });
}
