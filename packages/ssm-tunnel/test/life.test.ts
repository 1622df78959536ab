import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { encodeSessionFlag, encodeSmuxFrame, PayloadType, SmuxCommand } from '@postern/ssm-protocol';
import { describe, expect, it, vi } from 'vitest';
import { openTunnel, type TunnelOptions } from '../src/index.ts';
import { politeAgent, type ScriptedGateway, startScriptedGateway } from './scripted-gateway.ts';

// What happens to an open tunnel, against a service that a test controls to the byte.

const optionsFor = (gateway: ScriptedGateway): TunnelOptions => ({
  target: 'i-0a1b2c3d4e5f60718',
  remoteHost: 'db.internal',
  remotePort: 5432,
  region: 'eu-west-2',
  endpoint: gateway.endpoint,
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'top-secret' },
});
const socketOf = (gateway: ScriptedGateway) => [...gateway.sockets][0]!;
const operations = (gateway: ScriptedGateway): string[] => gateway.calls.map(({ operation }) => operation);
const frame = (command: number, streamId: number, data = ''): Buffer =>
  encodeSmuxFrame({ command, streamId, data: Buffer.from(data) });

describe('a stream', () => {
  it('puts SYN and the first write into one message, so that a connection costs no round trip', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    await using tunnel = await openTunnel(optionsFor(gateway));
    const stream = tunnel.connect();
    stream.on('error', () => {});
    // As a PostgreSQL client does: it writes when it hears of the connection, a moment later.
    process.nextTick(() => stream.write('SSLRequest'));
    await vi.waitFor(() => expect(gateway.agent.input).toHaveLength(2), 20_000);
    expect(
      Buffer.from(gateway.agent.input[1]?.payload ?? []).equals(
        Buffer.concat([frame(SmuxCommand.syn, 3), frame(SmuxCommand.psh, 3, 'SSLRequest')]),
      ),
    ).toBe(true);
  });

  it('opens without a write, for servers that speak first', async () => {
    await using gateway = await startScriptedGateway({
      ...politeAgent,
      onMessage: (socket, agent, bytes) => {
        politeAgent.onMessage?.(socket, agent, bytes);
        if (agent.smux.length === 8) socket.send(agent.data(frame(SmuxCommand.psh, 3, '220 ready')));
      },
    });
    await using tunnel = await openTunnel(optionsFor(gateway));
    const stream = tunnel.connect().on('error', () => {});
    expect(String((await once(stream, 'data'))[0])).toBe('220 ready');
    expect(gateway.agent.smux.equals(frame(SmuxCommand.syn, 3))).toBe(true);
  });

  it('gets data that comes in the same packet as the end of the handshake, where the official client hangs', async () => {
    for (let run = 0; run < 20; run++) {
      await using gateway = await startScriptedGateway({
        ...politeAgent,
        run: (socket, agent) => {
          socket.send(agent.handshakeRequest());
          socket.send(agent.handshakeComplete());
          socket.send(agent.data(frame(SmuxCommand.nop, 0)));
        },
      });
      await using tunnel = await openTunnel(optionsFor(gateway));
      await vi.waitFor(() => expect(gateway.agent.acknowledged).toEqual([0, 1, 2]), 20_000);
      expect(tunnel.state.name).toBe('open');
    }
  });

  it('fails alone when the agent cannot connect, and says where to', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    await using tunnel = await openTunnel(optionsFor(gateway));
    const [refused, other] = [tunnel.connect(), tunnel.connect()];
    other.on('error', () => {});
    const failed = once(refused, 'error');
    await vi.waitFor(() => expect(gateway.agent.smux.length).toBe(16), 20_000);
    const { agent } = gateway;
    socketOf(gateway).send(agent.output(PayloadType.flag, encodeSessionFlag(3)));
    socketOf(gateway).send(agent.data(frame(SmuxCommand.fin, 3)));
    expect(await failed).toEqual([
      expect.objectContaining({
        code: 'SSM_REMOTE_PORT_REFUSED',
        message: expect.stringContaining('db.internal:5432'),
      }),
    ]);
    expect([other.destroyed, tunnel.state.name, tunnel.stats().streams.refused]).toEqual([false, 'open', 1]);
  });

  it('is not taken for a refused one when it had delivered data', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    await using tunnel = await openTunnel(optionsFor(gateway));
    const [served, refused] = [tunnel.connect(), tunnel.connect()];
    const failed = once(refused, 'error');
    await vi.waitFor(() => expect(gateway.agent.smux.length).toBe(16), 20_000);
    const { agent } = gateway;
    const socket = socketOf(gateway);
    socket.send(agent.data(frame(SmuxCommand.psh, 3, 'bye')));
    socket.send(agent.output(PayloadType.flag, encodeSessionFlag(3)));
    socket.send(agent.data(Buffer.concat([frame(SmuxCommand.fin, 3), frame(SmuxCommand.fin, 5)])));
    expect(Buffer.concat(await served.toArray()).toString()).toBe('bye');
    expect(await failed).toEqual([expect.objectContaining({ code: 'SSM_REMOTE_PORT_REFUSED' })]);
  });

  it('is not blamed for a refusal whose own stream was closed by then', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    await using tunnel = await openTunnel(optionsFor(gateway));
    const { agent } = gateway;
    const socket = socketOf(gateway);
    const impatient = tunnel.connect();
    await vi.waitFor(() => expect(agent.smux.length).toBe(8), 20_000);
    impatient.destroy();
    socket.send(agent.output(PayloadType.flag, encodeSessionFlag(3)));
    socket.send(agent.data(frame(SmuxCommand.fin, 3)));
    await vi.waitFor(() => expect(agent.acknowledged).toEqual([0, 1, 2, 3]), 20_000);
    const silent = tunnel.connect().resume();
    await vi.waitFor(() => expect(agent.smux.length).toBe(24), 20_000);
    socket.send(agent.data(frame(SmuxCommand.fin, 5)));
    await once(silent, 'close');
    expect(silent.errored).toBeNull();
  });

  it('refuses streams that the agent opens, and gives up on an agent that goes on', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    await using tunnel = await openTunnel(optionsFor(gateway));
    const { agent } = gateway;
    const socket = socketOf(gateway);
    socket.send(agent.data(frame(SmuxCommand.syn, 2)));
    await vi.waitFor(() => expect(agent.smux.equals(frame(SmuxCommand.fin, 2))).toBe(true), 20_000);
    const failed = once(tunnel.connect(), 'error');
    await vi.waitFor(() => expect(agent.smux.length).toBe(16), 20_000);
    socket.send(
      agent.data(Buffer.concat(Array.from({ length: 64 }, (_, at) => frame(SmuxCommand.syn, 4 + 2 * at)))),
    );
    expect(await failed).toEqual([
      expect.objectContaining({
        code: 'SSM_STREAM_RESET',
        cause: expect.objectContaining({ code: 'SSM_FRAME_INVALID', kind: 'protocol', field: 'smux SYN' }),
      }),
    ]);
    await vi.waitFor(() => expect(tunnel.stats()).toMatchObject({ state: 'open', replacements: 1 }), 20_000);
  });

  it('is not opened by a tunnel that is closed, or for a caller who is gone', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    const tunnel = await openTunnel(optionsFor(gateway));
    const reason = new Error('enough');
    expect(await once(tunnel.connect({ signal: AbortSignal.abort(reason) }), 'error')).toEqual([reason]);
    const controller = new AbortController();
    const stream = tunnel.connect({ signal: controller.signal });
    const failed = once(stream, 'error');
    controller.abort(reason);
    expect(await failed).toEqual([reason]);
    await tunnel.close();
    expect(await once(tunnel.connect(), 'error')).toEqual([
      expect.objectContaining({ code: 'SSM_TUNNEL_CLOSED' }),
    ]);
    await expect(tunnel.listen()).rejects.toMatchObject({ code: 'SSM_TUNNEL_CLOSED' });
  });
});

describe('a tunnel', () => {
  it.each<[string, (socket: ReturnType<typeof socketOf>) => void, RegExp]>([
    ['is closed by the service', (socket) => socket.close(1000, 'Bye'), /closed it with 1000 Bye/],
    ['breaks', (socket) => socket.terminate(), /1006/],
  ])(
    'ends with its streams and listeners when its channel %s and nothing works any more',
    async (_, end, words) => {
      await using gateway = await startScriptedGateway({
        ...politeAgent,
        resumeSession: () => ({ __type: 'ExpiredTokenException', message: 'expired' }),
      });
      const losses: unknown[] = [];
      const onSession = (message: unknown): void => {
        const { event, cause } = message as { event: string; cause?: unknown };
        if (event === 'lost') losses.push(cause);
      };
      subscribe('postern:ssm-tunnel:session', onSession);
      const tunnel = await openTunnel({ ...optionsFor(gateway), reconnectTimeoutMs: 0 });
      const listener = await tunnel.listen();
      const stream = tunnel.connect();
      const failed = once(stream, 'error');
      await vi.waitFor(() => expect(gateway.agent.smux.length).toBe(8), 20_000);
      end(socketOf(gateway));
      expect(await failed).toEqual([
        expect.objectContaining({
          code: 'SSM_STREAM_RESET',
          cause: expect.objectContaining({ code: 'SSM_RECONNECT_TIMEOUT' }),
        }),
      ]);
      const { reason } = await tunnel.closed;
      expect(reason).toMatchObject({
        code: 'SSM_RECONNECT_TIMEOUT',
        cause: expect.objectContaining({ code: 'SSM_CREDENTIALS_UNAVAILABLE' }),
      });
      expect(losses).toEqual([
        expect.objectContaining({ code: 'SSM_CHANNEL_LOST', message: expect.stringMatching(words) }),
      ]);
      expect(tunnel.state).toEqual({ name: 'closed', reason });
      expect(operations(gateway)).toEqual(['StartSession', 'ResumeSession', 'TerminateSession']);
      expect(await once(tunnel.connect(), 'error')).toEqual([
        expect.objectContaining({
          code: 'SSM_TUNNEL_CLOSED',
          message: expect.stringContaining('was lost for 0 ms'),
        }),
      ]);
      unsubscribe('postern:ssm-tunnel:session', onSession);
      await listener.close();
      await tunnel.close();
    },
  );

  it('notices a service that is silent, and starts another session when that one is over', async () => {
    await using gateway = await startScriptedGateway({ ...politeAgent, autoPong: false });
    const tunnel = await openTunnel({ ...optionsFor(gateway), pingIntervalMs: 100 });
    await vi.waitFor(() => expect(tunnel.stats().replacements).toBeGreaterThan(0), 20_000);
    expect(operations(gateway).slice(0, 3)).toEqual(['StartSession', 'ResumeSession', 'StartSession']);
    await tunnel.close();
  });

  it('pings as the official client does, and lives on answers', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    await using tunnel = await openTunnel({ ...optionsFor(gateway), pingIntervalMs: 200 });
    const bodies: string[] = [];
    socketOf(gateway).on('ping', (body: Buffer) => bodies.push(body.toString()));
    await vi.waitFor(() => expect(bodies.length).toBeGreaterThan(3), 20_000);
    expect([new Set(bodies), tunnel.state.name]).toEqual([new Set(['keepalive']), 'open']);
  });

  it('ends with the agent’s words when its sessions fail after the handshake for the same reason', async () => {
    await using gateway = await startScriptedGateway({
      ...politeAgent,
      onMessage: (socket, agent) => {
        if (!agent.acknowledged.includes(1)) return;
        socket.send(agent.control('channel_closed', '{"Output":"Forwarding to IP address x is forbidden."}'));
      },
    });
    const tunnel = await openTunnel(optionsFor(gateway));
    expect((await tunnel.closed).reason).toMatchObject({
      code: 'SSM_CHANNEL_CLOSED',
      message: expect.stringContaining('Forwarding to IP address x is forbidden.'),
      output: 'Forwarding to IP address x is forbidden.',
    });
    expect(operations(gateway)).toEqual(['StartSession', 'StartSession']);
  });

  it('keeps the mux of an old agent alive with frames of its own', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      await using gateway = await startScriptedGateway({
        ...politeAgent,
        run: (socket, agent) => {
          socket.send(agent.handshakeRequest(undefined, '3.1.1511.0'));
          socket.send(agent.handshakeComplete());
        },
      });
      await using _tunnel = await openTunnel(optionsFor(gateway));
      vi.advanceTimersByTime(10_000);
      await vi.waitFor(() => expect(gateway.agent.smux.toString('hex')).toBe('0103000000000000'), 20_000);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is closed with the flag, then done', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    const tunnel = await openTunnel(optionsFor(gateway));
    const stream = tunnel.connect();
    const closing = tunnel.close();
    expect(tunnel.close()).toBe(closing);
    await closing;
    expect([stream.destroyed, stream.errored]).toEqual([true, null]);
    expect(await tunnel.closed).toEqual({ reason: undefined });
    expect(operations(gateway)).toEqual(['StartSession']);
    expect(Buffer.from(gateway.agent.input.at(-1)?.payload ?? []).toString('hex')).toBe('00000002');
    await vi.waitFor(() => expect(socketOf(gateway).readyState).toBe(3), 20_000);
  });

  it('is closed through the API when the agent does not react', async () => {
    await using gateway = await startScriptedGateway({
      run: (socket, agent) => {
        socket.send(agent.handshakeRequest());
        socket.send(agent.handshakeComplete());
      },
      terminateSession: () => ({ __type: 'ValidationException', message: 'not in a valid state' }),
    });
    const tunnel = await openTunnel(optionsFor(gateway));
    await tunnel.close();
    expect(operations(gateway)).toEqual(['StartSession', 'TerminateSession']);
    expect(await tunnel.closed).toEqual({ reason: undefined });
  });

  it('sends what was written before it closes', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    const tunnel = await openTunnel(optionsFor(gateway));
    const stream = tunnel.connect().on('error', () => {});
    stream.write('x'.repeat(300_000));
    await tunnel.close();
    const sent = gateway.agent.smux;
    expect(sent.toString().match(/x/g)?.length).toBe(300_000);
  });

  it('ends at once when aborted, and ends the session in the background', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    const tunnel = await openTunnel(optionsFor(gateway));
    const stream = tunnel.connect();
    const failed = once(stream, 'error');
    const waiting = once(tunnel.connect({ dedicated: true }), 'error');
    const reason = new Error('stop');
    tunnel.abort(reason);
    tunnel.abort(new Error('again'));
    expect([tunnel.state, stream.destroyed]).toEqual([{ name: 'closed', reason }, true]);
    expect(await failed).toEqual([expect.objectContaining({ code: 'SSM_STREAM_RESET' })]);
    expect(await waiting).toHaveLength(1);
    expect(await tunnel.closed).toEqual({ reason });
    expect(operations(gateway)).toEqual(['StartSession', 'TerminateSession']);
    await tunnel.close();
  });

  it('goes from closing to aborted when the caller’s patience ends', async () => {
    await using gateway = await startScriptedGateway({
      run: (socket, agent) => {
        socket.send(agent.handshakeRequest());
        socket.send(agent.handshakeComplete());
      },
    });
    const tunnel = await openTunnel(optionsFor(gateway));
    const controller = new AbortController();
    const closing = tunnel.close({ signal: controller.signal });
    const reason = new Error('now');
    controller.abort(reason);
    await closing;
    expect(await tunnel.closed).toEqual({ reason });
  });
});

it('a gateway that is overloaded for a while does not end a tunnel', async () => {
  const script: { upgradeStatus?: number } = {};
  await using gateway = await startScriptedGateway({
    ...politeAgent,
    get upgradeStatus() {
      return script.upgradeStatus as number;
    },
    resumeSession: (url) => ({ SessionId: 's-1', TokenValue: 'another', StreamUrl: url }),
    run: (socket, agent) => {
      if (agent.received.length === 0) politeAgent.run?.(socket, agent);
    },
  });
  const tunnel = await openTunnel(optionsFor(gateway));
  await vi.waitFor(() => expect(gateway.agent.input).toHaveLength(1), 20_000);
  script.upgradeStatus = 503;
  socketOf(gateway).terminate();
  await vi.waitFor(() => expect(gateway.upgrades.length).toBeGreaterThan(7), 20_000);
  expect(tunnel.state).toMatchObject({ name: 'resuming', cause: { code: 'SSM_CHANNEL_LOST' } });
  delete script.upgradeStatus;
  await vi.waitFor(() => expect(tunnel.state).toEqual({ name: 'open' }), 20_000);
  expect(tunnel.stats()).toMatchObject({ resumes: 1, replacements: 0 });
  await tunnel.close();
}, 60_000);

it('a payload that the service does not take is told as such, and not sent for ever', async () => {
  await using gateway = await startScriptedGateway({
    ...politeAgent,
    onMessage: (socket, agent, bytes) => {
      if (bytes.length > 4_096) socket.close(1009, 'too big');
      else politeAgent.onMessage?.(socket, agent, bytes);
    },
  });
  const tunnel = await openTunnel({ ...optionsFor(gateway), uploadPayloadBytes: 16_384 });
  const stream = tunnel.connect();
  const failed = once(stream, 'error');
  stream.write('x'.repeat(20_000));
  expect(await failed).toEqual([
    expect.objectContaining({
      code: 'SSM_STREAM_RESET',
      hint: expect.stringContaining('uploadPayloadBytes'),
      cause: expect.objectContaining({ code: 'SSM_PAYLOAD_TOO_LARGE', kind: 'invalid' }),
    }),
  ]);
  await vi.waitFor(() => expect(tunnel.state.name).toBe('open'), 20_000);
  expect(operations(gateway)).not.toContain('ResumeSession');
  await tunnel.close();
});

it('an agent that ends every session at once is given all the time that was asked for, and no more', async () => {
  await using gateway = await startScriptedGateway({
    ...politeAgent,
    onMessage: (socket, agent) => {
      if (agent.acknowledged.includes(1)) socket.send(agent.control('channel_closed', '{"Output":""}'));
    },
  });
  const tunnel = await openTunnel({ ...optionsFor(gateway), reconnectTimeoutMs: 1_500 });
  const openedAt = performance.now();
  expect((await tunnel.closed).reason).toMatchObject({
    code: 'SSM_RECONNECT_TIMEOUT',
    cause: { code: 'SSM_CHANNEL_CLOSED' },
  });
  expect(performance.now() - openedAt).toBeGreaterThan(1_000);
  expect(operations(gateway).length).toBeLessThan(12);
});
