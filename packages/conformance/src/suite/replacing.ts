import { once } from 'node:events';
import type { Tunnel } from '@postern/ssm-tunnel';
import { describe, expect, it, vi } from 'vitest';
import type { FaultyHarness, SimulatedHarness } from '../harness.ts';
import { connectTo } from '../local-socket.ts';
import { echoedText } from '../stream-io.ts';

/** Rows 6 to 8, 10 and 15: the session itself is over, the tunnel is not. */
export function replacing({ open, faults, simulate }: FaultyHarness): void {
  describe('replacing', () => {
    it.each<[string, (sessionId: string) => void]>([
      ['is terminated by an operator', (id) => faults.endSession(id, 'Terminated by an operator.')],
      ['ends without a word', (id) => faults.endSession(id)],
      ['loses its agent to an update', (id) => faults.replaceAgent(id)],
      [
        'its caller may not resume',
        (id) => {
          faults.failNext('ResumeSession', { code: 'AccessDeniedException' });
          faults.cutChannel(id);
        },
      ],
      [
        'ends while the tunnel tries to resume it',
        (id) => {
          faults.failNext('ResumeSession', { code: 'InternalServerError', status: 500 }, 2);
          faults.cutChannel(id);
          faults.endSession(id);
        },
      ],
    ])('a session that %s costs its connections, not the tunnel', async (_, end) => {
      const tunnel = await open();
      await survives(tunnel, () => end(tunnel.sessionId));
      expect(tunnel.stats().replacements).toBe(1);
    });

    if (simulate === undefined) return;

    it.each(['no-token', 'does-not-exist', 'invalid-state'] as const)(
      'a session that is over is known for it, however the service says so (%s)',
      async (resumeOfEnded) => {
        await using place = await simulate({ service: { resumeOfEnded } });
        const tunnel = await place.open();
        await survives(tunnel, () => {
          place.faults.cutChannel(tunnel.sessionId);
          place.faults.endSession(tunnel.sessionId);
        });
        expect(tunnel.stats().replacements).toBe(1);
      },
    );

    it('an idle timeout costs nothing to who was idle', async () => {
      await using place = await simulate({ service: { idleTimeoutMs: 2_000 } });
      const tunnel = await place.open();
      const listener = await tunnel.listen();
      await use(tunnel);
      await vi.waitFor(() => expect(tunnel.stats().replacements).toBeGreaterThanOrEqual(1), {
        timeout: 20_000,
      });
      const socket = await connectTo(listener);
      expect(await echoedText(socket, 'hello')).toBe('hello');
      socket.resetAndDestroy();
    });

    it('a maximum duration resets connections, and new ones work', async () => {
      await using place = await simulate({ service: { maxSessionDurationMs: 2_000 } });
      const tunnel = await place.open();
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'before')).toBe('before');
      const [error] = await once(stream, 'error');
      expect(error).toMatchObject({ code: 'SSM_STREAM_RESET' });
      const next = tunnel.connect();
      expect(await echoedText(next, 'after')).toBe('after');
      next.destroy();
    });

    it('keeping alive, where it was asked for, keeps a session from its idle timeout', async () => {
      await using place = await simulate({ service: { idleTimeoutMs: 2_000 } });
      const [kept, quiet] = [await place.open({ keepAliveIntervalMs: 200 }), await place.open()];
      await use(quiet);
      await vi.waitFor(() => expect(quiet.stats().replacements).toBe(1), { timeout: 20_000 });
      expect(kept.stats().replacements).toBe(0);
    });

    it.each<[string, (place: SimulatedHarness) => Promise<Tunnel>]>([
      ['of a list', (place) => place.open({ target: place.nodes })],
      ['with the right tags', (place) => place.open({ target: { tags: { Role: 'jump-host' } } })],
    ])('when its node is gone, the tunnel goes on over the next one %s', async (_, openIt) => {
      await using place = await simulate();
      const tunnel = await openIt(place);
      const [first] = place.inspect.sessions();
      await survives(tunnel, () => place.faults.loseInstance(first?.target ?? ''));
      const [, second] = place.inspect.sessions();
      expect(new Set([first?.target, second?.target])).toEqual(new Set(place.nodes));
    });

    it('a first node that is not there is passed over from the start', async () => {
      await using place = await simulate();
      place.faults.loseInstance(place.nodes[0]);
      const tunnel = await place.open({ target: place.nodes });
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'hello')).toBe('hello');
      stream.destroy();
    });

    it('tags that no node has are an error of their own', async () => {
      await using place = await simulate();
      await expect(place.open({ target: { tags: { Role: 'nobody' } } })).rejects.toMatchObject({
        code: 'SSM_TARGET_NOT_FOUND',
        message: expect.stringContaining('nobody'),
      });
    });

    it('while no node is there, the tunnel says so and connections wait for one', async () => {
      await using place = await simulate();
      const tunnel = await place.open();
      await use(tunnel);
      place.faults.loseInstance(place.nodes[0]);
      await vi.waitFor(
        () => expect(tunnel.state).toMatchObject({ name: 'replacing', since: expect.any(Number) }),
        20_000,
      );
      const stream = tunnel.connect();
      const answer = echoedText(stream, 'hello');
      expect(tunnel.stats().waitingStreams).toBe(1);
      place.faults.restoreInstance(place.nodes[0]);
      expect(await answer).toBe('hello');
      expect(tunnel.state.name).toBe('open');
      stream.destroy();
    });

    it('a tunnel that cannot work says so, ends what waits, and leaves no port that leads nowhere', async () => {
      await using place = await simulate();
      const tunnel = await place.open({ reconnectTimeoutMs: 500 });
      const listener = await tunnel.listen();
      await use(tunnel);
      place.faults.loseInstance(place.nodes[0]);
      await vi.waitFor(() => expect(tunnel.state.name).toBe('replacing'), 20_000);
      const waiting = tunnel.connect();
      const [error] = await once(waiting, 'error');
      expect(error).toMatchObject({ name: 'TunnelError' });
      expect((await tunnel.closed).reason).toMatchObject({
        code: 'SSM_RECONNECT_TIMEOUT',
        message: expect.stringContaining(place.nodes[0]),
      });
      expect(tunnel.state.name).toBe('closed');
      await expect(connectTo(listener)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    });
  });
}

/** A session that nobody used and that ends with words is not replaced: the next one would end with the same. */
async function use(tunnel: Tunnel): Promise<void> {
  const stream = tunnel.connect();
  expect(await echoedText(stream, 'used')).toBe('used');
  stream.destroy();
}

/** Ends a session in which there is a connection; everything works afterwards, at the same places. */
async function survives(tunnel: Tunnel, endSession: () => void): Promise<void> {
  const listener = await tunnel.listen();
  const { sessionId } = tunnel;
  const stream = tunnel.connect();
  expect(await echoedText(stream, 'before')).toBe('before');
  const failed = once(stream, 'error');
  endSession();
  expect(await failed).toEqual([
    expect.objectContaining({ name: 'TunnelError', code: 'SSM_STREAM_RESET', cause: expect.any(Error) }),
  ]);
  const [next, socket] = [tunnel.connect(), await connectTo(listener)];
  expect(await Promise.all([echoedText(next, 'next'), echoedText(socket, 'socket')])).toEqual([
    'next',
    'socket',
  ]);
  expect(tunnel.sessionId).not.toBe(sessionId);
  expect(tunnel.state.name).toBe('open');
  next.destroy();
  socket.resetAndDestroy();
}
