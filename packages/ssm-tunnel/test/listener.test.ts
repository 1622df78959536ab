import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TunnelListener } from '../src/index.ts';
import { startNode } from './simulated-node.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tunnel-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function dial({ address }: TunnelListener, options: { allowHalfOpen?: boolean } = {}): Socket {
  return 'path' in address
    ? connect({ path: address.path, ...options })
    : connect({ host: address.host, port: address.port, ...options });
}

describe('a listener', () => {
  it('gives each local connection one of its own, on a free port of this machine only', async () => {
    await using node = await startNode();
    const tunnel = await node.open();
    const listener = await tunnel.listen();
    expect(listener.address).toEqual({ host: '127.0.0.1', port: expect.any(Number) });
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        const data = randomBytes(200_000);
        const socket = dial(listener);
        const back: Buffer[] = [];
        socket.on('data', (chunk) => back.push(chunk));
        socket.write(data);
        await vi.waitFor(() => expect(socket.bytesRead).toBe(data.length), 20_000);
        expect(Buffer.concat(back).equals(data)).toBe(true);
        socket.destroy();
      }),
    );
    expect(node.simulator.statistics().muxStreams).toBe(5);
  });

  it('on a Unix socket lets in its owner only', async () => {
    await using node = await startNode();
    const tunnel = await node.open();
    const path = join(directory, 'db.sock');
    const listener = await tunnel.listen({ path });
    expect(listener.address).toEqual({ path });
    expect((statSync(path).mode & 0o777).toString(8)).toBe('600');
    const socket = dial(listener);
    socket.write('hello');
    expect(String((await once(socket, 'data'))[0])).toBe('hello');
    socket.destroy();
    await listener.close();
    expect(() => statSync(path)).toThrow(/ENOENT/);
  });

  it('names the port that is in use, at once', async () => {
    await using node = await startNode();
    const tunnel = await node.open();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expect(tunnel.listen({ port })).rejects.toMatchObject({
      code: 'SSM_PORT_IN_USE',
      kind: 'conflict',
      message: expect.stringContaining(String(port)),
    });
    other.close();
    const path = join(directory, 'db.sock');
    await tunnel.listen({ path });
    await expect(tunnel.listen({ path })).rejects.toMatchObject({
      code: 'SSM_PORT_IN_USE',
      message: expect.stringContaining(path),
    });
  });

  it('names options that cannot work', async () => {
    await using node = await startNode();
    const tunnel = await node.open();
    await expect(tunnel.listen({ host: '0.0.0.0' as '127.0.0.1', port: -1 })).rejects.toMatchObject({
      code: 'SSM_OPTIONS_INVALID',
      problems: [expect.stringMatching(/^host:/), expect.stringMatching(/^port:/)],
    });
    await expect(tunnel.listen({ path: join(directory, 'x'.repeat(120)) })).rejects.toMatchObject({
      problems: [expect.stringMatching(/^path:/)],
    });
    await expect(tunnel.listen({ path: join(directory, 'absent', 'x') })).rejects.toMatchObject({
      code: 'SSM_LISTEN_FAILED',
    });
  });

  it('delivers an answer that comes after the local end', async () => {
    await using node = await startNode({
      serve: (socket) => {
        socket.once('data', () => setTimeout(() => socket.end('late reply'), 50));
      },
    });
    const tunnel = await node.open();
    const socket = dial(await tunnel.listen(), { allowHalfOpen: true });
    socket.end('question');
    expect(await text(socket)).toBe('late reply');
  });

  it('resets the local connection when the remote port refuses, so that it is no short answer', async () => {
    await using node = await startNode();
    const tunnel = await node.open({ remotePort: 1 });
    const socket = dial(await tunnel.listen());
    socket.resume();
    expect(await once(socket, 'error')).toEqual([expect.objectContaining({ code: 'ECONNRESET' })]);
  });

  it('tells the remote side of a local reset', async () => {
    await using node = await startNode();
    const tunnel = await node.open();
    const socket = dial(await tunnel.listen());
    socket.write('x');
    await once(socket, 'data');
    socket.resetAndDestroy();
    await vi.waitFor(
      () => expect(node.connections[0]?.readableEnded || node.connections[0]?.destroyed).toBe(true),
      20_000,
    );
    await vi.waitFor(() => expect(tunnel.stats().streams.open).toBe(0), 20_000);
  });

  it('ends the local connection when the remote side ends', async () => {
    await using node = await startNode({ serve: (socket) => socket.end('bye') });
    const tunnel = await node.open();
    expect(await text(dial(await tunnel.listen()))).toBe('bye');
  });

  it('stops accepting when it is closed, and lets open connections live', async () => {
    await using node = await startNode();
    const tunnel = await node.open();
    const listener = await tunnel.listen();
    const socket = dial(listener);
    socket.write('a');
    await once(socket, 'data');
    await listener.close();
    await listener.close();
    expect(await once(dial(listener), 'error')).toEqual([expect.objectContaining({ code: 'ECONNREFUSED' })]);
    socket.write('b');
    expect(String((await once(socket, 'data'))[0])).toBe('b');
    socket.destroy();
  });

  it('is gone with its tunnel: no port stays open in front of nothing', async () => {
    await using node = await startNode();
    const tunnel = await node.open({ reconnectTimeoutMs: 0 });
    const listener = await tunnel.listen();
    const socket = dial(listener);
    socket.write('a');
    await once(socket, 'data');
    const reset = once(socket, 'error');
    node.simulator.faults.failNext('ResumeSession', { code: 'ExpiredTokenException', status: 400 });
    node.simulator.faults.cutChannel(tunnel.sessionId);
    expect(await reset).toEqual([expect.objectContaining({ code: 'ECONNRESET' })]);
    expect(await once(dial(listener), 'error')).toEqual([expect.objectContaining({ code: 'ECONNREFUSED' })]);
  });
});
