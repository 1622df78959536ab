import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { ConformanceHarness } from '../harness.ts';

/** Rows 10 and 14: a failure is an error that says which, never an end that looks like success. */
export function refusals({ open, refused, forbidden }: ConformanceHarness): void {
  describe('refusals', () => {
    it('a node that is not there is an error of its own', async () => {
      await expect(open({ target: 'i-00000000000000000' })).rejects.toMatchObject({
        name: 'TunnelError',
        // A policy that names its nodes refuses before anybody looks for this one.
        code: expect.stringMatching(/^SSM_(TARGET_NOT_CONNECTED|ACCESS_DENIED)$/),
        message: expect.stringContaining('i-00000000000000000'),
      });
    });

    it('a document that is not there is an error of its own', async () => {
      await expect(open({ document: { name: 'Postern-No-Such-Document' } })).rejects.toMatchObject({
        name: 'TunnelError',
        code: expect.stringMatching(/^SSM_(DOCUMENT_INVALID|ACCESS_DENIED)$/),
        message: expect.stringContaining('Postern-No-Such-Document'),
      });
    });

    it('options that cannot work are refused before anything is started, all at once and by name', async () => {
      await expect(open({ pingIntervalMs: -1, reason: '' })).rejects.toMatchObject({
        code: 'SSM_OPTIONS_INVALID',
        message: expect.stringMatching(/reason.*pingIntervalMs|pingIntervalMs.*reason/),
      });
    });

    if (refused !== undefined)
      it('a refused port is an error of its connection, and the tunnel stays', async () => {
        const tunnel = await open(refused);
        for (let time = 0; time < 2; time++) {
          const stream = tunnel.connect();
          stream.write('hello?');
          expect(await once(stream, 'error')).toEqual([
            expect.objectContaining({ name: 'TunnelError', code: 'SSM_REMOTE_PORT_REFUSED' }),
          ]);
        }
        expect(tunnel.state.name).toBe('open');
      });

    if (forbidden !== undefined)
      it('a host that the agent forbids is said to be forbidden', async () => {
        const tunnel = await open({ ...forbidden, reconnectTimeoutMs: 0 });
        expect(words((await tunnel.closed).reason)).toContain('is forbidden');
      });
  });
}

/** An error's message and those of its causes. */
function words(error: unknown): string {
  return error instanceof Error ? `${error.message} ${words(error.cause)}` : '';
}
