import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it, vi } from 'vitest';
import { ask, failureOf, read } from './reading.ts';
import { startNode } from './simulated-node.ts';

// Sessions that carry one connection: agents without mux, and documents without a type.

const old = { version: '3.0.196.0' };

it('an agent without mux serves one connection after the other in one session', async () => {
  await using node = await startNode({ agent: old });
  const tunnel = await node.open();
  for (const word of ['first', 'second', 'third']) {
    const stream = tunnel.connect();
    expect(await ask(stream, word)).toBe(word);
    stream.destroy();
  }
  expect(tunnel.stats().sessions).toMatchObject([{ mode: 'basic' }]);
  expect(node.simulator.statistics().sessionsStarted).toBe(1);
});

it('with an agent without mux a second connection waits for the first, or gets a session of its own', async () => {
  await using node = await startNode({ agent: old });
  const tunnel = await node.open();
  const first = tunnel.connect();
  expect(await ask(first, 'first')).toBe('first');
  const second = tunnel.connect();
  const answer = ask(second, 'second');
  expect(tunnel.stats().waitingStreams).toBe(1);
  first.destroy();
  expect(await answer).toBe('second');
  second.destroy();

  const wide = await node.open({ sessions: { max: 3 } });
  const streams = [wide.connect(), wide.connect(), wide.connect()];
  expect(await Promise.all(streams.map((stream, at) => ask(stream, `${at}`)))).toEqual([...'012']);
  expect(wide.stats().sessions).toHaveLength(3);
  for (const stream of streams) stream.destroy();
});

it('a server that speaks first is heard in every mode', async () => {
  for (const agent of [old, {}]) {
    await using node = await startNode({ agent, serve: (socket) => socket.write('220 ready') });
    const tunnel = await node.open();
    const stream = tunnel.connect();
    expect(String(await read(stream, 9))).toBe('220 ready');
    stream.destroy();
  }
});

it('an old agent’s connection survives a lost line', async () => {
  await using node = await startNode({ agent: old });
  const tunnel = await node.open();
  const stream = tunnel.connect();
  expect(await ask(stream, 'before')).toBe('before');
  node.simulator.faults.closeChannel(tunnel.sessionId);
  expect(await ask(stream, 'after')).toBe('after');
  stream.destroy();
});

it('the SSH document carries one connection for each session, and its end is an end', async () => {
  const server = createServer((socket) => {
    socket.write('SSH-2.0-test\r\n');
    socket.once('data', (data) => socket.end(data));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await using node = await startNode();
  const tunnel = await node.open({
    document: { name: 'AWS-StartSSHSession', parameters: { portNumber: String(port) } },
  });
  for (const word of ['one', 'two']) {
    const stream = tunnel.connect();
    expect(String(await read(stream, 14))).toBe('SSH-2.0-test\r\n');
    stream.write(word);
    expect(await text(stream)).toBe(word);
  }
  expect(tunnel.stats().sessions.every(({ mode }) => mode === 'standard')).toBe(true);
  expect(node.simulator.statistics().sessionsStarted).toBe(2);
  await tunnel.close();
  server.close();
});

it('a port that refuses ends a session of one connection, and the tunnel says so', async () => {
  await using node = await startNode({ agent: old });
  node.server.close();
  await once(node.server, 'close');
  const opened = await node.open().catch((error: unknown) => error);
  const reason =
    opened instanceof Error
      ? opened
      : (await (opened as { closed: Promise<{ reason: unknown }> }).closed).reason;
  expect(reason).toMatchObject({ code: 'SSM_CHANNEL_CLOSED', output: expect.stringMatching(/refused/i) });
});

it('the session of an agent too old for the flag is ended through the API', async () => {
  await using node = await startNode({ agent: { version: '2.3.700.0' } });
  const tunnel = await node.open();
  const stream = tunnel.connect();
  expect(await ask(stream, 'x')).toBe('x');
  await tunnel.close();
  expect(node.simulator.statistics()).toMatchObject({ openSessions: 0, terminateSessionCalls: 1 });
});

it('an aborted old session resets its stream', async () => {
  await using node = await startNode({ agent: old });
  const tunnel = await node.open();
  const stream = tunnel.connect();
  expect(await ask(stream, 'x')).toBe('x');
  const failed = failureOf(stream);
  tunnel.abort(new Error('stop'));
  expect(await failed).toMatchObject({ code: 'SSM_STREAM_RESET' });
  await tunnel.closed;
  await vi.waitFor(() => expect(node.simulator.statistics().openSessions).toBe(0), 20_000);
});

it('bytes of one connection never reach the next one, also when the line was lost between them', async () => {
  let connections = 0;
  await using node = await startNode({
    agent: old,
    service: { absentPeer: 'drop' },
    serve: (socket) => {
      const mark = `${++connections}`;
      const pour = (): void => {
        while (socket.write(mark.repeat(10_000)));
      };
      socket.on('drain', pour);
      pour();
    },
  });
  const name = 'postern:ssm-tunnel:state';
  const states: unknown[] = [];
  const onState = (message: unknown): void => {
    const { state, reason } = message as { state: string; reason?: unknown };
    if (state === 'replacing') states.push(reason);
  };
  subscribe(name, onState);
  const tunnel = await node.open();
  const first = tunnel.connect();
  await read(first, 1_000);
  node.simulator.faults.closeChannel(tunnel.sessionId);
  first.destroy();
  const second = tunnel.connect();
  expect(String(await read(second, 50_000))).toMatch(/^2+$/);
  // Why the session is not used any longer can be watched.
  for (const reason of states) expect(reason).toMatchObject({ code: 'SSM_CHANNEL_LOST' });
  expect(states.length).toBeGreaterThan(0);
  unsubscribe(name, onState);
  second.destroy();
}, 60_000);

it('a server that hangs up without a word, time and again, does not end a tunnel of single connections', async () => {
  const server = createServer((socket) => socket.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await using node = await startNode();
  const tunnel = await node.open({
    document: { name: 'AWS-StartSSHSession', parameters: { portNumber: String(port) } },
  });
  for (let at = 0; at < 12; at++) expect(await text(tunnel.connect())).toBe('');
  expect(tunnel.state.name).not.toBe('closed');
  expect(tunnel.stats().replacements).toBe(0);
  await tunnel.close();
  server.close();
}, 60_000);
