import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { inspect as inspectValue } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { type ConformanceHarness, sessionState } from '../harness.ts';
import { echoedText } from '../stream-io.ts';

/** Rows 2, 9, 16, 19 and 21; checklist 1 to 4. */
export function opening({ open, faults, inspect, simulate }: ConformanceHarness): void {
  describe('opening', () => {
    it('a tunnel that is open works: five times out of five', async () => {
      for (let time = 0; time < 5; time++) {
        const tunnel = await open();
        expect(tunnel.state.name).toBe('open');
        const stream = tunnel.connect();
        expect(await echoedText(stream, 'hello')).toBe('hello');
        stream.destroy();
        await tunnel.close();
      }
    });

    it('a tunnel takes no port and leaves no socket file', async () => {
      const servers = (): number =>
        process.getActiveResourcesInfo().filter((name) => /^(TCPServer|PipeServer)/.test(name)).length;
      const before = servers();
      const stream = (await open()).connect();
      expect(await echoedText(stream, 'hello')).toBe('hello');
      expect(servers()).toBe(before);
      stream.destroy();
    });

    it('who gives up before it is open gets the own reason back', async () => {
      const reason = new Error('enough');
      await expect(open({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    });

    if (faults !== undefined && inspect !== undefined) {
      it('data right behind the handshake is not lost and does not hang, ten times out of ten', async () => {
        using _ = inspect.onSessionStarted((sessionId) => faults.speakAfterHandshake(sessionId));
        for (let time = 0; time < 10; time++) {
          const tunnel = await open();
          // HandshakeRequest, HandshakeComplete and the data.
          await vi.waitFor(() => expect(tunnel.stats().messagesReceived).toBeGreaterThanOrEqual(3), 20_000);
          const stream = tunnel.connect();
          expect(await echoedText(stream, 'hello')).toBe('hello');
          stream.destroy();
          await tunnel.close();
        }
      });

      it('a node that says nothing is given up, and its session is ended', async () => {
        const started: string[] = [];
        using _ = inspect.onSessionStarted((sessionId) => {
          started.push(sessionId);
          faults.killAgent(sessionId);
        });
        await expect(open({ handshakeTimeoutMs: 300 })).rejects.toMatchObject({
          code: 'SSM_HANDSHAKE_TIMEOUT',
        });
        expect(started.map((sessionId) => sessionState(inspect, sessionId))).toEqual(['Terminated']);
      });

      it('a part of the handshake that is lost or comes twice costs time only', async () => {
        using _ = inspect.onSessionStarted((sessionId) => {
          faults.duplicateNext(sessionId, 'to-client', { count: 2 });
          faults.dropNext(sessionId, 'to-agent', { count: 2 });
        });
        const stream = (await open()).connect();
        expect(await echoedText(stream, 'hello')).toBe('hello');
        stream.destroy();
      });

      it('whoever looks at the account sees who started a session, and why', async () => {
        const { sessionId } = await open({ reason: 'nightly import' });
        const session = inspect.sessions().find((known) => known.sessionId === sessionId);
        expect(session?.reason).toMatch(/^nightly import\b.*postern/);
      });

      it('agents know the client for one whose quiet connections they must not end', async () => {
        await open();
        expect(inspect.violations().filter(({ kind }) => kind === 'client-version')).toEqual([]);
      });
    }

    if (simulate === undefined) return;

    it('the upgrade is signed for its service, region and caller', async () => {
      const upgrades: IncomingMessage[] = [];
      await using place = await simulate({
        requireSignedUpgrade: true,
        verifyUpgrade: (request) => {
          upgrades.push(request);
          return {
            arn: 'arn:aws:iam::123456789012:user/tester',
            userId: 'AIDAEXAMPLE',
            sessionName: 'tester',
          };
        },
      });
      await place.open();
      expect(upgrades.map(({ headers }) => headers.authorization)).toEqual([
        expect.stringMatching(
          /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-2\/ssmmessages\/aws4_request, SignedHeaders=\S*host\S*, Signature=[0-9a-f]{64}$/,
        ),
      ]);
      // The URL goes out as it came: raw `+` and `/` belong to the cell number.
      expect(upgrades[0]?.url).toMatch(/\?role=publish_subscribe&cell-number=\S*\+\S*\//);
    });

    it('tokens, addresses and keys of a session stay out of what is published', async () => {
      await using place = await simulate();
      const published: unknown[] = [];
      const names = ['state', 'session', 'stream', 'unsigned', 'message', 'terminate-failed'] as const;
      const onMessage = (message: unknown): void => void published.push(message);
      for (const name of names) subscribe(`postern:ssm-tunnel:${name}`, onMessage);
      place.faults.failNext('TerminateSession', { code: 'AccessDeniedException', status: 400 });
      const tunnel = await place.open();
      const stream = tunnel.connect();
      expect(await echoedText(stream, 'hello')).toBe('hello');
      stream.on('error', (error) => published.push(error));
      tunnel.abort(new Error('enough'));
      await tunnel.closed;
      for (const { sessionId } of place.inspect.sessions()) place.faults.endSession(sessionId);
      for (const name of names) unsubscribe(`postern:ssm-tunnel:${name}`, onMessage);
      const text = inspectValue(published, { depth: null, maxStringLength: null });
      expect(published.length).toBeGreaterThan(2);
      expect(text).not.toMatch(/cell-number|wss?:\/\/|secret-of-the-example|TokenValue|Signature=/);
    });
  });
}
