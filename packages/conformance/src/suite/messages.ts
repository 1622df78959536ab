import { MessageType, PayloadType } from '@postern/ssm-protocol';
import { describe, expect, it, vi } from 'vitest';
import type { FaultyHarness } from '../harness.ts';
import { digest, echoed, echoedText, someBytes } from '../stream-io.ts';

/** Rows 3, 5 and 23; checklist 3, 5, 6 and 7: messages that are lost, doubled, late or out of order. */
export function messages({ open, faults, inspect }: FaultyHarness): void {
  describe('messages', () => {
    const output = { messageType: MessageType.outputStreamData, payloadType: PayloadType.output };
    const input = { messageType: MessageType.inputStreamData, payloadType: PayloadType.output };
    const acknowledgement = { messageType: MessageType.acknowledge };

    it('one acknowledgement that is lost does not stop all later repairs', async () => {
      const tunnel = await open();
      const stream = tunnel.connect();
      // The agent repeats only its oldest message: until that is acknowledged again, nothing else is repaired.
      faults.dropNext(tunnel.sessionId, 'to-agent', { ...acknowledgement, count: 3 });
      expect(await echoedText(stream, 'first')).toBe('first');
      faults.dropNext(tunnel.sessionId, 'to-client', { ...output, count: 2 });
      const sent = someBytes(20_000);
      expect(digest(await echoed(stream, sent))).toBe(digest(sent));
      stream.destroy();
    });

    it('messages that come twice are acknowledged twice and delivered once', async () => {
      const tunnel = await open();
      const stream = tunnel.connect();
      faults.duplicateNext(tunnel.sessionId, 'to-client', { ...output, count: 20 });
      faults.duplicateNext(tunnel.sessionId, 'to-agent', { ...input, count: 20 });
      const sent = someBytes(30_000);
      expect(digest(await echoed(stream, sent))).toBe(digest(sent));
      expect(tunnel.stats().duplicates).toBeGreaterThanOrEqual(20);
      stream.destroy();
    });

    it('several lost messages are all sent again, not one after the other at every tick', async () => {
      const tunnel = await open();
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'x')).toBe('x');
      faults.dropNext(tunnel.sessionId, 'to-agent', { ...input, count: 10 });
      const sent = someBytes(30_000);
      expect(digest(await echoed(stream, sent))).toBe(digest(sent));
      expect(tunnel.stats().retransmissions).toBeGreaterThanOrEqual(10);
      stream.destroy();
    });

    it('messages that overtake each other are put in order', async () => {
      const tunnel = await open();
      const stream = tunnel.connect();
      for (const direction of ['to-client', 'to-agent'] as const)
        for (let time = 0; time < 3; time++) {
          faults.delayNext(tunnel.sessionId, direction, 20);
          faults.delayNext(tunnel.sessionId, direction, 5, { count: 2 });
        }
      const sent = someBytes(40_000);
      expect(digest(await echoed(stream, sent))).toBe(digest(sent));
      stream.destroy();
    });

    it('losses, doubles and detours in both directions break nothing, and no rule of the protocol', async () => {
      const noise = faults.noise({ drop: 0.02, duplicate: 0.02, reorder: 0.02, seed: 7 });
      try {
        const tunnel = await open();
        const streams = Array.from({ length: 4 }, () => tunnel.connect());
        const sent = streams.map((_, at) => someBytes(30_000, at + 1));
        const got = await Promise.all(
          streams.map((stream, at) => echoed(stream, sent[at] ?? Buffer.alloc(0))),
        );
        expect(got.map(digest)).toEqual(sent.map(digest));
        for (const stream of streams) stream.destroy();
        await tunnel.close();
        expect(inspect.violations()).toEqual([]);
      } finally {
        noise.stop();
      }
    });

    it('a pause of the service holds what is written, and its end lets it go', async () => {
      const tunnel = await open();
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'a')).toBe('a');
      await vi.waitFor(() => expect(tunnel.stats().unackedMessages).toBe(0), 20_000);
      const before = tunnel.stats();
      // A busy machine makes the agent repeat itself.
      const received = (): number => tunnel.stats().messagesReceived - tunnel.stats().duplicates;
      const heard = received();
      faults.pause(tunnel.sessionId, 'client');
      await vi.waitFor(() => expect(received()).toBe(heard + 1), 20_000);
      const answer = echoed(stream, Buffer.from('b'));
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      expect(tunnel.stats().messagesSent).toBe(before.messagesSent);
      faults.resume(tunnel.sessionId, 'client');
      expect(String(await answer)).toBe('b');
      expect(tunnel.stats().messagesSent).toBe(before.messagesSent + 1);
      stream.destroy();
    });

    it('an agent that loses its connection and comes back costs time but not a byte', async () => {
      const tunnel = await open();
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'before')).toBe('before');
      faults.disconnectAgent(tunnel.sessionId);
      const sent = someBytes(10_000);
      const answer = echoed(stream, sent);
      faults.reconnectAgent(tunnel.sessionId);
      expect(digest(await answer)).toBe(digest(sent));
      stream.destroy();
    });

    it('a writer whom nobody acknowledges has to wait, and does not fill the memory', async () => {
      const tunnel = await open();
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'x')).toBe('x');
      faults.disconnectAgent(tunnel.sessionId);
      let written = 0;
      stream.on('error', () => {});
      while (written < 16 * 1024 * 1024 && stream.write(someBytes(64 * 1024))) written += 64 * 1024;
      expect(written).toBeLessThan(8 * 1024 * 1024);
      expect(tunnel.stats().unackedBytes).toBeLessThanOrEqual(4 * 1024 * 1024);
      tunnel.abort();
      await tunnel.closed;
    });
  });
}
