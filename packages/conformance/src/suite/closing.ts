import { once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { type ConformanceHarness, sessionState } from '../harness.ts';
import { echoedText, someBytes } from '../stream-io.ts';

/** Rows 11 and 12; checklist 9 and 10: an end is the end, here and at AWS. */
export function closing({ open, faults, inspect }: ConformanceHarness): void {
  describe('closing', () => {
    it('close() is one close, and nothing can be used after it', async () => {
      const tunnel = await open();
      const closing = tunnel.close();
      expect(tunnel.close()).toBe(closing);
      await closing;
      expect(await tunnel.closed).toEqual({ reason: undefined });
      expect(tunnel.state.name).toBe('closed');
      const [error] = await once(tunnel.connect(), 'error');
      expect(error).toMatchObject({ code: 'SSM_TUNNEL_CLOSED' });
      await expect(tunnel.listen()).rejects.toMatchObject({ code: 'SSM_TUNNEL_CLOSED' });
    });

    it('close() ends connections that are still open, without an error nobody asked for', async () => {
      const tunnel = await open();
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'hello')).toBe('hello');
      await tunnel.close();
      expect([stream.destroyed, stream.errored]).toEqual([true, null]);
    });

    it('abort() resets connections at once and keeps its reason', async () => {
      const tunnel = await open();
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'hello')).toBe('hello');
      const failed = once(stream, 'error');
      const reason = new Error('enough');
      tunnel.abort(reason);
      expect(await failed).toEqual([expect.objectContaining({ code: 'SSM_STREAM_RESET' })]);
      expect(await tunnel.closed).toEqual({ reason });
    });

    if (inspect === undefined) return;

    it('what was written before close() arrives', async () => {
      const tunnel = await open();
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'hello')).toBe('hello');
      const before = inspect.statistics().bytesUp;
      stream.on('error', () => {}).resume();
      stream.write(someBytes(30_000));
      await tunnel.close();
      expect(inspect.statistics().bytesUp).toBe(before + 30_000);
    });

    it('close() tells the agent and waits for it: the session is over without a call to the API', async () => {
      const tunnel = await open();
      const { terminateSessionCalls } = inspect.statistics();
      await tunnel.close();
      // The agent's word is waited for; the service may act on it a moment later.
      await vi.waitFor(() => expect(sessionState(inspect, tunnel.sessionId)).toBe('Terminated'), 10_000);
      expect(inspect.statistics().terminateSessionCalls).toBe(terminateSessionCalls);
    });

    it('abort() ends the session at AWS as well', async () => {
      const tunnel = await open();
      const { sessionId } = tunnel;
      tunnel.abort();
      await tunnel.closed;
      expect(sessionState(inspect, sessionId)).toBe('Terminated');
    });

    if (faults === undefined) return;

    it('close() ends the session through the API when the agent does not answer', async () => {
      const tunnel = await open();
      const { terminateSessionCalls } = inspect.statistics();
      faults.killAgent(tunnel.sessionId);
      await tunnel.close();
      expect(sessionState(inspect, tunnel.sessionId)).toBe('Terminated');
      expect(inspect.statistics().terminateSessionCalls).toBe(terminateSessionCalls + 1);
    });

    it('close() takes a session that was ended meanwhile for ended', async () => {
      const tunnel = await open();
      faults.silenceChannel(tunnel.sessionId);
      faults.endSession(tunnel.sessionId, 'Terminated by an operator.');
      await tunnel.close();
      expect(await tunnel.closed).toEqual({ reason: undefined });
    });
  });
}
