import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectError, isConnectError } from '../errors.ts';
import { describeError, receive, reviveError, send } from './protocol.ts';

let server: Server;
let near: Socket;
let far: Socket;
beforeEach(async () => {
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  near = connect((server.address() as { port: number }).port, '127.0.0.1');
  [far] = (await once(server, 'connection')) as [Socket];
  near.on('error', () => undefined);
  far.on('error', () => undefined);
});
afterEach(() => {
  near.destroy();
  far.destroy();
  server.close();
});

describe('a message', () => {
  it('arrives whole however it was cut, several in one piece too', async () => {
    const seen: unknown[] = [];
    receive(far, (message) => seen.push(message));
    const messages = [
      { id: 1, method: 'a', params: { text: 'ä\nö' } },
      { id: 2, method: 'b', params: {} },
    ];
    const bytes = Buffer.from(messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
    for (const byte of bytes) near.write(Buffer.from([byte]));
    near.write(bytes);
    await vi.waitFor(() => expect(seen).toEqual([...messages, ...messages]), 20_000);
  });

  it.each([
    ['is not JSON', 'hello\n'],
    ['is no object', '1\n'],
    ['never ends', 'x'.repeat(5 * 1024 * 1024)],
  ])('that %s ends the connection', async (_, text) => {
    const seen = vi.fn();
    receive(far, seen);
    near.write(text);
    await new Promise((resolve) => far.once('close', resolve));
    expect(far.errored).toMatchObject({ code: 'CONNECT_HOST_PROTOCOL' });
    expect(seen).not.toHaveBeenCalled();
  });

  it('to somebody who has gone is dropped', async () => {
    far.destroy();
    await new Promise((resolve) => near.once('close', resolve));
    expect(() => send(near, { id: 1, method: 'a', params: {} })).not.toThrow();
  });
});

describe('an error', () => {
  it('is the same on the other side: name, code, fields and causes, without its stack', () => {
    const cause = Object.assign(new Error('relation exists'), { code: '42P07', query: 'secret query' });
    const original = new ConnectError({
      code: 'CONNECT_CONFIG_INVALID',
      kind: 'invalid',
      message: 'two problems',
      hint: 'correct them',
      problems: ['a', 'b'],
      cause,
    });
    const sent = JSON.stringify(describeError(original));
    expect(sent).not.toContain('secret query');
    expect(sent).not.toContain('protocol.test.ts');
    const revived = reviveError(JSON.parse(sent));
    expect(isConnectError(revived)).toBe(true);
    expect(revived).toMatchObject({
      name: 'ConnectError',
      code: 'CONNECT_CONFIG_INVALID',
      kind: 'invalid',
      message: 'two problems',
      hint: 'correct them',
      problems: ['a', 'b'],
      cause: { message: 'relation exists', code: '42P07' },
    });
  });

  it('that causes itself, or is none, does not break the connection', () => {
    const endless = new Error('again');
    endless.cause = endless;
    expect(() => JSON.stringify(describeError(endless))).not.toThrow();
    expect(reviveError(describeError('just text')).message).toBe('just text');
  });
});
