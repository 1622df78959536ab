import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TunnelListener } from '@postern/ssm-tunnel';
import { describe, expect, it } from 'vitest';
import type { ConformanceHarness } from '../harness.ts';
import { connectTo } from '../local-socket.ts';
import { digest, echoed, echoedText, someBytes } from '../stream-io.ts';

/** Rows 14 to 18 and 21: ports for local applications. */
export function listening({ open, refused }: ConformanceHarness): void {
  describe('listening', () => {
    it('the port is known and open when listen() resolves, and only this machine reaches it', async () => {
      const { address } = await (await open()).listen();
      expect(address).toEqual({ host: '127.0.0.1', port: expect.any(Number) });
    });

    it('several applications use one port at once, each with a connection of its own', async () => {
      const listener = await (await open()).listen();
      const sockets = await Promise.all([1, 2, 3, 4].map(() => connectTo(listener)));
      const answers = sockets.map(async (socket, at) => {
        const sent = someBytes(8_000, at + 1);
        return digest(await echoed(socket, sent)) === digest(sent);
      });
      expect(await Promise.all(answers)).toEqual([true, true, true, true]);
      for (const socket of sockets) socket.destroy();
    });

    it('a Unix socket at a place of one’s own works, and is gone with its listener', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'postern-'));
      try {
        const tunnel = await open({ halfCloseLingerMs: 50 });
        const listener = await tunnel.listen({ path: join(folder, 'echo.sock') });
        const socket = await connectTo(listener);
        expect(await echoedText(socket, 'hello')).toBe('hello');
        socket.destroy();
        await listener.close();
        await expect(connectTo(listener)).rejects.toMatchObject({ code: 'ENOENT' });
      } finally {
        await rm(folder, { recursive: true });
      }
    });

    it('a port in use fails at once and is named', async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const tunnel = await open();
      await expect(tunnel.listen({ port })).rejects.toMatchObject({
        code: 'SSM_PORT_IN_USE',
        message: expect.stringContaining(String(port)),
      });
      server.close();
    });

    it('nobody is let in after close(), neither at the listener nor at the tunnel', async () => {
      const tunnel = await open();
      const [closed, open_] = [await tunnel.listen(), await tunnel.listen()];
      await closed.close();
      await expect(connectTo(closed)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      const socket = await connectTo(open_);
      expect(await echoedText(socket, 'hello')).toBe('hello');
      await tunnel.close();
      await expect(connectTo(open_)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      socket.destroy();
    });

    if (refused === undefined) return;

    it('an application learns that its port was refused by a reset, not by an empty answer', async () => {
      const listener: TunnelListener = await (await open(refused)).listen();
      const socket = await connectTo(listener);
      await expect(once(socket.resume(), 'end')).rejects.toMatchObject({ code: 'ECONNRESET' });
    });
  });
}
