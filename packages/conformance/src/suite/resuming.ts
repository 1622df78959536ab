import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it, vi } from 'vitest';
import { type FaultyHarness, sessionState } from '../harness.ts';
import { connectTo } from '../local-socket.ts';
import { digest, echoed, echoedText, readExactly, someBytes } from '../stream-io.ts';

/** Rows 5 to 7 and 9: the channel is lost, the session and its connections are not. */
export function resuming({ open, faults, inspect, simulate }: FaultyHarness): void {
  describe('resuming', () => {
    it('the hourly goodbye does not break a query', async () => {
      const tunnel = await open();
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'before')).toBe('before');
      const answer = echoedText(stream, 'select 1');
      faults.closeChannel(tunnel.sessionId, 1000, 'Bye');
      expect(await answer).toBe('select 1');
      expect(await echoedText(stream, 'after')).toBe('after');
      expect(tunnel.stats()).toMatchObject({ resumes: 1, replacements: 0 });
      stream.destroy();
    });

    it('goodbyes and cuts under load cost no byte in either direction', async () => {
      const tunnel = await open();
      const streams = Array.from({ length: 4 }, () => tunnel.connect());
      for (let time = 1; time <= 5; time++) {
        const sent = streams.map((_, at) => someBytes(10_000, at + time));
        const first = await Promise.all(
          streams.map((stream, at) => echoed(stream, sent[at] ?? Buffer.alloc(0), 2_000)),
        );
        if (time % 2 === 0) faults.cutChannel(tunnel.sessionId);
        else faults.closeChannel(tunnel.sessionId);
        const rest = await Promise.all(streams.map((stream) => readExactly(stream, 8_000)));
        const got = first.map((bytes, at) => Buffer.concat([bytes, rest[at] ?? bytes]));
        expect(got.map(digest)).toEqual(sent.map(digest));
        await vi.waitFor(
          () => expect(tunnel.stats()).toMatchObject({ resumes: time, replacements: 0 }),
          20_000,
        );
      }
      for (const stream of streams) stream.destroy();
    });

    it('a service that is silent is noticed and left', async () => {
      const tunnel = await open({ pingIntervalMs: 150 });
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'before')).toBe('before');
      faults.silenceChannel(tunnel.sessionId);
      expect(await echoedText(stream, 'after')).toBe('after');
      // A busy machine may miss other pongs, too.
      expect(tunnel.stats().resumes).toBeGreaterThan(0);
      expect(tunnel.stats().replacements).toBe(0);
      stream.destroy();
    });

    it('an API that fails for a while is asked again, where the official client gives up', async () => {
      const tunnel = await open();
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'before')).toBe('before');
      faults.failNext('ResumeSession', { code: 'InternalServerError', status: 500 }, 5);
      faults.cutChannel(tunnel.sessionId);
      expect(await echoedText(stream, 'after')).toBe('after');
      expect(tunnel.stats()).toMatchObject({ resumes: 1, replacements: 0 });
      stream.destroy();
    });

    it('a tunnel that has no channel says so, keeps its port, and lets new connections wait', async () => {
      const tunnel = await open();
      const listener = await tunnel.listen();
      const told: string[] = [];
      const onSession = (message: unknown): void => {
        const { sessionId, event } = message as { sessionId: string; event: string };
        if (sessionId === tunnel.sessionId) told.push(event);
      };
      subscribe('postern:ssm-tunnel:session', onSession);
      faults.failNext('ResumeSession', { code: 'InternalServerError', status: 500 }, 3);
      faults.cutChannel(tunnel.sessionId);
      await vi.waitFor(
        () =>
          expect(tunnel.state).toMatchObject({
            name: 'resuming',
            since: expect.any(Number),
            cause: expect.any(Error),
          }),
        20_000,
      );
      const stream = tunnel.connect();
      const socket = await connectTo(listener);
      expect(await Promise.all([echoedText(stream, 'stream'), echoedText(socket, 'socket')])).toEqual([
        'stream',
        'socket',
      ]);
      unsubscribe('postern:ssm-tunnel:session', onSession);
      expect(tunnel.state.name).toBe('open');
      expect(told).toEqual(['lost', 'resumed']);
      stream.destroy();
      socket.resetAndDestroy();
    });

    it('close() does not wait for a channel that does not come back', async () => {
      const tunnel = await open();
      faults.failNext('ResumeSession', { code: 'InternalServerError', status: 500 }, 3);
      faults.cutChannel(tunnel.sessionId);
      await vi.waitFor(() => expect(tunnel.state.name).toBe('resuming'), 20_000);
      await tunnel.close();
      expect(await tunnel.closed).toEqual({ reason: undefined });
      expect(sessionState(inspect, tunnel.sessionId)).toBe('Terminated');
    });

    if (simulate === undefined) return;

    it('credentials that were renewed meanwhile are used to come back', async () => {
      const asked: string[] = [];
      await using place = await simulate({
        verifyRequest: ({ headers }) => {
          const [, accessKeyId] = /Credential=(\w+)\//.exec(headers.authorization ?? '') ?? [];
          asked.push(`${headers['x-amz-target']} ${accessKeyId}`);
          return { arn: 'arn:aws:iam::123456789012:user/t', userId: 'AIDAEXAMPLE', sessionName: 't' };
        },
      });
      let accessKeyId = 'AKIDFIRST';
      const tunnel = await place.open({
        credentials: async () => ({
          accessKeyId,
          secretAccessKey: 'secret-of-the-example',
          expiration: new Date(Date.now() + 60_000),
        }),
      });
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'before')).toBe('before');
      accessKeyId = 'AKIDSECOND';
      place.faults.cutChannel(tunnel.sessionId);
      expect(await echoedText(stream, 'after')).toBe('after');
      expect(asked).toEqual(['AmazonSSM.StartSession AKIDFIRST', 'AmazonSSM.ResumeSession AKIDSECOND']);
      stream.destroy();
    });

    it('a service that keeps nothing for who is away costs time but not a byte', async () => {
      await using place = await simulate({ service: { absentPeer: 'drop', oneWayDelayMs: 5 } });
      const tunnel = await place.open();
      const stream = tunnel.connect();
      const sent = someBytes(40_000);
      const first = await echoed(stream, sent, 10_000);
      place.faults.cutChannel(tunnel.sessionId);
      const rest = await readExactly(stream, 30_000);
      expect(digest(Buffer.concat([first, rest]))).toBe(digest(sent));
      expect(tunnel.stats()).toMatchObject({ resumes: 1, replacements: 0 });
      stream.destroy();
    });

    it('a goodbye every half second is no event for who uses the tunnel', async () => {
      await using place = await simulate({ service: { closeChannelsEveryMs: 500 } });
      const tunnel = await place.open();
      const stream = tunnel.connect();
      await vi.waitFor(
        async () => {
          expect(await echoedText(stream, 'again')).toBe('again');
          expect(tunnel.stats().resumes).toBeGreaterThanOrEqual(3);
        },
        { timeout: 20_000, interval: 20 },
      );
      expect(tunnel.stats().replacements).toBe(0);
      stream.destroy();
    });
  });
}
