import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import type { Tunnel } from '../src/index.ts';
import { read } from './reading.ts';
import { startNode, target } from './simulated-node.ts';

// Through the simulated service and agent to a real TCP server. Each node checks at its end that the client
// broke no rule of the protocol and left no session.

/** Sends everything, half-closes, and collects what comes back until the other side ends. */
async function exchange(stream: Duplex, data: Buffer): Promise<Buffer> {
  stream.end(data);
  return buffer(stream);
}

describe('bytes', () => {
  it.each([
    [1, 1],
    [1_000, 1],
    [1_000_000, 1],
    [1_000, 8],
    [1_000_000, 8],
  ])('arrive as they left: %i each way over %i streams', async (bytes, streams) => {
    await using node = await startNode();
    const tunnel = await node.open();
    await Promise.all(
      Array.from({ length: streams }, async () => {
        const data = randomBytes(bytes);
        const stream = tunnel.connect();
        stream.write(data);
        const back = await read(stream, bytes);
        expect(back.equals(data)).toBe(true);
        stream.destroy();
      }),
    );
    expect(tunnel.stats().streams).toMatchObject({
      opened: streams,
      bytesSent: bytes * streams,
      bytesReceived: bytes * streams,
      heldBytes: 0,
    });
    expect(node.simulator.statistics()).toMatchObject({ startSessionCalls: 1, muxStreams: streams });
  });

  it('arrive as they left when a message would be a single line feed, which the official client corrupts', async () => {
    await using node = await startNode();
    const tunnel = await node.open();
    const stream = tunnel.connect();
    // With the SYN and the header this fills one message to the last byte but one, and then goes over.
    const data = Buffer.concat([
      Buffer.alloc(1_008, 'x'),
      Buffer.from('\n'),
      Buffer.alloc(1_015, 'y'),
      Buffer.from('\n'),
    ]);
    stream.write(data);
    expect((await read(stream, data.length)).equals(data)).toBe(true);
  });

  it('arrive in order whatever the network drops, doubles or delays, and no acknowledgement is missing', async () => {
    await using node = await startNode();
    const tunnel = await node.open();
    const { faults } = node.simulator;
    const stream = tunnel.connect();
    stream.write('a');
    await read(stream, 1);
    const { sessionId } = tunnel;
    for (const direction of ['to-agent', 'to-client'] as const) {
      faults.dropNext(sessionId, direction, { messageType: 'acknowledge', count: 2 });
      faults.delayNext(sessionId, direction, 30, { payloadType: 1, count: 3 });
      faults.duplicateNext(sessionId, direction, { payloadType: 1, count: 3 });
      faults.dropNext(sessionId, direction, { payloadType: 1, count: 2 });
    }
    const data = randomBytes(100_000);
    stream.write(data);
    expect((await read(stream, data.length)).equals(data)).toBe(true);
    expect(tunnel.stats().retransmissions).toBeGreaterThan(0);
    expect(tunnel.stats().duplicates).toBeGreaterThan(0);
  });

  it('arrive from an agent as slow as a real one', async () => {
    await using node = await startNode({ pacing: true });
    const tunnel = await node.open();
    const data = randomBytes(50_000);
    const stream = tunnel.connect();
    stream.write(data);
    expect((await read(stream, data.length)).equals(data)).toBe(true);
  });

  it('of a server that speaks first need no write', async () => {
    await using node = await startNode({ serve: (socket) => socket.end('220 ready') });
    const tunnel = await node.open();
    expect(await text(tunnel.connect())).toBe('220 ready');
  });

  it('of an answer are not lost when the question is half-closed', async () => {
    await using node = await startNode({
      serve: (socket) => {
        socket.once('data', () => setTimeout(() => socket.end('late reply'), 50));
      },
    });
    const tunnel = await node.open();
    expect(String(await exchange(tunnel.connect(), Buffer.from('question')))).toBe('late reply');
  });

  it('reach a server that waits for the end, if asked to', async () => {
    const seen: string[] = [];
    await using node = await startNode({
      serve: (socket) => {
        socket.on('data', (chunk) => seen.push(String(chunk)));
        socket.on('end', () => seen.push('end'));
      },
    });
    const tunnel = await node.open({ halfCloseLingerMs: 0 });
    tunnel.connect().resume().end('all of it');
    await vi.waitFor(() => expect(seen).toEqual(['all of it', 'end']), 20_000);
  });
});

describe('back-pressure', () => {
  it('makes a writer wait for the agent, so that memory stays bounded', async () => {
    // A server that does not read: the agent stops acknowledging once its own buffers are full.
    await using node = await startNode({ serve: (socket) => socket.pause() });
    const tunnel = await node.open();
    const stream = tunnel.connect().on('error', () => {});
    const chunk = Buffer.alloc(64 * 1024);
    const fill = (): void => {
      while (stream.write(chunk));
    };
    stream.on('drain', fill);
    fill();
    let before = -1;
    await vi.waitFor(
      () => {
        const { streams, unackedBytes } = tunnel.stats();
        expect(unackedBytes).toBeLessThanOrEqual(4 * 1024 * 1024);
        const stalled = streams.bytesSent === before && unackedBytes > 0;
        before = streams.bytesSent;
        expect(stalled).toBe(true);
      },
      { timeout: 20_000, interval: 500 },
    );
    expect(stream.writableLength).toBeLessThanOrEqual(128 * 1024);
    tunnel.abort();
  });

  it('of one slow reader does not stop the others, and resets it alone in the end', async () => {
    await using node = await startNode();
    const tunnel = await node.open({ streamBufferBytes: 64 * 1024 });
    const slow = tunnel.connect();
    const failed = once(slow, 'error');
    slow.write(Buffer.alloc(400_000));
    const quick = tunnel.connect();
    quick.write('still here');
    expect(String(await read(quick, 10))).toBe('still here');
    expect(await failed).toEqual([expect.objectContaining({ code: 'SSM_STREAM_RESET' })]);
    quick.write('and here');
    expect(String(await read(quick, 8))).toBe('and here');
  });
});

describe('refusals', () => {
  it('name a target that is not there', async () => {
    await using node = await startNode();
    await expect(node.open({ target: 'i-00000000000000000' })).rejects.toMatchObject({
      code: 'SSM_TARGET_NOT_CONNECTED',
      message: expect.stringContaining('i-00000000000000000'),
    });
  });

  it('name a document that is not there', async () => {
    await using node = await startNode();
    await expect(node.open({ document: { name: 'No-Such-Document' } })).rejects.toMatchObject({
      code: 'SSM_DOCUMENT_INVALID',
    });
  });

  it('carry the agent’s words about a forbidden host', async () => {
    await using node = await startNode();
    const tunnel = await node.open({ remoteHost: '169.254.169.254', remotePort: 80 });
    expect((await tunnel.closed).reason).toMatchObject({
      code: 'SSM_CHANNEL_CLOSED',
      message: expect.stringContaining('Forwarding to IP address 169.254.169.254 is forbidden.'),
    });
  });

  it('of a port end that connection alone', async () => {
    await using node = await startNode();
    const tunnel = await node.open();
    const stream = tunnel.connect();
    stream.write('x');
    await read(stream, 1);
    // The listener goes; the first connection stays.
    node.server.close();
    const [error] = await once(tunnel.connect(), 'error');
    expect(error).toMatchObject({ code: 'SSM_REMOTE_PORT_REFUSED', kind: 'unavailable' });
    stream.write('y');
    expect(String(await read(stream, 1))).toBe('y');
  });
});

describe('the end', () => {
  const ends: [string, (tunnel: Tunnel) => unknown][] = [
    ['closed', (tunnel) => tunnel.close()],
    ['aborted', (tunnel) => tunnel.abort(new Error('stop'))],
    ['disposed of', (tunnel) => tunnel[Symbol.asyncDispose]()],
  ];

  it.each(ends)('leaves no session when a tunnel is %s', async (_, end) => {
    await using node = await startNode();
    const tunnel = await node.open();
    const stream = tunnel.connect().on('error', () => {});
    stream.write('x');
    await read(stream, 1);
    await end(tunnel);
    await tunnel.closed;
    // The agent's word is waited for; the service may act on it a moment later.
    await vi.waitFor(() => {
      expect(node.simulator.statistics()).toMatchObject({
        sessionsStarted: 1,
        sessionsTerminated: 1,
        openSessions: 0,
      });
    }, 20_000);
    await vi.waitFor(
      () => expect(node.connections.every((socket) => socket.readableEnded || socket.destroyed)).toBe(true),
      20_000,
    );
  });

  it('leaves no session when the agent is gone', async () => {
    await using node = await startNode();
    const tunnel = await node.open();
    node.simulator.faults.killAgent(tunnel.sessionId);
    await tunnel.close();
    expect(node.simulator.statistics().openSessions).toBe(0);
  });
});

describe('documents', () => {
  it('of your own lead where they say', async () => {
    await using node = await startNode();
    node.simulator.registerDocument({
      name: 'Team-Database',
      content: {
        schemaVersion: '1.0',
        sessionType: 'Port',
        properties: {
          host: 'db.internal',
          portNumber: String(node.port),
          type: 'LocalPortForwarding',
          localPortNumber: '0',
        },
      },
    });
    const tunnel = await node.open({ document: { name: 'Team-Database' } });
    const stream = tunnel.connect();
    stream.write('hello');
    expect(String(await read(stream, 5))).toBe('hello');
    expect(node.simulator.statistics().dialled).toEqual([{ host: 'db.internal', port: node.port }]);
  });

  it('for a port of the node itself need no host', async () => {
    await using node = await startNode();
    const { openTunnel } = await import('../src/index.ts');
    await using tunnel = await openTunnel({
      target,
      remotePort: node.port,
      region: 'eu-west-2',
      endpoint: node.simulator.endpoint,
      credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'top-secret' },
    });
    const stream = tunnel.connect();
    stream.write('local');
    expect(String(await read(stream, 5))).toBe('local');
  });
});
