import { errorMonitor, once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { PayloadType } from '@postern/ssm-protocol';
import { describe, expect, it, vi } from 'vitest';
import { openTunnel, type TunnelOptions } from '../src/index.ts';
import { politeAgent, type ScriptedGateway, startScriptedGateway } from './scripted-gateway.ts';

const optionsFor = (gateway: ScriptedGateway): TunnelOptions => ({
  target: 'i-0a1b2c3d4e5f60718',
  remotePort: 5432,
  region: 'eu-west-2',
  endpoint: gateway.endpoint,
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
});

const operations = (gateway: ScriptedGateway): string[] => gateway.calls.map(({ operation }) => operation);

describe('closing a tunnel', () => {
  it('ends open streams without an error event, whatever they were doing, so that nobody has to listen', async () => {
    // Handshake only: nothing is acknowledged, so a large write is stuck in the upload window.
    await using gateway = await startScriptedGateway({
      run: (socket, agent) => {
        socket.send(agent.handshakeRequest());
        socket.send(agent.handshakeComplete());
      },
    });
    const tunnel = await openTunnel(optionsFor(gateway));
    const idle = tunnel.connect();
    const reading = tunnel.connect().resume();
    const lingering = tunnel.connect();
    lingering.end('question');
    const writing = tunnel.connect();
    const written = vi.fn();
    writing.write(Buffer.alloc(1024 * 1024), written);
    writing.write('more', written);
    const ends = vi.fn();
    const streams = [idle, reading, lingering, writing];
    for (const stream of streams) stream.on('end', ends).on(errorMonitor, ends);
    const closed = streams.map((stream) => once(stream, 'close'));
    await tunnel.close();
    await Promise.all(closed);
    expect(ends).not.toHaveBeenCalled();
    // What never left is not reported as written.
    expect(written.mock.calls.map(([error]) => error)).toEqual([expect.any(Error), expect.any(Error)]);
    expect(tunnel.stats().streams).toMatchObject({ open: 0, heldBytes: 0 });
  });

  it('never lets a reader take half an answer for a whole one', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    const tunnel = await openTunnel(optionsFor(gateway));
    const answer = tunnel.connect().toArray();
    const [failure] = await Promise.all([answer.catch((error: unknown) => error), tunnel.close()]);
    expect(failure).toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });

  it('makes a later connection fail as an event, once, and never throw', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    const tunnel = await openTunnel(optionsFor(gateway));
    const closing = tunnel.close();
    const late = tunnel.connect();
    late.write('x');
    expect(await once(late, 'error')).toEqual([expect.objectContaining({ code: 'SSM_TUNNEL_CLOSED' })]);
    await closing;
    expect(await tunnel.closed).toEqual({ reason: undefined });
  });

  it('resets streams that are open when it is aborted halfway', async () => {
    await using gateway = await startScriptedGateway({
      run: (socket, agent) => {
        socket.send(agent.handshakeRequest());
        socket.send(agent.handshakeComplete());
      },
    });
    const tunnel = await openTunnel(optionsFor(gateway));
    const stream = tunnel.connect();
    const failed = once(stream, 'error');
    stream.write('x');
    const closing = tunnel.close();
    tunnel.abort(new Error('now'));
    expect(await failed).toEqual([expect.objectContaining({ code: 'SSM_STREAM_RESET' })]);
    await closing;
    expect(operations(gateway)).toEqual(['StartSession', 'TerminateSession']);
  });

  it('counts as done when the service hangs up instead of saying goodbye', async () => {
    await using gateway = await startScriptedGateway({
      ...politeAgent,
      onMessage: (socket, agent) => {
        const message = agent.received.at(-1);
        if (message?.messageType !== 'input_stream_data') return;
        socket.send(agent.acknowledge(message));
        if (message.payloadType === PayloadType.flag) socket.close(1000);
      },
    });
    const tunnel = await openTunnel(optionsFor(gateway));
    await tunnel.close();
    expect(await tunnel.closed).toEqual({ reason: undefined });
    expect(operations(gateway)).toEqual(['StartSession']);
  });
});

describe('a stream', () => {
  it('that ends before it began, with nothing to wait for, leaves nothing behind', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    await using tunnel = await openTunnel({ ...optionsFor(gateway), halfCloseLingerMs: 0 });
    tunnel.connect().end();
    const other = tunnel.connect();
    other.write('x');
    await vi.waitFor(() => expect(gateway.agent.smux.length).toBe(17), 20_000);
    // The first id went to the stream that had something to say.
    expect(gateway.agent.smux.readUInt32LE(4)).toBe(3);
    expect(tunnel.stats().streams).toMatchObject({ open: 1, opened: 1 });
    other.destroy();
    expect(tunnel.stats().streams.open).toBe(0);
  });
});

describe('an opening', () => {
  it('that is cancelled while StartSession is under way does not leave its session behind', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    await using gateway = await startScriptedGateway({
      ...politeAgent,
      startSession: (url) => {
        controller.abort(reason);
        return { SessionId: 's-1', TokenValue: 't', StreamUrl: url };
      },
    });
    await expect(openTunnel({ ...optionsFor(gateway), signal: controller.signal })).rejects.toBe(reason);
    expect(operations(gateway)).toEqual(['StartSession', 'TerminateSession']);
    expect(gateway.upgrades).toEqual([]);
  });

  /** A server for StartSession that does only this. */
  async function apiThat(answers: RequestListener): Promise<AsyncDisposable & { options: TunnelOptions }> {
    const server = createServer(answers).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return {
      options: {
        target: 'i-0a1b2c3d4e5f60718',
        remotePort: 1,
        region: 'eu-west-2',
        endpoint: `http://127.0.0.1:${port}`,
        credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
      },
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        server.close();
      },
    };
  }

  it('that is cancelled while StartSession hangs does not wait for it', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    await using api = await apiThat(() => controller.abort(reason));
    await expect(openTunnel({ ...api.options, signal: controller.signal })).rejects.toBe(reason);
  });

  it.each(['{"SessionId":"s-1","TokenValue":"top-secret', '<html>top-secret</html>'])(
    'that is answered with %s does not repeat it',
    async (body) => {
      await using api = await apiThat((_, response) => void response.end(body));
      const error = await openTunnel(api.options).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'SSM_API_FAILED' });
      expect(inspect(error, { depth: 5 })).not.toContain('secret');
    },
  );
});
